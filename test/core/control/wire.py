# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A simulated wire: every command with its time, judged against the limits of the embodiment."""

from dataclasses import dataclass, field

import numpy as np

from hma_ros.core.control.axes import Axes
from hma_ros.core.control.executor import Decision, State


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
    _state: State = State.WAITING
    _speed: np.ndarray | None = None
    _excess: np.ndarray | None = None

    def take(self, time_s: float, decision: Decision) -> None:
        """Take what was decided at a steady time."""
        is_start, self._state = self._state is State.WAITING, decision.state
        if decision.motion is None:
            return
        position = decision.motion.position_X
        assert np.isfinite(position).all()
        if self.positions:
            self._judge_motion(position, time_s - self.times_s[-1])
        else:
            self._speed = np.zeros_like(position)
        self._judge_place(position, is_start)
        self.times_s.append(time_s)
        self.positions.append(position)

    def _judge_motion(self, position: np.ndarray, elapsed_s: float) -> None:
        assert elapsed_s > 0.0
        speed = (position - self.positions[-1]) / elapsed_s
        change = np.abs(speed - self._speed) / elapsed_s
        self.velocity = max(self.velocity, float((np.abs(speed) / self.axes.velocity).max()))
        self.acceleration = max(self.acceleration, float((change / self.axes.acceleration).max()))
        self._speed = speed

    def _judge_place(self, position: np.ndarray, is_start: bool) -> None:
        """Never farther out than the command before; a start as far as its margin."""
        excess = self.axes.excess(position)
        allowed = self.axes.margin if is_start else self._excess
        self.outside = max(self.outside, float((excess - allowed).max()))
        self._excess = excess
