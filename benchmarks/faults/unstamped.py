# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The judge of a wire whose messages carry no time.

The executor commands on a grid of periods, and sends each command within half a period of its
point of the grid; a robot sees that as the jitter that any controller has. Only the phase of the
grid is unknown, the same from one start to the next: the commands are judged for several phases,
and the phase that fits best counts. A command that was sent close to the middle between two points
is judged for both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.faults.wire import Wire, Worst
from hma_ros.core.control.axes import Axes

Vector = NDArray[np.float64]
_PHASES = np.linspace(-0.5, 0.5, 8, endpoint=False)
# How far from the middle between two points, in periods, is close.
_CLOSE = 0.2
# A longer silence may end with a new start, on a grid of its own.
_SILENCE_PERIODS = 4


class UnstampedWire(Wire):
    """
    Judges commands by when they were sent.

    :param axes: names and limits.
    :param period_s: time between two commands.
    """

    def __init__(self, axes: Axes, period_s: float) -> None:
        super().__init__(axes)
        self._period_s = period_s
        self._wires = [Wire(axes) for _ in _PHASES]
        self._origin_s = self._start_s = self._sent_s = 0.0

    def sent(self, sent_s: float, position_X: Vector) -> None:
        """Judge a command by when it was sent."""
        silent_s = sent_s - self._sent_s
        if silent_s > _SILENCE_PERIODS * self._period_s:
            self._begin(sent_s, silent_s if self.count else 0.0)
        self._sent_s = sent_s
        for wire, phase in zip(self._wires, _PHASES, strict=True):
            wire.take(self._times(wire.time_s, phase), position_X)
        best = self._best()
        self.count, self.time_s = best.count, best.time_s
        self.position_X, self.velocity_X = best.position_X, best.velocity_X

    def fresh_worst(self) -> Worst:
        """Return the worst of the phase that fits best, and begin anew."""
        self._settle()
        return super().fresh_worst()

    def _begin(self, sent_s: float, silent_s: float) -> None:
        self._settle()
        self._origin_s, self._start_s = sent_s, self.time_s + silent_s
        for wire in self._wires:
            wire.time_s = self.time_s

    def _settle(self) -> None:
        self.worst.include(self._best().worst)
        for wire in self._wires:
            wire.worst = Worst()

    def _best(self) -> Wire:
        return min(
            self._wires, key=lambda wire: max(wire.worst.velocity, wire.worst.acceleration)
        )

    def _times(self, end_s: float, phase: float) -> list[float]:
        place = (self._sent_s - self._origin_s) / self._period_s - phase
        points = {round(place), round(place - _CLOSE), round(place + _CLOSE)}
        times = [self._start_s + point * self._period_s for point in sorted(points)]
        after = [time_s for time_s in times if time_s > end_s + self._period_s / 2.0]
        return after or [end_s + self._period_s]
