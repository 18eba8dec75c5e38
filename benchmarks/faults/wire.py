# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Checks every command, with its time, against the limits of the embodiment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.axes import Axes
from hma_ros.core.control.start_check import CONSISTENT_S

Vector = NDArray[np.float64]
_STEP_NS = 10_000_000
_STEP_UNSURE_S = 0.5e-3
# Rounding of stamps and quaternions.
_SHARE_TOLERANCE, _OUTSIDE_TOLERANCE = 1e-6, 1e-9
# What no limit allows, as a number that JSON has.
BEYOND = 1e9


@dataclass
class Worst:
    """
    The largest share of each limit that any command took; 1 is the limit.

    ``position`` counts from the middle of the limits, ``outside`` is how far a command lay outside
    them beyond what its start was allowed [m or rad]. ``gripper`` is how often it changed, as a
    share of how often it may.
    """

    velocity: float = 0.0
    acceleration: float = 0.0
    position: float = 0.0
    outside: float = 0.0
    gripper: float = 0.0

    @property
    def is_within(self) -> bool:
        """Whether every limit was held."""
        return (
            max(self.velocity, self.acceleration, self.gripper) <= 1.0 + _SHARE_TOLERANCE
            and self.outside <= _OUTSIDE_TOLERANCE
        )

    def include(self, other: Worst) -> None:
        """Take the worse of two."""
        for name in ('velocity', 'acceleration', 'position', 'outside', 'gripper'):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))


class StampTime:
    """
    The time of commands as their stamps say it; steps of the clock do not count.

    Stamps that differ from the steady clock by more than 10 ms have made a step.
    """

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None
        self._passed_ns = 0

    def passed_s(self, stamp_ns: int, steady_ns: int) -> float:
        """Return the time of a command since the first one [s]."""
        last_stamp_ns, last_ns = self._last or (stamp_ns, steady_ns)
        between_ns, steady_between_ns = stamp_ns - last_stamp_ns, steady_ns - last_ns
        is_step = abs(between_ns - steady_between_ns) > _STEP_NS
        self._passed_ns += steady_between_ns if is_step else between_ns
        self._last = stamp_ns, steady_ns
        return self._passed_ns / 1e9


class SimulatedTime:
    """
    Time of commands on a simulated clock, which starts again at 0 with its simulation.

    Stamps alone do not show a restart: the first after it may be later than the last before it.

    :param period_s: of the commands. The clock runs on for at least as long after each of them.
    """

    def __init__(self, period_s: float) -> None:
        self.now_ns = self._last_ns = self._passed_ns = 0
        self._period_ns = round(period_s * 1e9)
        # How long the clock ran on after the last command, if it has restarted since.
        self._ran_ns: int | None = None

    def hear(self, now_ns: int) -> None:
        """Take the time of the clock."""
        if now_ns < self.now_ns:
            before_ns = -self._last_ns if self._ran_ns is None else self._ran_ns
            self._ran_ns = max(before_ns + self.now_ns, self._period_ns)
        self.now_ns = now_ns

    def passed_s(self, stamp_ns: int) -> float:
        """Return the time of a command since the first one [s]."""
        is_late = stamp_ns > self.now_ns + self._period_ns
        if self._ran_ns is not None and is_late:
            # Of the simulation before, and only taken now.
            self._passed_ns += stamp_ns - self._last_ns
            self._ran_ns = max(self._ran_ns - (stamp_ns - self._last_ns), self._period_ns)
            self._last_ns = stamp_ns
            return self._passed_ns / 1e9
        if self._ran_ns is not None:
            self._passed_ns += self._ran_ns + stamp_ns
        elif self._last_ns:
            self._passed_ns += stamp_ns - self._last_ns
        self._last_ns, self._ran_ns = stamp_ns, None
        return self._passed_ns / 1e9


class Wire:
    """
    The commands sent, judged one after another.

    Velocity is the way between two commands over the time between them, acceleration the change
    of velocity over the same time. A command may never be farther outside the limits than the one
    before; a start may be as far as the start margin.

    :param axes: names and limits.
    """

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.worst = Worst()
        self.count = 0
        self.time_s = self._elapsed_s = 0.0
        self._after_loss = 0
        nothing = np.zeros(len(axes.names))
        # How far the time of the next command is not known, and the last velocity.
        self._unsure_s, self._unsure_X = 0.0, nothing
        self.position_X, self.velocity_X, self._outside_X = nothing, nothing, axes.margin

    @property
    def is_at_rest(self) -> bool:
        """Whether the last command equals the one before."""
        return not self.velocity_X.any()

    def lose(self) -> None:
        """
        Note that commands did not arrive here.

        What is known is the mean velocity over the gap: it is compared with the one after, and
        the one before, by the time between the middles of both.
        """
        self._after_loss = 2

    def step(self) -> None:
        """
        Note that the clock of the stamps made a step before the next command.

        Its size is known to the executor from reading two clocks, and no better to the wire.
        """
        self._unsure_s = _STEP_UNSURE_S

    def take(self, time_s: float, position_X: Vector) -> None:
        """
        Judge a command.

        :param time_s: its own time.
        :param position_X: ``[X]``.
        """
        if not np.isfinite(position_X).all():
            self.worst.include(Worst(BEYOND, BEYOND, BEYOND, BEYOND))
            return
        velocity = self._motion(time_s, position_X)
        self.worst.include(self._place(position_X, time_s))
        self.count += 1
        self.time_s, self.velocity_X, self.position_X = time_s, velocity, position_X

    def brakes(self, before_X: Vector, start_X: Vector) -> bool:
        """
        Whether the last command only braked.

        :param before_X: the velocity before it.
        :param start_X: where braking had to begin.
        """
        velocity = self.velocity_X
        return bool(
            (np.abs(velocity) <= np.abs(before_X) + 1e-9).all()
            and (velocity * before_X >= -1e-12).all()
        )

    def fresh_worst(self) -> Worst:
        """Return the worst since the last call, and begin anew."""
        worst, self.worst = self.worst, Worst()
        return worst

    def _motion(self, time_s: float, position: Vector) -> Vector:
        """Judge velocity and acceleration; returns the velocity."""
        way, elapsed_s = position - self.position_X, time_s - self.time_s
        if not self.count or (not way.any() and elapsed_s <= 0.0):
            return np.zeros_like(position)
        if elapsed_s <= 0.0:
            # Two places at one time: no velocity allows that.
            self.worst.include(Worst(BEYOND, BEYOND))
            return way
        velocity = way / elapsed_s
        unsure_X = np.abs(velocity) * self._unsure_s / elapsed_s
        change = np.maximum(np.abs(velocity - self.velocity_X) - unsure_X - self._unsure_X, 0.0)
        change = change / self._between(self._elapsed_s, elapsed_s)
        self._unsure_s, self._unsure_X = 0.0, unsure_X
        self._elapsed_s, self._after_loss = elapsed_s, max(self._after_loss - 1, 0)
        shares = (
            (np.abs(velocity) - unsure_X) / self.axes.velocity,
            change / self.axes.acceleration,
        )
        self.worst.include(Worst(*(float(share.max()) for share in shares)))
        return velocity

    def _between(self, before_s: float, elapsed_s: float) -> float:
        """Return the time in which the velocity changed."""
        return (before_s + elapsed_s) / 2.0 if self._after_loss else elapsed_s

    def _place(self, position: Vector, time_s: float) -> Worst:
        axes = self.axes
        excess, allowed = axes.excess(position), self._outside_X
        if not self.count or time_s - self.time_s >= CONSISTENT_S:
            # After a silence a motion may start where the robot is, within the start margin.
            allowed = np.maximum(allowed, axes.margin)
        self._outside_X = excess
        middle, half = (axes.upper + axes.lower) / 2.0, (axes.upper - axes.lower) / 2.0
        share = float((np.abs(position - middle) / half).max())
        return Worst(0.0, 0.0, share, float((excess - allowed).max()))
