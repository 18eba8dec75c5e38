# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Images, measurements and reports to steps, by the rules of the running nodes.

The same frame clock picks the images, the same histories align joints by stamp, and the same code
finds what was executed. Nothing is filled in: a step that lacks its image, joints or actions is
dropped, and the next one restarts.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.executed_actions import ExecutedActions
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.frame_clock import FrameClock
from hma_ros.core.units import NS_PER_S
from hma_ros.core.vision.image import preprocess
from hma_ros.data.steps import Step, check_step, looks_like_degrees

# Measurements that a step lacks are waited for so long after its end, in time of the recording.
_PATIENCE_NS = 500_000_000
_IMAGES_KEPT = 16
_MAY_COME = _NO_JOINTS, _NO_ACTIONS = 'no joints', 'no actions'
# The step reaches beyond the end of an attempt or of the recording: no fault.
CUT_OFF = 'cut off by an end'


class Drop(NamedTuple):
    """
    A step that cannot be made.

    :param kind: what it lacks, in few words.
    :param why: the whole reason.
    """

    kind: str
    why: str


class _DroppedError(Exception):
    def __init__(self, drop: Drop) -> None:
        super().__init__(drop.why)
        self.drop = drop


@contextmanager
def _dropped(kind: str, where: str) -> Iterator[None]:
    """Say where a fault is and of what kind, unless it does so itself."""
    try:
        yield
    except MessageError as error:
        why = str(error) if str(error).startswith(where) else f'{where}: {error}'
        raise _DroppedError(Drop(getattr(error, 'kind', kind), why)) from error


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
        self.origins: Counter[str] = Counter()

    def offer_image(self, stamp_ns: int, image: Any) -> str | None:
        """Take an image; returns why it is refused, None if it is not."""
        refusal = self._clock.offer(stamp_ns, self.now_ns)
        if refusal is None:
            self._images[stamp_ns] = image
            while len(self._images) > _IMAGES_KEPT:
                self._images.pop(next(iter(self._images)))
        return refusal

    def steps(self, is_end: bool = False) -> Iterator[Step | Drop]:
        """
        Yield the steps that are known by now, and those that are dropped.

        :param is_end: whether to yield also those that waited for more.
        """
        yield from self._tick()
        while self._pending:
            waits = self._must_wait(self._pending[0])
            if waits and not is_end:
                return
            pending = self._pending.popleft()
            try:
                step = self._step(pending)
            except _DroppedError as error:
                is_cut_off = waits and error.drop.kind in _MAY_COME
                yield self._drop(CUT_OFF if is_cut_off else error.drop.kind, error.drop.why)
                continue
            self._lost = False
            self.origins[step.origin] += 1
            yield step

    def _tick(self) -> Iterator[Drop]:
        while True:
            pick = self._clock.tick(self.now_ns)
            if pick.stamp_ns is None:
                if pick.reason is not None and pick.reason != 'no image':
                    yield self._drop('missing image', pick.reason)
                return
            image = self._images.pop(pick.stamp_ns, None)
            self._pending.append(_Pending(pick.stamp_ns, image, pick.restarts))

    def _must_wait(self, pending: _Pending) -> bool:
        end_ns = pending.stamp_ns + round(NS_PER_S / self._spec.rates.frame_hz)
        if self.now_ns > end_ns + _PATIENCE_NS:
            return False
        if not self.measured.joints_reach(pending.stamp_ns):
            return True
        return self.now_ns < end_ns or self.executed.may_come(pending.stamp_ns, self._has_reports)

    def _step(self, pending: _Pending) -> Step:
        spec, where = self._spec, f'{self._where}: step at {pending.stamp_ns} ns'
        # First: without joints there are no measured actions either.
        with _dropped(_NO_JOINTS, where):
            joints = self.measured.joints_at(pending.stamp_ns)
        with _dropped(_NO_ACTIONS, where):
            actions, origin = self._actions(pending.stamp_ns, where)
        with _dropped('unusable image', where):
            frame = preprocess(self._read_image(pending.image), spec.camera)
        step = Step(
            pending.stamp_ns,
            frame,
            joints.astype(np.float32),
            actions.astype(np.float32),
            origin,
            pending.restarts or self._lost,
        )
        with _dropped('values out of bounds', where):
            self._check(step, where)
        return step

    def _actions(self, stamp_ns: int, where: str) -> tuple[NDArray[np.float64], str]:
        actions, origin = self.executed.find(stamp_ns)
        if actions is None:
            raise MessageError(
                f'{where}: actions: got none executed, expected {self._spec.rates.stride}: '
                f'reported, or measured from samples at most {self._spec.state.max_age_s:g} s '
                '(state.max_age_s) apart'
            )
        return actions, origin

    def _check(self, step: Step, where: str) -> None:
        try:
            check_step(self._spec, step, where)
        except MessageError as error:
            if looks_like_degrees(self._spec, step):
                text = f'{error}; looks like degrees: {self._to_rad}'
                raise type(error)(text) from error
            raise

    def _drop(self, kind: str, why: str) -> Drop:
        self._lost = True
        return Drop(kind, why)
