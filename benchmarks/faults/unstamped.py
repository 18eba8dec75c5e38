# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The judge of a wire whose messages carry no time.

Velocity is the way between two commands over the time between the moments they were sent, without
any allowance. Acceleration is its change, and there the time between deciding and sending counts:
two commands of one velocity, the first sent a moment late, look like a change of it. So each
command may have been meant for up to half a period before it was sent. Of all such times those
with the smallest worst acceleration count: a command is outside when none explains it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.faults.wire import Wire, Worst
from hma_ros.core.control.axes import Axes

Vector = NDArray[np.float64]
_LATE_PERIODS = 0.5
_CHOICES = 9
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
        # Each command is decided one of these times before it is sent, of K choices.
        self._late_s = np.linspace(0.0, _LATE_PERIODS * period_s, _CHOICES)
        # By the choices of the last two commands: the worst so far, the velocity, the time.
        self._acceleration_KK = np.zeros((_CHOICES, _CHOICES))
        self._velocity_KKX = np.zeros((_CHOICES, _CHOICES, len(axes.names)))
        self._elapsed_KK = np.full((_CHOICES, _CHOICES), period_s)

    def sent(self, sent_s: float, position_X: Vector) -> None:
        """Judge a command by when it was sent [s], ``position_X`` is ``[X]``."""
        if not np.isfinite(position_X).all():
            self.worst.include(Worst(np.inf, np.inf, np.inf, np.inf))
            return
        gap_s, way = sent_s - self.time_s, position_X - self.position_X
        self.worst.include(self._place(position_X, sent_s))
        if self.count and (way.any() or gap_s > 0.0):
            self.velocity_X = self._judge(gap_s, way)
        self._after_loss = max(self._after_loss - 1, 0)
        self.time_s, self.position_X = sent_s, position_X
        self.count += 1

    def fresh_worst(self) -> Worst:
        """Return the worst of the best way to explain the commands, and begin anew."""
        self.worst.include(Worst(acceleration=float(self._acceleration_KK.min())))
        self._acceleration_KK = np.zeros_like(self._acceleration_KK)
        return super().fresh_worst()

    def brakes(self, before_X: Vector, start_X: Vector) -> bool:
        """Whether a motion is still on the way that braking takes."""
        axes = self.axes
        way = axes.velocity * (axes.velocity / (2.0 * axes.acceleration) + 2.0 * self._period_s)
        return bool((np.abs(self.position_X - start_X) <= way).all())

    def _judge(self, gap_s: float, way_X: Vector) -> Vector:
        """Judge the way from the last command; returns the velocity."""
        if gap_s <= 0.0:
            # Two places at one time: no velocity allows that.
            self.worst.include(Worst(np.inf, np.inf))
            return way_X
        velocity = way_X / gap_s
        share = float((np.abs(velocity) / self.axes.velocity).max())
        self.worst.include(Worst(velocity=share / (1.0 + _CLOCK_SHARE)))
        elapsed_KK = gap_s + self._late_s[:, None] - self._late_s
        is_possible_KK = elapsed_KK > 0.0
        elapsed_KK = np.where(is_possible_KK, elapsed_KK, np.inf)
        velocity_KKX = way_X / elapsed_KK[..., None]
        between_KKK = np.broadcast_to(elapsed_KK, (_CHOICES,) * 3)
        if self._after_loss:
            between_KKK = (self._elapsed_KK[..., None] + elapsed_KK) / 2.0
        change_KKKX = np.abs(velocity_KKX - self._velocity_KKX[:, :, None])
        change_KKK = (change_KKKX / self.axes.acceleration).max(-1) / between_KKK
        worst_KKK = np.maximum(self._acceleration_KK[..., None], change_KKK)
        self._acceleration_KK = np.where(is_possible_KK, worst_KKK.min(0), np.inf)
        self._velocity_KKX, self._elapsed_KK = velocity_KKX, elapsed_KK
        return velocity
