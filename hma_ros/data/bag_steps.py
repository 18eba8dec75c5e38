# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Recorded messages to steps, by the rules of the running nodes.

The same frame clock picks the images, the same histories align joints by header stamp, and the
same code reads pictures and finds what was executed. Nothing is filled in: a step that lacks its
image, joints or actions is dropped, and the next one restarts.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from hma_ros.core.control.executed_actions import ExecutedActions
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment.spec import EmbodimentSpec, PoseSpec, StateSource
from hma_ros.core.errors import MessageError
from hma_ros.core.frame_clock import FrameClock
from hma_ros.core.image import preprocess
from hma_ros.core.messages.chunk import to_actions
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.pose import to_pose
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.short_text import quoted
from hma_ros.core.topics import CLOCK_TOPIC, EPISODE_TOPIC, MARKS
from hma_ros.data.bag_messages import Recorded
from hma_ros.data.steps import Step, check_step
from hma_ros.data.topic_counts import TopicCounts

EXECUTED_TOPIC = 'action_executor/executed'
_NS = 1_000_000_000
# Measurements that a step lacks are waited for so long after its end, in time of the recording.
_PATIENCE_NS = 500_000_000
_IMAGES_KEPT = 16


class Mark(NamedTuple):
    """The operator's word about an episode: ``begin``, ``succeed``, ``fail`` or ``discard``."""

    stamp_ns: int
    text: str


class _Pending(NamedTuple):
    stamp_ns: int
    message: Any
    restarts: bool


class BagSteps:
    """
    Turns messages into steps and marks, in the order of their time.

    :param spec: the embodiment.
    :param topics: name in the bag of each topic of the embodiment, see :func:`wanted_topics`.
    :param where: the bag, for errors.
    """

    def __init__(self, spec: EmbodimentSpec, topics: dict[str, str], where: str) -> None:
        self._spec, self._where = spec, where
        self._clock = FrameClock(spec.rates.frame_hz, spec.camera.max_age_s)
        self._measured = StateHistory(spec, is_continuous_D=spec.limits.continuous)
        self._executed = ExecutedActions(spec, self._measured)
        self._images: dict[int, Any] = {}
        self._pending: deque[_Pending] = deque()
        self._lost = False
        self._now_ns = 0
        self._has_clock = CLOCK_TOPIC in topics
        self._has_reports = EXECUTED_TOPIC in topics
        self.counts = {name: TopicCounts() for name in topics.values()}
        self.dropped: Counter[str] = Counter()
        self.origins: Counter[str] = Counter()
        self.first_drop: str | None = None
        self._receivers = self._make_receivers(topics)

    def feed(self, recorded: Recorded) -> Iterator[Step | Mark]:
        """Take one message; yields what is known by now."""
        counts = self.counts[recorded.topic]
        counts.messages += 1
        if not self._has_clock:
            self._now_ns = max(self._now_ns, recorded.log_ns)
        if recorded.fault is not None:
            counts.note_fault(recorded.fault)
            return
        for receive in self._receivers[recorded.topic]:
            try:
                mark = receive(recorded.message, counts)
            except MessageError as error:
                counts.note_fault(str(error))
            else:
                if mark is not None:
                    yield from self._finished(is_end=True)
                    yield mark
        self._tick()
        yield from self._finished(is_end=False)

    def close(self) -> Iterator[Step | Mark]:
        """Yield the steps that waited for more."""
        yield from self._finished(is_end=True)

    def _make_receivers(self, topics: dict[str, str]) -> dict[str, list[Callable[..., Any]]]:
        spec, state = self._spec, self._spec.state
        found: list[tuple[str, Callable[..., Any]]] = [
            (CLOCK_TOPIC, self._on_clock),
            (EXECUTED_TOPIC, self._on_executed),
            (EPISODE_TOPIC, self._on_mark),
            (spec.camera.topic, self._on_image),
        ]
        found += [
            (source.topic, partial(self._on_joints, index, source))
            for index, source in enumerate(state.sources)
        ]
        if spec.action.is_cartesian and state.pose is not None:
            found.append((state.pose.topic, partial(self._on_pose, state.pose)))
        if spec.gripper is not None and spec.gripper.joint_topic is not None:
            found.append((spec.gripper.joint_topic, self._on_gripper))
        receivers: dict[str, list[Callable[..., Any]]] = {name: [] for name in topics.values()}
        for topic, receive in found:
            if topic in topics:
                receivers[topics[topic]].append(receive)
        return receivers

    def _on_clock(self, message: Any, counts: TopicCounts) -> None:
        self._now_ns = stamp_ns(message.clock)

    def _on_image(self, message: Any, counts: TopicCounts) -> None:
        stamp = stamp_ns(message.header.stamp)
        counts.note_stamp(stamp)
        refusal = self._clock.offer(stamp, self._now_ns)
        if refusal is not None:
            counts.late += 1
            counts.first_fault = counts.first_fault or refusal
            return
        self._images[stamp] = message
        while len(self._images) > _IMAGES_KEPT:
            self._images.pop(next(iter(self._images)))

    def _on_joints(
        self, index: int, source: StateSource, message: Any, counts: TopicCounts
    ) -> None:
        stamp = stamp_ns(message.header.stamp)
        if not set(source.message_names).isdisjoint(message.name):
            counts.note_stamp(stamp)
            self._note_age(stamp, self._spec.state.max_age_s, counts)
        self._measured.add_joints(index, stamp, message.name, message.position)

    def _on_pose(self, pose: PoseSpec, message: Any, counts: TopicCounts) -> None:
        stamp = stamp_ns(message.header.stamp)
        counts.note_stamp(stamp)
        self._note_age(stamp, self._spec.state.max_age_s, counts)
        xyz, _ = to_pose(message, pose.frame_id, pose.topic)
        self._measured.add_tool(stamp, xyz)

    def _on_gripper(self, message: Any, counts: TopicCounts) -> None:
        self._measured.add_gripper(stamp_ns(message.header.stamp), message.name, message.position)

    def _on_executed(self, message: Any, counts: TopicCounts) -> None:
        actions = to_actions(message, self._spec, EXECUTED_TOPIC)
        self._executed.report(stamp_ns(message.header.stamp), actions)

    def _on_mark(self, message: Any, counts: TopicCounts) -> Mark:
        if message.data not in MARKS:
            raise MessageError(
                f'{EPISODE_TOPIC}: got {quoted(message.data)}, expected one of {", ".join(MARKS)}'
            )
        return Mark(self._now_ns, message.data)

    def _note_age(self, stamp: int, max_age_s: float, counts: TopicCounts) -> None:
        if abs(self._now_ns - stamp) > max_age_s * _NS:
            counts.late += 1

    def _tick(self) -> None:
        while True:
            pick = self._clock.tick(self._now_ns)
            if pick.stamp_ns is None:
                if pick.reason is not None and pick.reason != 'no image':
                    self._drop('missing image', pick.reason)
                return
            message = self._images.pop(pick.stamp_ns, None)
            self._pending.append(_Pending(pick.stamp_ns, message, pick.restarts))

    def _finished(self, is_end: bool) -> Iterator[Step]:
        while self._pending and (is_end or not self._must_wait(self._pending[0])):
            pending = self._pending.popleft()
            try:
                step = self._step(pending)
            except MessageError as error:
                self._drop('incomplete step', str(error))
                continue
            self._lost = False
            self.origins[step.origin] += 1
            yield step

    def _must_wait(self, pending: _Pending) -> bool:
        end_ns = pending.stamp_ns + round(_NS / self._spec.rates.frame_hz)
        if self._now_ns > end_ns + _PATIENCE_NS:
            return False
        if not self._measured.joints_reach(pending.stamp_ns):
            return True
        return self._now_ns < end_ns or self._executed.may_come(
            pending.stamp_ns, self._has_reports
        )

    def _step(self, pending: _Pending) -> Step:
        spec, where = self._spec, f'{self._where}: step at {pending.stamp_ns} ns'
        actions, origin = self._executed.find(pending.stamp_ns)
        if actions is None:
            raise MessageError(
                f'{where}: actions: got none executed, expected {spec.rates.stride}'
            )
        rgb = to_rgb(pending.message, spec.camera.topic, spec.camera)
        step = Step(
            pending.stamp_ns,
            preprocess(rgb, spec.camera),
            self._measured.joints_at(pending.stamp_ns).astype(np.float32),
            actions.astype(np.float32),
            origin,
            pending.restarts or self._lost,
        )
        check_step(spec, step, where)
        return step

    def _drop(self, kind: str, why: str) -> None:
        self._lost = True
        self.dropped[kind] += 1
        self.first_drop = self.first_drop or why
