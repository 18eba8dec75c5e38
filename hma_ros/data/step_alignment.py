# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Images, measurements and reports to steps, by the rules of the running nodes.

The same frame clock picks the images, the same histories align joints by stamp, and the same code
finds what was executed. Nothing is filled in: a step that lacks its image, joints or actions is
dropped, and the next one restarts.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.executed_actions import ExecutedActions
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.frame_clock import FrameClock
from hma_ros.core.vision.image import preprocess
from hma_ros.data.steps import Step, check_step, looks_like_degrees

_NS = 1_000_000_000
# Measurements that a step lacks are waited for so long after its end, in time of the recording.
_PATIENCE_NS = 500_000_000
_IMAGES_KEPT = 16


class _Pending(NamedTuple):
    stamp_ns: int
    image: Any
    restarts: bool


class StepAlignment:
    """
    Aligns one recording; feed it in the order of time, and set ``now_ns`` before.

    :param read_image: turns what :meth:`offer_image` took into ``uint8[height, width, 3]``; only
        images that become steps are read.
    :param has_reports: whether executed actions are reported, so that they are waited for.
    :param where: the recording, for errors.
    :param to_rad: what to do about angles in degrees, for errors.
    """

    def __init__(
        self,
        spec: EmbodimentSpec,
        read_image: Callable[[Any], NDArray[np.uint8]],
        has_reports: bool,
        where: str,
        to_rad: str = 'let the driver publish rad (REP 103)',
    ) -> None:
        self._spec, self._read_image, self._where = spec, read_image, where
        self._has_reports, self._to_rad = has_reports, to_rad
        self._clock = FrameClock(spec.rates.frame_hz, spec.camera.max_age_s)
        self.measured = StateHistory(spec, is_continuous_D=spec.limits.continuous)
        self.executed = ExecutedActions(spec, self.measured)
        self.now_ns = 0
        self._images: dict[int, Any] = {}
        self._pending: deque[_Pending] = deque()
        self._lost = False
        self.dropped: Counter[str] = Counter()
        self.origins: Counter[str] = Counter()
        self.first_drop: str | None = None

    def offer_image(self, stamp_ns: int, image: Any) -> str | None:
        """Take an image; returns why it is refused, None if it is not."""
        refusal = self._clock.offer(stamp_ns, self.now_ns)
        if refusal is None:
            self._images[stamp_ns] = image
            while len(self._images) > _IMAGES_KEPT:
                self._images.pop(next(iter(self._images)))
        return refusal

    def steps(self, is_end: bool = False) -> Iterator[Step]:
        """Yield the steps that are known by now; at an end also those that waited for more."""
        self._tick()
        while self._pending and (is_end or not self._must_wait(self._pending[0])):
            pending = self._pending.popleft()
            try:
                step = self._step(pending)
            except MessageError as error:
                self._drop(getattr(error, 'kind', 'incomplete step'), str(error))
                continue
            self._lost = False
            self.origins[step.origin] += 1
            yield step

    def _tick(self) -> None:
        while True:
            pick = self._clock.tick(self.now_ns)
            if pick.stamp_ns is None:
                if pick.reason is not None and pick.reason != 'no image':
                    self._drop('missing image', pick.reason)
                return
            image = self._images.pop(pick.stamp_ns, None)
            self._pending.append(_Pending(pick.stamp_ns, image, pick.restarts))

    def _must_wait(self, pending: _Pending) -> bool:
        end_ns = pending.stamp_ns + round(_NS / self._spec.rates.frame_hz)
        if self.now_ns > end_ns + _PATIENCE_NS:
            return False
        if not self.measured.joints_reach(pending.stamp_ns):
            return True
        return self.now_ns < end_ns or self.executed.may_come(pending.stamp_ns, self._has_reports)

    def _step(self, pending: _Pending) -> Step:
        spec, where = self._spec, f'{self._where}: step at {pending.stamp_ns} ns'
        # First: without joints there are no measured actions either.
        joints = self.measured.joints_at(pending.stamp_ns)
        actions, origin = self.executed.find(pending.stamp_ns)
        if actions is None:
            raise MessageError(
                f'{where}: actions: got none executed, expected {spec.rates.stride}: reported, or '
                f'measured from samples at most {spec.state.max_age_s:g} s (state.max_age_s) apart'
            )
        step = Step(
            pending.stamp_ns,
            preprocess(self._read_image(pending.image), spec.camera),
            joints.astype(np.float32),
            actions.astype(np.float32),
            origin,
            pending.restarts or self._lost,
        )
        try:
            check_step(spec, step, where)
        except MessageError as error:
            if looks_like_degrees(spec, step):
                text = f'{error}; looks like degrees: {self._to_rad}'
                raise type(error)(text) from error
            raise
        return step

    def _drop(self, kind: str, why: str) -> None:
        self._lost = True
        self.dropped[kind] += 1
        self.first_drop = self.first_drop or why
