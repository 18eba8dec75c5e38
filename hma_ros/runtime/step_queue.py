# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Steps of the model clock, complete and in order, for a model that may be late.

Which image is a step, and what was executed before it, is settled as messages arrive, whatever the
model does meanwhile. So a late model still finds each step, in order, as it was.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.executed_actions import ExecutedActions
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.frame_clock import FrameClock, FramePick
from hma_ros.core.units import NS_PER_S
from hma_ros.runtime.loop_report import LoopReport

_IMAGES_KEPT = 16
# Steps that may wait for the model: some seconds, and some megabytes of images.
MOST_WAITING = 16
# Steps in a row without a known action until that is a warning.
_MOST_UNKNOWN = 8


@dataclass(frozen=True)
class CameraStep:
    """
    A frame with all that the model is told of it.

    :param stamp_ns: stamp of the image.
    :param image: as it arrived, not decoded.
    :param receipt_s: when it arrived, monotonic seconds.
    :param before_ns: stamp of the step before it; None where the context begins anew.
    :param executed: ``float32[stride, A]`` executed since then, in units; None where unknown.
    :param origin: of ``executed``: ``reported``, ``measured`` or ``unknown``.
    :param joints: ``float32[J]`` at the stamp, rad or m, behind them the tool's position where
        the model reads it; None of a model that reads none.
    :param missing: why there are no joints though the model reads them: the step is lost.
    """

    stamp_ns: int
    image: Any
    receipt_s: float
    before_ns: int | None
    executed: NDArray[np.float32] | None
    origin: str
    joints: NDArray[np.float32] | None
    missing: str = ''


class StepQueue:
    """
    Collects images and executed actions; safe to use from several threads.

    :param spec: the embodiment; its rates are those of the clock.
    :param measured: what the robot measures, filled elsewhere.
    :param reads_joints: whether the model must be told the joints.
    :param has_reporter: whether anybody reports executed actions.
    :param wait_s: how long a frame waits for its joints and for what was executed before it.
    :param camera: topic of the images, for warnings.
    :param reads_tool: whether the model reads the tool's position as well.
    """

    def __init__(
        self,
        spec: EmbodimentSpec,
        measured: StateHistory,
        reads_joints: bool,
        has_reporter: Callable[[], bool],
        wait_s: float,
        camera: str,
        report: LoopReport,
        reads_tool: bool = False,
    ) -> None:
        self._measured, self._reads_joints = measured, reads_joints
        self._reads_tool = reads_tool
        self._has_reporter, self._wait_ns = has_reporter, round(wait_s * NS_PER_S)
        self._camera, self._report = camera, report
        self._max_age_ns = round(spec.camera.max_age_s * NS_PER_S)
        self._frame_ns = round(spec.rates.frame_dt_s * NS_PER_S)
        self._lock = threading.RLock()
        self._clock = FrameClock(spec.rates.frame_hz, spec.camera.max_age_s)
        self._executed = ExecutedActions(spec, measured)
        self._images: OrderedDict[int, tuple[Any, float, int]] = OrderedDict()
        self._pick: FramePick | None = None
        self._refused_ns: int | None = None
        self._before_ns: int | None = None
        self._steps: deque[CameraStep] = deque()
        self._dropped = 0
        self._unknown = 0

    def __len__(self) -> int:
        """Return how many complete steps wait for the model."""
        return len(self._steps)

    @property
    def is_waiting(self) -> bool:
        """Whether a frame waits for joints, or for what was executed before it."""
        return self._pick is not None

    def has_next(self) -> bool:
        """Whether an image that may be the next step has arrived."""
        with self._lock:
            return bool(self._steps) or self._pick is not None or self._clock.has_next()

    def offer(
        self, stamp_ns: int, image: Any, receipt_s: float, now_ns: int, waited_ns: int = 0
    ) -> None:
        """
        Take an image; one that is stale or ahead of the clock is refused.

        A refused image is reported only while no step is due, once per step at most; otherwise
        the step that misses it is.

        :param receipt_s: when it arrived, monotonic seconds.
        :param now_ns: the ROS time.
        :param waited_ns: how long before it arrived, while this process was held up.
        """
        with self._lock:
            refusal = self._clock.offer(stamp_ns, now_ns, waited_ns)
            if refusal is None:
                self._images[stamp_ns] = (image, receipt_s, waited_ns)
                if len(self._images) > _IMAGES_KEPT:
                    self._images.popitem(last=False)
            self.poll(now_ns)
            if refusal is not None and not self._clock.is_running and self._is_new(now_ns):
                self._miss(refusal)

    def executed(self, start_ns: int, actions_XA: NDArray[np.float64], now_ns: int) -> None:
        """Take a report ``float64[stride, A]`` of the step that started at a time."""
        self._executed.report(start_ns, actions_XA)
        self.poll(now_ns)

    def poll(self, now_ns: int) -> None:
        """Queue the steps that are due and complete."""
        with self._lock:
            self._forget_the_future(now_ns)
            while self._pick is not None or self._is_due(now_ns):
                if self._pick is None or self._must_wait(self._pick, now_ns):
                    return
                pick, self._pick = self._pick, None
                self._complete(pick)

    def take(self) -> CameraStep | None:
        """Return the oldest step that waits; None if none does."""
        with self._lock:
            return self._steps.popleft() if self._steps else None

    def dropped(self) -> int:
        """Return how many steps were dropped for want of room since the last call."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
            return dropped

    def _forget_the_future(self, now_ns: int) -> None:
        """Drop what was before a jump back of the clock."""
        if self._pick is not None and self._clock.is_lost(self._pick, now_ns):
            self._pick = self._before_ns = None
        while self._steps and self._steps[-1].stamp_ns - now_ns > self._max_age_ns:
            self._steps.pop()
            self._before_ns = None

    def _is_due(self, now_ns: int) -> bool:
        pick = self._clock.tick(now_ns)
        if pick.reason not in (None, 'no image'):
            self._miss(pick.reason)
            # The context may begin anew at once.
            pick = self._clock.tick(now_ns)
        if pick.stamp_ns is not None:
            self._pick = pick
        return self._pick is not None

    def _is_new(self, now_ns: int) -> bool:
        """Whether no image was refused within the last step."""
        before_ns = self._refused_ns
        if before_ns is not None and abs(now_ns - before_ns) < self._frame_ns:
            return False
        self._refused_ns = now_ns
        return True

    def _miss(self, reason: str | None) -> None:
        self._report.warning('missed steps', f'{self._camera}: {reason}')

    def _must_wait(self, pick: FramePick, now_ns: int) -> bool:
        """Whether joints of the step, or what was executed before it, may still come."""
        stamp = over_ns = pick.stamp_ns or 0
        if not pick.restarts and self._before_ns is not None:
            # The image nearest to a step may be older than the end of the actions before it.
            over_ns = max(stamp, self._before_ns + self._frame_ns)
        # What is needed may have waited, too, while this process was held up.
        _, _, held_up_ns = self._images.get(stamp, (None, 0.0, 0))
        if now_ns - over_ns - held_up_ns >= self._wait_ns:
            return False
        if self._reads_joints and not self._measured.joints_reach(stamp):
            return True
        if self._reads_tool and not self._measured.tool_reaches(stamp):
            return True
        if pick.restarts or self._before_ns is None:
            return False
        return self._executed.may_come(self._before_ns, self._has_reporter())

    def _complete(self, pick: FramePick) -> None:
        stamp, before = pick.stamp_ns or 0, None if pick.restarts else self._before_ns
        self._before_ns = None
        kept = self._images.pop(stamp, None)
        if kept is None:
            self._report.error(
                'dropped steps',
                f'{self._camera}: image of a step: got none, as {_IMAGES_KEPT} newer ones came, '
                'expected it to be kept; lower executed_timeout_s or the rate of the camera',
            )
            return
        image, receipt_s, _ = kept
        joints, missing = self._joints(stamp)
        executed, origin = (None, '') if before is None else self._executed.find(before)
        known = None if executed is None else _single(executed)
        if before is not None:
            self._note_origin(origin, stamp)
        self._append(CameraStep(stamp, image, receipt_s, before, known, origin, joints, missing))
        self._before_ns = None if missing else stamp

    def _note_origin(self, origin: str, stamp_ns: int) -> None:
        """Warn where the actions of step after step stay unknown."""
        if origin != 'unknown':
            self._unknown = 0
            self._report.cleared('no known action')
            return
        self._unknown += 1
        if self._unknown < _MOST_UNKNOWN:
            return
        silent = self._measured.unheard(stamp_ns - self._frame_ns)
        reason = f'no state of {silent}' if silent else 'the states have gaps, see their rate'
        self._report.warning(
            'no known action',
            f'the last {self._unknown} steps: got no known action, expected one each, reported or '
            f'measured: {reason}',
        )

    def _joints(self, stamp_ns: int) -> tuple[NDArray[np.float32] | None, str]:
        """Return the joints of a frame, or why there are none; they are never made up."""
        if not self._reads_joints:
            return None, ''
        try:
            found = self._measured.joints_at(stamp_ns)
            if self._reads_tool:
                found = np.concatenate([found, self._measured.tool_at(stamp_ns)])
            return _single(found), ''
        except MessageError as error:
            return None, str(error)

    def _append(self, step: CameraStep) -> None:
        if len(self._steps) == MOST_WAITING:
            # The context is lost with any of them: what is newest is worth most.
            self._dropped += len(self._steps)
            self._steps.clear()
        self._steps.append(step)


def _single(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return float32, as the model reads; what overflows becomes infinite, which it refuses."""
    with np.errstate(over='ignore'):
        return numbers.astype(np.float32)
