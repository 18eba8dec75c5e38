# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The limits of every command: the last computation before it is sent.

Between two commands the velocity is at most the velocity limit, and it differs from the velocity
before by at most the acceleration limit times the time between them, however long that time was.
Two invariants make that possible: after every command the motion can come to rest within the
position limits, and before a goal at rest. A motion that starts outside the limits may only come
back in.

The guard is exact in velocity and acceleration and does not limit jerk: it must be able to brake
at once. Only the plan is smoothed (:mod:`~hma_ros.core.control.smoothing`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.angles import nearest_turn
from hma_ros.core.control.axes import Axes

Vector = NDArray[np.float64]

# Positions of float32 actions differ from decimal limits by rounding.
POSITION_TOLERANCE = 1e-5
_EXACT = 1e-9
# Of a measurement, as a share of the following error.
_NOISE = 0.02


@dataclass(frozen=True)
class Motion:
    """
    One command.

    ``position_X`` and ``velocity_X`` are ``float64[X]``; the velocity is that since the command
    before. ``limited`` names what kept it from the goal, empty where nothing did.
    """

    position_X: Vector
    velocity_X: Vector
    limited: tuple[str, ...] = ()

    @property
    def is_at_rest(self) -> bool:
        """Whether the command equals the one before."""
        return not self.velocity_X.any()


class Guard:
    """
    Keeps commands within the limits of an embodiment.

    :param axes: names and limits.
    :param period_s: the shortest time between two commands.
    :param last: the command sent last, if there was one.
    """

    def __init__(self, axes: Axes, period_s: float, last: Motion | None = None) -> None:
        self._axes = axes
        self._period_s = period_s
        nothing = np.full(len(axes.names), np.nan)
        self._last = Motion(nothing, nothing) if last is None else last
        self._has_last = bool(np.isfinite(self._last.position_X).all())

    @property
    def last(self) -> Motion:
        """The command sent last; not a number before the first :meth:`place`."""
        return self._last

    def nearest_turn(self, position_X: ArrayLike) -> Vector:
        """Return a position, continuous joints in the turn of the last command: ``float64[X]``."""
        position = np.asarray(position_X, np.float64)
        if not self._has_last:
            return position
        return nearest_turn(position, self._last.position_X, self._axes.is_continuous)

    def wait_s(self, position_X: ArrayLike) -> float:
        """
        Return how long after the last command one elsewhere is within its limits.

        The two count as a motion. It comes to rest behind the second one, by no more than the
        noise of a measurement.

        :param position_X: ``[X]`` where the robot is.
        """
        if not self._has_last:
            return 0.0
        axes, last = self._axes, self._last
        position = np.asarray(position_X, np.float64)
        way = np.abs(position - last.position_X)
        room = np.where(position > last.position_X, axes.upper - position, position - axes.lower)
        # Outside the limits and at their border the next command must be at rest.
        rest = np.clip(
            self._border_velocity(room, self._period_s),
            axes.acceleration * self._period_s,
            np.sqrt(2.0 * axes.acceleration * _NOISE * axes.following_error),
        )
        slow_s = way / np.minimum(axes.velocity, rest)
        # From a command in motion: the change of velocity takes its time, too.
        change_s = np.abs(last.velocity_X) / axes.acceleration + np.sqrt(way / axes.acceleration)
        return float(np.where(way > 0.0, np.maximum(slow_s, change_s), 0.0).max())

    def place(self, position_X: ArrayLike, elapsed_s: float) -> Motion:
        """
        Command a position at rest, once :meth:`wait_s` is over.

        :param elapsed_s: time since the last command, if there was one.
        """
        position = np.array(position_X, np.float64)
        still = Motion(position, np.zeros_like(position))
        way = position - self._last.position_X if self._has_last else still.velocity_X
        # The robot sees a motion: the next command is limited relative to its velocity.
        self._last, self._has_last = replace(still, velocity_X=way / elapsed_s), True
        return still

    def rebase(self, position_X: ArrayLike) -> Motion:
        """Begin at rest at a position, whatever the last command was; in shadow mode only."""
        position = np.array(position_X, np.float64)
        self._last, self._has_last = Motion(position, np.zeros_like(position)), True
        return self._last

    def delay(self, elapsed_s: float, late_s: float) -> None:
        """
        Note that the last command was sent late, so that the robot sees a slower one.

        :param elapsed_s: time since the command before, as it was decided with.
        :param late_s: time that passed from there until it was sent.
        """
        seen = self._last.velocity_X * (elapsed_s / (elapsed_s + late_s))
        self._last = replace(self._last, velocity_X=seen)

    def brake(self, elapsed_s: float) -> Motion:
        """Decelerate; a motion that is at rest already is repeated."""
        here = self._last.position_X
        return self._move(here, np.zeros_like(here), elapsed_s, 1.0, (here, here))

    def follow(
        self,
        goal_X: ArrayLike,
        goal_velocity_X: ArrayLike,
        elapsed_s: float,
        velocity_scale: float = 1.0,
        ahead_X: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Motion:
        """
        Go towards a goal as far as the limits allow.

        A goal that moves is met at its own speed, one at rest is approached braking; where the
        plan turns or ends the command can stop, so that neither is overshot.

        :param goal_X: ``[X]`` where the plan wants to be now.
        :param goal_velocity_X: ``[X]`` how fast it moves on.
        :param elapsed_s: time since the last command, at least one period.
        :param velocity_scale: share of the velocity limit to use, 0 to 1.
        :param ahead_X: the lowest and the highest place of the rest of the plan, each ``[X]``; by
            default the goal.
        """
        axes, last = self._axes, self._last
        desired = np.asarray(goal_X, np.float64)
        goal = np.clip(
            desired,
            np.minimum(axes.lower, last.position_X),
            np.maximum(axes.upper, last.position_X),
        )
        needed = np.abs(goal - last.position_X) / elapsed_s
        velocity = np.asarray(goal_velocity_X, np.float64)
        low, high = (goal, goal) if ahead_X is None else np.asarray(ahead_X, np.float64)
        self._move(goal, velocity, elapsed_s, velocity_scale, (low, high))
        missed = np.abs(self._last.position_X - desired) > POSITION_TOLERANCE
        is_outside = np.abs(desired - goal) > POSITION_TOLERANCE
        kinds = np.where(needed > axes.velocity * velocity_scale, 'velocity', 'acceleration')
        kinds = np.where(is_outside, 'position limit', kinds)
        reasons = tuple(
            f'{kind} of {name}'
            for name, kind, cut in zip(axes.names, kinds, missed, strict=True)
            if cut
        )
        self._last = replace(self._last, limited=reasons)
        return self._last

    def _move(
        self,
        goal: Vector,
        goal_velocity: Vector,
        elapsed_s: float,
        velocity_scale: float,
        ahead: tuple[Vector, Vector],
    ) -> Motion:
        """Move towards the goal for one command; a goal at the last position brakes."""
        axes, change, last = self._axes, self._axes.acceleration * elapsed_s, self._last
        distance = goal - last.position_X
        wanted, limit = distance / elapsed_s, axes.velocity * velocity_scale
        is_direct = (
            (np.abs(wanted) <= limit + _EXACT)
            & (np.abs(wanted - last.velocity_X) <= change + _EXACT)
            & (np.abs(wanted - goal_velocity) <= axes.acceleration * self._period_s + _EXACT)
        )
        # What is left to the goal if the command goes along with it.
        left = distance - goal_velocity * elapsed_s
        approach = goal_velocity + np.sign(left) * self._stopping_velocity(np.abs(left), elapsed_s)
        low, high = np.minimum(ahead[0], goal), np.maximum(ahead[1], goal)
        approach = np.clip(
            approach,
            -self._stopping_velocity(last.position_X - low, elapsed_s),
            self._stopping_velocity(high - last.position_X, elapsed_s),
        )
        velocity = np.clip(np.where(is_direct, wanted, approach), -limit, limit)
        velocity = np.clip(velocity, last.velocity_X - change, last.velocity_X + change)
        velocity = np.clip(
            velocity,
            -self._border_velocity(last.position_X - axes.lower, elapsed_s),
            self._border_velocity(axes.upper - last.position_X, elapsed_s),
        )
        self._last = Motion(last.position_X + velocity * elapsed_s, velocity)
        return self._last

    def _stopping_velocity(self, distance: Vector, elapsed_s: float) -> Vector:
        """
        Return the highest velocity from which a command can still stop at a distance.

        The present command takes ``elapsed_s``, those after it one period each, and each may be
        slower by ``u = acceleration * period``. With ``n u < v <= (n + 1) u`` the way is
        ``v elapsed + period (n v - u n (n + 1) / 2)``.
        """
        period_s = self._period_s
        step = self._axes.acceleration * period_s
        room = np.maximum(distance, 0.0)
        half = step * (elapsed_s - period_s / 2.0)
        root = np.sqrt(half * half + 2.0 * period_s * step * room)
        count = np.floor((root - half) / (period_s * step))
        braking = period_s * step * count * (count + 1.0) / 2.0
        velocity: Vector = (room + braking) / (elapsed_s + count * period_s)
        return velocity

    def _border_velocity(self, room: Vector, elapsed_s: float) -> Vector:
        """
        Return the highest velocity from which v^2 / 2a beyond the command is within the limits.

        The controller of a trajectory stops there when no command follows, whatever its period.
        """
        most = np.maximum(room, 0.0) / self._axes.acceleration
        velocity: Vector = self._axes.acceleration * (
            np.sqrt(elapsed_s * elapsed_s + 2.0 * most) - elapsed_s
        )
        return velocity
