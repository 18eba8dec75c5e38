# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The judge of a wire whose messages carry no time.

Velocity is the way between two commands over the time between the moments they were written, and
is judged without allowance. Acceleration is judged coarsely: the executor may be held up between
deciding on a command and writing it, and between writing it and noting that, and the wire shows
neither. A motion may have been decided for any time from the shortest period to the time that
passed; what no such times explain is outside. In process the times are known, and it is exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.faults.wire import BEYOND, Wire, Worst
from hma_ros.core.control.axes import Axes
from hma_ros.core.control.command_clock import SHORTEST_PERIOD

Vector = NDArray[np.float64]
# A time stamp of the wire is known to this: the writer takes it some time before it is done.
_STAMP_S = 0.5e-3
# Two clocks may differ by this share: one is slewed, one is not.
_CLOCK_SHARE = 1e-3


class UnstampedWire(Wire):
    """
    Judges commands by when they were sent.

    :param axes: names and limits.
    :param period_s: time between two commands.
    """

    def __init__(self, axes: Axes, period_s: float) -> None:
        super().__init__(axes)
        self._period_s = period_s
        # Of the last motion, and the shortest time it may have been decided for.
        self._way_X = np.zeros(len(axes.names))
        self._shortest_s = self._elapsed_s = period_s

    def sent(self, sent_s: float, position_X: Vector) -> None:
        """Judge a command by when it was sent [s], ``position_X`` is ``[X]``."""
        if not np.isfinite(position_X).all():
            self.worst.include(Worst(BEYOND, BEYOND, BEYOND, BEYOND))
            return
        gap_s, way = sent_s - self.time_s, position_X - self.position_X
        self.worst.include(self._place(position_X, sent_s))
        if self.count and (way.any() or gap_s > 0.0):
            self._judge(gap_s, way)
        self._after_loss = max(self._after_loss - 1, 0)
        self.time_s, self.position_X = sent_s, position_X
        self.count += 1

    def brakes(self, before_X: Vector, start_X: Vector) -> bool:
        """Whether a motion is still on the way that braking takes."""
        axes = self.axes
        way = axes.velocity * (axes.velocity / (2.0 * axes.acceleration) + 2.0 * self._period_s)
        return bool((np.abs(self.position_X - start_X) <= way).all())

    def _judge(self, gap_s: float, way_X: Vector) -> None:
        """Judge the way from the last command."""
        longest_s = gap_s + _STAMP_S
        if longest_s <= 0.0:
            # Two places at one time: no velocity allows that.
            self.worst.include(Worst(BEYOND, BEYOND))
            return
        self.velocity_X = way_X / max(gap_s, _STAMP_S)
        share = float((np.abs(way_X) / (longest_s * self.axes.velocity)).max())
        shortest_s = min(max(SHORTEST_PERIOD * self._period_s - _STAMP_S, _STAMP_S), longest_s)
        velocity_2X = np.sort(way_X / np.array([[longest_s], [shortest_s]]), 0)
        # Held up after it was written, the command before took part of this time.
        slowest_X = self._way_X / (self._elapsed_s + max(longest_s - shortest_s, 0.0))
        before_2X = np.sort(np.stack([slowest_X, self._way_X / self._shortest_s]), 0)
        change_X = np.maximum(velocity_2X[0] - before_2X[1], before_2X[0] - velocity_2X[1])
        between_s = self._between(self._elapsed_s, longest_s)
        change = float((np.maximum(change_X, 0.0) / between_s / self.axes.acceleration).max())
        self.worst.include(Worst(share / (1.0 + _CLOCK_SHARE), change))
        self._way_X, self._shortest_s = way_X, shortest_s
        self._elapsed_s = longest_s
