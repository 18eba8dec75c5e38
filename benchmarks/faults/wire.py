# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The judge of a wire: every command with its time, against the limits of the embodiment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.axes import Axes

Vector = NDArray[np.float64]
# Rounding of stamps and quaternions.
_SHARE_TOLERANCE, _OUTSIDE_TOLERANCE = 1e-6, 1e-9


@dataclass
class Worst:
    """
    The largest share of each limit that any command took; 1 is the limit.

    ``position`` counts from the middle of the limits, ``outside`` is how far a command lay outside
    them beyond what its start was allowed [m or rad].
    """

    velocity: float = 0.0
    acceleration: float = 0.0
    position: float = 0.0
    outside: float = 0.0

    @property
    def is_within(self) -> bool:
        """Whether every limit was held."""
        return (
            max(self.velocity, self.acceleration) <= 1.0 + _SHARE_TOLERANCE
            and self.outside <= _OUTSIDE_TOLERANCE
        )

    def include(self, other: Worst) -> None:
        """Take the worse of two."""
        for name in ('velocity', 'acceleration', 'position', 'outside'):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))


class Wire:
    """
    The commands sent, judged one after another.

    Velocity is the way between two commands over the time between them, acceleration the change
    of velocity over the same time. A command may never be farther outside the limits than the one
    before; the first may be as far as the start margin.

    :param axes: names and limits.
    """

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.worst = Worst()
        self.count = 0
        self.time_s = 0.0
        nothing = np.zeros(len(axes.names))
        self.position_X, self.velocity_X, self._outside_X = nothing, nothing, axes.margin

    @property
    def is_at_rest(self) -> bool:
        """Whether the last command equals the one before."""
        return not self.velocity_X.any()

    def take(self, time_s: float, position_X: Vector, least_s: float = 0.0) -> Worst:
        """
        Judge a command.

        :param time_s: its own time.
        :param position_X: ``[X]``.
        :param least_s: the shortest time that can have passed since the one before; for wires
            whose commands carry no time.
        :returns: the shares of this command alone.
        """
        found = self._found(time_s, position_X, least_s)
        self.worst.include(found)
        self.count += 1
        self.time_s, self.position_X = time_s, position_X
        return found

    def fresh_worst(self) -> Worst:
        """Return the worst since the last call, and begin anew."""
        worst, self.worst = self.worst, Worst()
        return worst

    def _found(self, time_s: float, position: Vector, least_s: float) -> Worst:
        axes, found = self.axes, Worst()
        if not np.isfinite(position).all():
            return Worst(np.inf, np.inf, np.inf, np.inf)
        excess = axes.excess(position)
        found.outside = float((excess - self._outside_X).max())
        self._outside_X = excess
        middle, half = (axes.upper + axes.lower) / 2.0, (axes.upper - axes.lower) / 2.0
        found.position = float((np.abs(position - middle) / half).max())
        if not self.count:
            return found
        elapsed_s = max(time_s - self.time_s, least_s)
        if elapsed_s <= 0.0:
            # Two commands at one time have no velocity that could be allowed.
            found.velocity = np.inf if (position != self.position_X).any() else 0.0
            return found
        velocity = (position - self.position_X) / elapsed_s
        change = np.abs(velocity - self.velocity_X) / elapsed_s
        found.velocity = float((np.abs(velocity) / axes.velocity).max())
        found.acceleration = float((change / axes.acceleration).max())
        self.velocity_X = velocity
        return found
