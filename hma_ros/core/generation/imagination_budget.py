# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How many frames can be imagined before the next camera frame is due."""

_SMOOTHING = 0.3
# Part of the free time that is used: the next frame must not wait for the imagination.
_USABLE = 0.8


class ImaginationBudget:
    """
    Chooses the horizon from what imagining has cost, on the wall clock.

    Steps are counted as they come, so a simulation that runs slower or faster than real time has
    its own interval.

    :param horizon: frames wanted.
    :param step_interval_s: expected time between steps.
    """

    def __init__(self, horizon: int, step_interval_s: float) -> None:
        self._horizon = horizon
        self._interval_s = step_interval_s
        self._cost_s = 0.0
        self._step_s: float | None = None

    def step_arrived(self, time_s: float) -> None:
        """Note when a step's image arrived (monotonic seconds)."""
        if self._step_s is not None:
            self._interval_s += _SMOOTHING * (time_s - self._step_s - self._interval_s)
        self._step_s = time_s

    def restart(self) -> None:
        """Forget the last step: the next one does not follow it."""
        self._step_s = None

    def imagined(self, frames: int, duration_s: float) -> None:
        """Note what imagining some frames took."""
        cost_s = duration_s / frames
        self._cost_s += (_SMOOTHING if self._cost_s else 1.0) * (cost_s - self._cost_s)

    def frames(self, now_s: float) -> int:
        """
        Return how many frames fit in now, at most the wanted horizon.

        Always at least one, so that the cost is known and no image is without a future.
        """
        if self._step_s is None or not self._cost_s:
            return 1
        free_s = _USABLE * (self._interval_s - (now_s - self._step_s))
        return max(1, min(self._horizon, int(free_s / self._cost_s)))
