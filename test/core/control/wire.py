# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A simulated wire: every command with its time, judged against the limits of the embodiment."""

from dataclasses import dataclass, field

import numpy as np

from hma_ros.core.control.axes import Axes
from hma_ros.core.control.executor import Decision


@dataclass
class Wire:
    """The commands sent, and the largest share of each limit that any two of them took."""

    axes: Axes
    period_s: float
    times_s: list[float] = field(default_factory=list)
    positions: list[np.ndarray] = field(default_factory=list)
    velocity: float = 0.0
    acceleration: float = 0.0
    outside: float = 0.0
    allowed_outside: float = 0.0
    _speed: np.ndarray | None = None

    def take(self, time_s: float, decision: Decision) -> None:
        """Take what was decided at a steady time."""
        if decision.motion is None:
            return
        position = decision.motion.position_X
        assert np.isfinite(position).all()
        excess = self.axes.excess(position)
        if not self.positions:
            self._begin(position, excess)
        else:
            self._judge(position, time_s - self.times_s[-1], excess)
        self.times_s.append(time_s)
        self.positions.append(position)

    def _begin(self, position: np.ndarray, excess: np.ndarray) -> None:
        assert (excess <= self.axes.margin).all()
        self._speed = np.zeros_like(position)
        self._excess = excess

    def _judge(self, position: np.ndarray, elapsed_s: float, excess: np.ndarray) -> None:
        assert elapsed_s > 0.0
        speed = (position - self.positions[-1]) / elapsed_s
        change = np.abs(speed - self._speed) / elapsed_s
        self.velocity = max(self.velocity, float((np.abs(speed) / self.axes.velocity).max()))
        self.acceleration = max(self.acceleration, float((change / self.axes.acceleration).max()))
        self._speed = speed
        # Never farther out than before; a start may be as far out as its margin.
        farther = excess - np.maximum(self._excess, 0.0)
        self.outside = max(self.outside, float(farther.max()))
        self._excess = excess
