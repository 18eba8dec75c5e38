# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What was really commanded, and when; the executed actions are computed from it."""

from bisect import bisect_right
from collections import deque

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.interpolation import interpolated
from hma_ros.core.control.step_actions import step_actions, step_times
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.units import NS_PER_S


class CommandHistory:
    """
    The commanded targets of the last seconds.

    :param spec: the embodiment whose coordinates are recorded.
    :param span_s: how long an entry is kept.
    """

    def __init__(self, spec: EmbodimentSpec, span_s: float) -> None:
        self._spec = spec
        self._span_ns = int(span_s * NS_PER_S)
        self._stamps: deque[int] = deque()
        self._targets: deque[NDArray[np.float64]] = deque()
        self._grippers: deque[float | None] = deque()

    def clear(self) -> None:
        """Forget everything, e.g. when the clock jumped back."""
        for column in (self._stamps, self._targets, self._grippers):
            column.clear()

    def record(self, stamp_ns: int, target_D: ArrayLike, gripper: float | None) -> None:
        """
        Record what was commanded at a time; it replaces entries of that time or later.

        Later entries exist after the command clock has moved stamps back, which it does at rest.

        :param target_D: ``float64[D]``.
        :param gripper: the model's gripper value, None without a gripper.
        """
        while self._stamps and self._stamps[-1] >= stamp_ns:
            for column in (self._stamps, self._targets, self._grippers):
                column.pop()
        self._stamps.append(stamp_ns)
        self._targets.append(np.array(target_D, np.float64))
        self._grippers.append(gripper)
        # One entry older than the span is kept, so that the whole span can be interpolated.
        while len(self._stamps) > 2 and self._stamps[1] < stamp_ns - self._span_ns:
            for column in (self._stamps, self._targets, self._grippers):
                column.popleft()

    def covers(self, start_ns: int, end_ns: int) -> bool:
        """Whether commands are known from ``start_ns`` to ``end_ns``, both included."""
        return bool(self._stamps) and self._stamps[0] <= start_ns and end_ns <= self._stamps[-1]

    def target(self, stamp_ns: int) -> NDArray[np.float64]:
        """
        Return the commanded target at a time, ``float64[D]``; beyond the ends the nearest one.

        :raises ValueError: nothing was recorded yet.
        """
        if not self._stamps:
            raise ValueError('command history: got no entry, expected at least one')
        return interpolated(self._stamps, self._targets, stamp_ns)

    def executed(self, start_ns: int, steps: int) -> NDArray[np.float64] | None:
        """
        Return the actions that were really commanded in ``steps`` low-level steps.

        :param start_ns: start of the first step.
        :returns: ``float64[steps, A]``, or None where the interval is not wholly known.
        """
        times = step_times(self._spec, start_ns, steps)
        if not self.covers(times[0], times[-1]):
            return None
        targets = np.stack([self.target(time) for time in times])
        return step_actions(self._spec, times, targets, self._gripper)

    def _gripper(self, stamp_ns: int) -> float | None:
        return self._grippers[max(bisect_right(self._stamps, stamp_ns) - 1, 0)]
