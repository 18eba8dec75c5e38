# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Recorded messages to steps: what each topic means for :class:`StepAlignment`."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment.spec import EmbodimentSpec, PoseSpec, StateSource
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.chunk import to_actions
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.pose import to_pose
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.short_text import quoted
from hma_ros.core.topics import CLOCK_TOPIC, EPISODE_TOPIC, EXECUTED_TOPIC, MARKS, age_limits
from hma_ros.data.bag_messages import Recorded
from hma_ros.data.step_alignment import Drop, StepAlignment
from hma_ros.data.steps import Step
from hma_ros.data.topic_counts import TopicCounts

# If all topics are silent for so long, the recording paused.
_PAUSE_NS = 1_000_000_000


class Mark(NamedTuple):
    """The operator's word about an episode: ``begin``, ``succeed``, ``fail`` or ``discard``."""

    stamp_ns: int
    text: str


class BagSteps:
    """
    Turns messages into steps and marks, in the order of their time.

    :param spec: the embodiment.
    :param topics: name in the bag of each topic of the embodiment, see
        :func:`~hma_ros.data.bag_import.bag_topics`.
    :param where: the bag, for errors.
    :param has_marks: whether marks say where episodes are: what is missing elsewhere is no loss.
    """

    def __init__(
        self, spec: EmbodimentSpec, topics: dict[str, str], where: str, has_marks: bool = False
    ) -> None:
        self._spec, self._topics = spec, topics
        self._has_marks, self._is_outside = has_marks, has_marks
        self._heard_ns: int | None = None
        self.alignment = StepAlignment(spec, self._read_image, EXECUTED_TOPIC in topics, where)
        self._has_clock = CLOCK_TOPIC in topics
        self.counts = {name: TopicCounts() for name in topics.values()}
        self._receivers = self._make_receivers(topics)

    def feed(self, recorded: Recorded) -> Iterator[Step | Drop | Mark]:
        """Take one message; yields what is known by now."""
        counts, alignment = self.counts[recorded.topic], self.alignment
        counts.messages += 1
        self._note_pause(recorded.log_ns)
        if not self._has_clock:
            alignment.now_ns = max(alignment.now_ns, recorded.log_ns)
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
                    yield from self.flush()
                    yield mark
        yield from alignment.steps()

    def flush(self) -> Iterator[Step | Drop]:
        """Yield the steps that waited for more."""
        return self.alignment.steps(is_end=True)

    def lose_track(self) -> Iterator[Step | Drop]:
        """After damage, where marks may be lost: yield the steps that waited for more."""
        yield from self.flush()
        self._is_outside = self._has_marks
        self._pause()

    def close(self) -> Iterator[Step | Drop]:
        """Yield the steps that waited for more, and judge the clocks."""
        yield from self.flush()
        for name, limit in age_limits(self._spec).items():
            self.counts[self._topics[name]].note_clock(*limit, self._has_clock)

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

    def _read_image(self, message: Any) -> NDArray[np.uint8]:
        return to_rgb(message, self._spec.camera.topic, self._spec.camera)

    def _on_clock(self, message: Any, counts: TopicCounts) -> None:
        self.alignment.now_ns = stamp_ns(message.clock)

    def _on_image(self, message: Any, counts: TopicCounts) -> None:
        stamp = stamp_ns(message.header.stamp)
        counts.note_stamp(stamp)
        self._note_age(stamp, self._spec.camera.max_age_s, counts)
        refusal = self.alignment.offer_image(stamp, message)
        counts.first_fault = counts.first_fault or refusal

    def _on_joints(
        self, index: int, source: StateSource, message: Any, counts: TopicCounts
    ) -> None:
        stamp = stamp_ns(message.header.stamp)
        if not set(source.message_names).isdisjoint(message.name):
            counts.note_stamp(stamp)
            self._note_age(stamp, self._spec.state.max_age_s, counts)
        self.alignment.measured.add_joints(index, stamp, message.name, message.position)

    def _on_pose(self, pose: PoseSpec, message: Any, counts: TopicCounts) -> None:
        stamp = stamp_ns(message.header.stamp)
        counts.note_stamp(stamp)
        self._note_age(stamp, self._spec.state.max_age_s, counts)
        xyz, turn = to_pose(message, pose.frame_id, pose.topic)
        self.alignment.measured.add_tool(stamp, xyz, turn)

    def _on_gripper(self, message: Any, counts: TopicCounts) -> None:
        stamp = stamp_ns(message.header.stamp)
        self.alignment.measured.add_gripper(stamp, message.name, message.position)

    def _on_executed(self, message: Any, counts: TopicCounts) -> None:
        actions = to_actions(message, self._spec, EXECUTED_TOPIC)
        self.alignment.executed.report(stamp_ns(message.header.stamp), actions)

    def _on_mark(self, message: Any, counts: TopicCounts) -> Mark:
        if message.data not in MARKS:
            raise MessageError(
                f'{EPISODE_TOPIC}: got {quoted(message.data)}, expected one of {", ".join(MARKS)}'
            )
        self._is_outside = message.data != 'begin'
        self._pause()
        return Mark(self.alignment.now_ns, message.data)

    def _note_pause(self, log_ns: int) -> None:
        """Tell what is missing in an episode from what nobody recorded."""
        heard_ns, self._heard_ns = self._heard_ns, log_ns
        is_silent = heard_ns is not None and log_ns - heard_ns > _PAUSE_NS
        if self._is_outside or (is_silent and not self._has_marks):
            self._pause()

    def _pause(self) -> None:
        for counts in self.counts.values():
            counts.pause()

    def _note_age(self, stamp: int, max_age_s: float, counts: TopicCounts) -> None:
        counts.note_age(self.alignment.now_ns - stamp, max_age_s)
