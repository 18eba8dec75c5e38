# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The last word before the motor.

Every command is at most one velocity and acceleration limit away from the one before, and inside
the position limits. What cannot be obeyed is held, and the reason is told:

========== ==================================================================================
pass       the desired target is commanded
limited    on the way to it: velocity, acceleration or (for increments) the workspace cut it
hold       refused: the command brakes to a standstill
stopped    latched: one command at rest, then none until :meth:`Guard.release`
========== ==================================================================================

A target that cannot be obeyed leaves the command at rest, repeated. Without a fresh measurement,
or when the robot does not follow, the command falls silent once it is at rest, as a target
repeated for ever would pull back an arm that was moved meanwhile. It starts again where the robot
is: with the next fresh measurement, or once the robot has come back to the command it did not
follow. A robot that stays away from it needs :meth:`Guard.release` or :meth:`Guard.reset`.

Position limits follow ``limits.workspace_policy``. With ``saturate`` (increments) reaching the
border is normal, as in the data the model learned from: the command stops at the border. With
``refuse`` (absolute targets) a target outside is a mistake of whoever sent it, so it is not
silently changed into another one.

A moving goal that stops abruptly may be overshot by the braking distance; limits never are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.action_space import BOUND_TOLERANCE
from hma_ros.core.embodiment.spec import EmbodimentSpec

Vector = NDArray[np.float64]

_EXACT = 1e-9


@dataclass(frozen=True)
class GuardDecision:
    """
    What to command now.

    ``target_D`` is ``float64[D]``, or None where nothing may be commanded: before the measured
    state has been seen, after a stop, and in the silence that follows a loss of the robot.
    ``verdict`` is pass, limited, hold or stopped; ``reasons`` are for people.
    """

    target_D: Vector | None
    verdict: str
    reasons: tuple[str, ...] = ()


class Guard:
    """
    Keeps commands within the limits of an embodiment; call :meth:`step` once per command period.

    :param spec: the embodiment; its ``limits``, ``rates.command_hz`` and ``state.max_age_s`` hold.
    """

    def __init__(self, spec: EmbodimentSpec) -> None:
        self._names = spec.action.coordinates
        self._limits = spec.limits
        self._lower, self._upper = np.array(spec.limits.lower), np.array(spec.limits.upper)
        self._velocity_limit = np.array(spec.limits.velocity)
        self._following_limit = np.array(spec.limits.following_error)
        self._dt_s = 1.0 / spec.rates.command_hz
        self._velocity_step = np.array(spec.limits.acceleration) * self._dt_s
        self._max_age_s = spec.state.max_age_s
        self._target: Vector | None = None
        self._velocity = np.zeros(len(self._names))
        self._stop_reason: str | None = None
        self._is_silent = False

    @property
    def commanded_D(self) -> Vector | None:
        """The target commanded last, ``float64[D]``; None before the first one."""
        return None if self._target is None else self._target.copy()

    @property
    def stop_reason(self) -> str | None:
        """Why the guard is latched, None if it is not."""
        return self._stop_reason

    def stop(self, reason: str) -> None:
        """Latch: nothing moves until :meth:`release`. The first reason is kept."""
        self._stop_reason = self._stop_reason or reason
        self._velocity[:] = 0.0

    def release(self) -> None:
        """Release the latch and forget the command."""
        self._stop_reason = None
        self.reset()

    def reset(self) -> None:
        """Forget the command: the next one starts where the robot is. A stop stays latched."""
        self._target = None
        self._velocity = np.zeros(len(self._names))
        self._is_silent = False

    def step(
        self,
        desired_D: ArrayLike | None,
        measured_D: ArrayLike | None,
        state_age_s: float,
        next_desired_D: ArrayLike | None = None,
    ) -> GuardDecision:
        """
        Decide the next command.

        :param desired_D: ``[D]`` where the plan wants to be now; None asks for a standstill.
        :param measured_D: ``[D]`` where the robot is; None if unknown.
        :param state_age_s: age of that measurement.
        :param next_desired_D: ``[D]`` where the plan will want to be one period later. A moving
            target is met at its own speed, one that stays (None) is approached braking.
        """
        if self._stop_reason is not None:
            last = None if self._is_silent else self.commanded_D
            self._is_silent = True
            return GuardDecision(last, 'stopped', (self._stop_reason,))
        stale = self._state_fault(measured_D, state_age_s)
        lost = stale or self._following_fault(measured_D)
        if lost is not None:
            return self._lose(lost, has_state=stale is None)
        if self._target is None or self._is_silent:
            self.reset()
            self._target = np.array(measured_D, np.float64)
        fault = self._desired_fault(desired_D)
        if fault is not None:
            return self._brake(self._target, fault)
        desired = np.asarray(desired_D, np.float64)
        goal_velocity = np.zeros_like(desired)
        if next_desired_D is not None and self._form_fault('next', next_desired_D) is None:
            goal_velocity = (np.asarray(next_desired_D, np.float64) - desired) / self._dt_s
        return self._follow(self._target, desired, goal_velocity)

    def _brake(self, target: Vector, fault: str) -> GuardDecision:
        self._advance(target, target, np.zeros_like(target))
        return GuardDecision(self.commanded_D, 'hold', (fault,))

    def _lose(self, fault: str, has_state: bool) -> GuardDecision:
        """Brake, then fall silent; only what a seen robot did not follow is remembered."""
        if self._target is None or self._is_silent:
            return GuardDecision(None, 'hold', (fault,))
        decision = self._brake(self._target, fault)
        self._is_silent = not self._velocity.any()
        if self._is_silent and not has_state:
            self._target = None
        return decision

    def _follow(self, target: Vector, desired: Vector, goal_velocity: Vector) -> GuardDecision:
        # Whoever starts outside the box may come back in, but not go further out.
        goal = np.clip(desired, np.minimum(self._lower, target), np.maximum(self._upper, target))
        needed = np.abs(goal - target) / self._dt_s
        change = np.abs((goal - target) / self._dt_s - self._velocity)
        reasons = self._reasons('workspace', np.abs(goal - desired) > BOUND_TOLERANCE)
        reasons += self._reasons('velocity', needed > self._velocity_limit + _EXACT)
        reasons += self._reasons('acceleration', change > self._velocity_step + _EXACT)
        reached = self._advance(target, goal, goal_velocity)
        reasons += (
            () if reasons else self._reasons('braking', np.abs(reached - goal) > BOUND_TOLERANCE)
        )
        return GuardDecision(reached.copy(), 'limited' if reasons else 'pass', reasons)

    def _advance(self, target: Vector, goal: Vector, goal_velocity: Vector) -> Vector:
        """Move the command towards the goal for one period; a goal of the target itself brakes."""
        distance = goal - target
        wanted = distance / self._dt_s
        is_direct = (
            (np.abs(wanted) <= self._velocity_limit + _EXACT)
            & (np.abs(wanted - self._velocity) <= self._velocity_step + _EXACT)
            & (np.abs(wanted - goal_velocity) <= self._velocity_step + _EXACT)
        )
        approach = np.sign(distance) * self._stopping_velocity(np.abs(distance))
        velocity = np.where(is_direct, wanted, approach)
        velocity = np.clip(velocity, -self._velocity_limit, self._velocity_limit)
        velocity = np.clip(
            velocity, self._velocity - self._velocity_step, self._velocity + self._velocity_step
        )
        velocity = np.clip(
            velocity,
            -self._stopping_velocity(target - self._lower),
            self._stopping_velocity(self._upper - target),
        )
        self._velocity = velocity
        self._target = target + velocity * self._dt_s
        return self._target

    def _stopping_velocity(self, distance: Vector) -> Vector:
        """
        Return the highest velocity from which the command can stop within a distance.

        With velocities v, v - u, v - 2u, ... (u the largest change in a period) over k + 1
        periods, (k + 1) v - u k (k + 1) / 2 must not exceed distance / dt.
        """
        step = self._velocity_step
        room = np.maximum(distance, 0.0) / self._dt_s
        periods = np.floor((np.sqrt(1.0 + 8.0 * room / step) - 1.0) / 2.0)
        velocity: Vector = room / (periods + 1.0) + step * periods / 2.0
        return velocity

    def _state_fault(self, measured_D: ArrayLike | None, state_age_s: float) -> str | None:
        if measured_D is None:
            return 'no measured state'
        if state_age_s < -self._max_age_s:
            return (
                f'measured state ahead of the clock: expected at most {self._max_age_s:g} s, '
                f'got {-state_age_s:.3f} s'
            )
        if not state_age_s <= self._max_age_s:
            return (
                f'stale measured state: expected at most {self._max_age_s:g} s old, '
                f'got {state_age_s:.3f} s'
            )
        return self._form_fault('measured state', measured_D)

    def _following_fault(self, measured_D: ArrayLike | None) -> str | None:
        if self._target is None:
            return None
        error = np.abs(np.asarray(measured_D, np.float64) - self._target)
        return self._first(
            error > self._following_limit, 'following error', error, self._following_limit
        )

    def _desired_fault(self, desired_D: ArrayLike | None) -> str | None:
        if desired_D is None:
            return 'no target'
        fault = self._form_fault('target', desired_D)
        if fault is not None or self._limits.workspace_policy == 'saturate':
            return fault
        desired = np.asarray(desired_D, np.float64)
        beyond = np.maximum(self._lower - desired, desired - self._upper)
        return self._first(
            beyond > BOUND_TOLERANCE, 'target beyond its limit by', beyond, np.zeros_like(beyond)
        )

    def _form_fault(self, what: str, values: ArrayLike) -> str | None:
        array = np.asarray(values, np.float64)
        if array.shape != (len(self._names),):
            return f'{what}: expected {len(self._names)} values, got shape {list(array.shape)}'
        for name, value in zip(self._names, array, strict=True):
            if not np.isfinite(value):
                return f'{what}: expected a finite {name}, got {value}'
        return None

    def _first(
        self, is_wrong: NDArray[np.bool_], what: str, values: Vector, allowed: Vector
    ) -> str | None:
        if not is_wrong.any():
            return None
        index = int(np.argmax(is_wrong))
        return (
            f'{self._names[index]}: {what} {values[index]:.4g}, '
            f'expected at most {allowed[index]:g}'
        )

    def _reasons(self, what: str, is_cut: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(
            f'{what} of {name}' for name, cut in zip(self._names, is_cut, strict=True) if cut
        )
