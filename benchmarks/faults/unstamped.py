# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The judge of a wire whose messages carry no time.

The executor sends a command about once a period and moves it by the time since it sent the one
before. What a robot sees beside is jitter, as from any controller. So each command is put on a
grid of periods at a point at most one period from when it was sent, in order, and of all ways to
do that the one with the smallest worst share counts: a command is outside the limits when no grid
can explain it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from benchmarks.faults.wire import Wire, Worst
from hma_ros.core.control.axes import Axes

Vector = NDArray[np.float64]
# A longer silence may end with a new start, on a grid of its own.
_SILENCE_PERIODS = 4
_NEAR_PERIODS = 1.0


@dataclass(frozen=True)
class _Path:
    """One way to put the commands on the grid, by its last point."""

    point: int
    elapsed_s: float
    velocity_X: Vector
    velocity: float
    acceleration: float

    @property
    def share(self) -> float:
        return max(self.velocity, self.acceleration)


class UnstampedWire(Wire):
    """
    Judges commands by when they were sent.

    :param axes: names and limits.
    :param period_s: time between two commands.
    """

    def __init__(self, axes: Axes, period_s: float) -> None:
        super().__init__(axes)
        self._period_s = period_s
        self._origin_s = self._sent_s = 0.0
        self._paths = [_Path(0, 0.0, np.zeros(len(axes.names)), 0.0, 0.0)]

    def sent(self, sent_s: float, position_X: Vector) -> None:
        """Judge a command by when it was sent."""
        silent_s = sent_s - self._sent_s
        is_first, is_new = not self.count, silent_s > _SILENCE_PERIODS * self._period_s
        self._sent_s = sent_s
        self.worst.include(self._place(position_X, self.time_s + silent_s))
        if is_first:
            self._origin_s = sent_s
        elif is_new:
            self._begin(sent_s, silent_s, position_X)
        else:
            self._extend(position_X)
        best = min(self._paths, key=lambda path: path.share)
        self._after_loss = max(self._after_loss - 1, 0)
        self.time_s += silent_s
        self.count += 1
        self.velocity_X, self.position_X = best.velocity_X, position_X

    def fresh_worst(self) -> Worst:
        """Return the worst of the best way to explain the commands, and begin anew."""
        best = min(self._paths, key=lambda path: path.share)
        self.worst.include(Worst(best.velocity, best.acceleration))
        self._paths = [replace(path, velocity=0.0, acceleration=0.0) for path in self._paths]
        return super().fresh_worst()

    def brakes(self, before_X: Vector, start_X: Vector) -> bool:
        """Whether a motion is still on the way that braking takes."""
        axes = self.axes
        way = axes.velocity * (axes.velocity / (2.0 * axes.acceleration) + 2.0 * self._period_s)
        return bool((np.abs(self.position_X - start_X) <= way).all())

    def _begin(self, sent_s: float, silent_s: float, position: Vector) -> None:
        """Judge the way over a silence by the time that passed, and begin a grid."""
        self._origin_s = sent_s
        best = min(self._paths, key=lambda path: path.share)
        passed = silent_s / self._period_s
        self._paths = [
            self._step(best, passed + near, position, 0)
            for near in (-_NEAR_PERIODS, 0.0, _NEAR_PERIODS)
        ]

    def _extend(self, position: Vector) -> None:
        place = (self._sent_s - self._origin_s) / self._period_s
        found: dict[tuple[int, int], _Path] = {}
        for point in range(ceil(place - _NEAR_PERIODS), floor(place + _NEAR_PERIODS) + 1):
            for path in self._paths:
                if point <= path.point:
                    continue
                key = (point, point - path.point)
                step = self._step(path, point - path.point, position, point)
                if key not in found or step.share < found[key].share:
                    found[key] = step
        # More commands than points: nothing explains that.
        last = self._paths[0].point + 1
        self._paths = list(found.values()) or [
            _Path(last, self._period_s, self.velocity_X, np.inf, np.inf)
        ]

    def _step(self, path: _Path, points: float, position: Vector, point: int) -> _Path:
        elapsed_s = points * self._period_s
        velocity = (position - self.position_X) / elapsed_s
        change = np.abs(velocity - path.velocity_X) / self._between(path.elapsed_s, elapsed_s)
        return _Path(
            point,
            elapsed_s,
            velocity,
            max(path.velocity, float((np.abs(velocity) / self.axes.velocity).max())),
            max(path.acceleration, float((change / self.axes.acceleration).max())),
        )
