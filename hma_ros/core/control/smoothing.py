# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Smoothed motion from a plan of straight lines.

The plan is averaged twice over ``n`` command periods, half of them ahead, so that nothing lags. An
average of positions within limits is within them too, and so are its velocity and acceleration
(Biagiotti and Melchiorri, FIR filters for online trajectory planning, 2012). A change of velocity
``dv`` of the plan spreads over ``2 n`` periods with an acceleration of at most ``dv / n period``
and a jerk of at most ``dv / (n period)^2``. ``limits.jerk`` thus sets a smoothing time; it bounds
the jerk only where ``dv`` is at most ``acceleration^2 / jerk``.

Ruckig, the field's library, plans time-optimal motions to one target state. Here the targets are
dense in time and known ahead, so a filter suffices; and its Python package has no rosdep key,
while the one node that commands the robot should install from the distribution alone.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.axes import Axes

Vector = NDArray[np.float64]
_MAX_PERIODS = 16


class Smoother:
    """
    Averages a plan; samples already taken stay, so a new plan that goes on from the newest of
    them, ``lead`` periods ahead of now, joins without a jump. Without ``limits.jerk`` nothing is
    averaged.

    :param axes: ``acceleration / jerk`` is the smoothing time; the longest of the axes counts.
    :param period_s: time between two samples.
    :param start_D: ``float64[D]`` where it is at rest; the first ``D`` axes are planned.
    """

    def __init__(self, axes: Axes, period_s: float, start_D: ArrayLike) -> None:
        width = len(np.asarray(start_D))
        ramp_s = float(np.max((axes.acceleration / axes.jerk)[:width]))
        count = min(max(round(ramp_s / period_s), 1), _MAX_PERIODS)
        box = np.full(count, 1.0 / count)
        self._weights = np.convolve(box, box)
        self.reset(start_D)

    @property
    def lead(self) -> int:
        """Periods from now to the newest sample."""
        return len(self._weights) // 2

    def reset(self, position_D: ArrayLike) -> None:
        """Start at rest at a position ``[D]``."""
        self._samples = np.tile(np.asarray(position_D, np.float64), (len(self._weights), 1))

    def advance(self, plan: Callable[[int], Vector], periods: int) -> tuple[Vector, Vector]:
        """
        Return the smoothed target of now and of one period later, each ``float64[D]``.

        :param plan: the target so many periods from now.
        :param periods: how many passed since the last call.
        """
        count = min(periods, len(self._samples))
        ahead = [plan(self.lead - back) for back in range(count - 1, -1, -1)]
        self._samples = np.concatenate([self._samples[count:], np.stack(ahead)])
        # The plan of later may be another one by then: this sample is not kept.
        soon = np.concatenate([self._samples[1:], plan(self.lead + 1)[None]])
        return self._average(self._samples), self._average(soon)

    @property
    def hull(self) -> tuple[Vector, Vector]:
        """The lowest and the highest of the samples, each ``float64[D]``."""
        return self._samples.min(axis=0), self._samples.max(axis=0)

    def _average(self, samples_TD: Vector) -> Vector:
        # Relative to one of the samples: a plan at rest is reproduced exactly.
        about: Vector = samples_TD[-1]
        return about + self._weights @ (samples_TD - about)
