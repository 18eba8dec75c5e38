# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The state machine between action chunks and commands; its states: :mod:`.decision`.

A measurement alone never moves the robot: a motion starts from one only after an activation or
:meth:`Executor.release`; after a loss it continues from the last command, or a stop latches.
Between any two commands, whatever happened between them, the limits of
:mod:`~hma_ros.core.control.guard` hold.
"""

import numpy as np
from numpy.typing import ArrayLike

from hma_ros.core.control.action_space import Targets
from hma_ros.core.control.approval import Approval
from hma_ros.core.control.axes import axes_of
from hma_ros.core.control.chunk_plan import check_begun
from hma_ros.core.control.command_clock import SHORTEST_PERIOD, Tick
from hma_ros.core.control.command_history import CommandHistory
from hma_ros.core.control.decision import AWAY, COMMANDING, Decision, State
from hma_ros.core.control.gripper import GripperSwitch
from hma_ros.core.control.guard import Guard, Motion, Vector
from hma_ros.core.control.measurement import Measurement, StateCheck
from hma_ros.core.control.motion_plan import MotionPlan
from hma_ros.core.control.orientation_goal import OrientationGoal
from hma_ros.core.control.start_check import StartCheck
from hma_ros.core.control.stray import Stray
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.units import NS_PER_S

_HISTORY_S = 5.0


class Executor:
    """
    Executes chunks; call :meth:`step` once per command period and send what it returns.

    :param spec: the embodiment.
    :param max_chunk_age_s: chunks whose stamp is older on arrival are refused.
    :param ramp_in_s: time over which the velocity limit grows from zero after a start.
    :param needs_approval: chunks are checked but not followed before an :attr:`approval`.
    :param previous: executor of an earlier configuration; its last command and the time since its
        last gripper command carry over.
    :param is_shadow: the plan is not commanded, so there is no following error.
    """

    def __init__(
        self,
        spec: EmbodimentSpec,
        max_chunk_age_s: float,
        ramp_in_s: float = 0.0,
        needs_approval: bool = False,
        previous: 'Executor | None' = None,
        is_shadow: bool = False,
    ) -> None:
        self._spec, self._period_s = spec, 1.0 / spec.rates.command_hz
        self.approval, self._is_shadow = Approval(needs_approval), is_shadow
        axes = axes_of(spec)
        self._guard = Guard(axes, self._period_s * SHORTEST_PERIOD)
        self._check = StateCheck(axes, spec.state.max_age_s)
        self._start = StartCheck(axes, spec.state.max_age_s)
        self._turn = OrientationGoal(spec)
        self._history = CommandHistory(spec, _HISTORY_S)
        self._plan = MotionPlan(spec, axes, max_chunk_age_s, self._history, ramp_in_s)
        self.gripper = None if spec.gripper is None else GripperSwitch(spec.gripper)
        self._state = State.WAITING
        self._reasons: tuple[str, ...] = (self._start.reason,)
        self._stop_reason: str | None = None
        self.stray = Stray(self._check)
        # Whether a stop still has to come to rest.
        self._needs_rest = False
        # Time since the last command; all time that passed: the gripper interval counts in it.
        self._idle_s = self._time_s = 0.0
        # Chunks stamped before this moment belong to an earlier motion.
        self._begun_ns = self._reach_ns = 0
        if previous is not None and previous._spec.action == spec.action:
            self._guard = Guard(axes, self._period_s * SHORTEST_PERIOD, previous._guard.last)
            self._time_s, self._idle_s = previous._time_s, previous._idle_s
            self.stray.adopt(previous.stray)
            if self.gripper is not None and previous.gripper is not None:
                self.gripper.adopt(previous.gripper)

    @property
    def state(self) -> State:
        """The present state."""
        return self._state

    @property
    def is_at_rest(self) -> bool:
        """Whether the last command equals the one before."""
        return self._guard.last.is_at_rest

    @property
    def stop_reason(self) -> str | None:
        """Why execution is latched, None if it is not."""
        return self._stop_reason

    def check_chunk(self, step_dt_s: float, steps: int) -> None:
        """Refuse a chunk before its numbers are read; raises MessageError."""
        if self._state not in COMMANDING:
            reasons = '; '.join(self._reasons)
            raise MessageError(
                f'action chunk: got one while {self._state.value} ({reasons}), expected none'
            )
        self._plan.check_form(step_dt_s, steps)

    def accept(
        self, stamp_ns: int, step_dt_s: float, actions_HA: ArrayLike, now_ns: int
    ) -> Targets:
        """
        Follow a new chunk, or one that adds steps to the one that is followed.

        :param stamp_ns: start of step 0.
        :param actions_HA: ``[H, A]`` in physical units.
        :returns: the targets, with the increments that were cut off marked.
        :raises LateError: too old, over, from before this motion, or not newer than the last one;
            an EarlierError if the motion began within the chunk.
        :raises MessageError: malformed, out of bounds, from the future, for another control rate,
            or not while tracking or holding. The plan stays as it was.
        """
        self.check_chunk(step_dt_s, steps := len(np.asarray(actions_HA)))
        check_begun(stamp_ns, steps * step_dt_s, self._begun_ns)
        joins_ns = max(now_ns, self._reach_ns)
        targets = self._plan.accept(
            stamp_ns, actions_HA, joins_ns, self._reach_ns, self.approval.is_there
        )
        self.approval.show(stamp_ns + round(steps * step_dt_s * NS_PER_S))
        if self.approval.is_there:
            self._turn.aim()
        return targets

    def step(
        self,
        tick: Tick,
        now_ns: int,
        measured: Measurement | None,
        start_refusal: str | None = None,
        gripper_listens: bool = True,
    ) -> Decision:
        """
        Decide and record the command of this period.

        :param tick: when it is reached, from the command clock.
        :param now_ns: ROS time, which the measurement is compared with.
        :param measured: the newest measurement of the axes; None if unknown.
        :param start_refusal: why a motion may not start now, e.g. a stop topic that is silent.
        :param gripper_listens: whether the gripper would take a new command now.
        """
        self._pass(tick)
        if tick.interruption is not None:
            self._interrupt(tick.interruption)
        fault = self._check.fault(now_ns, measured)
        if self._state is State.STOPPED:
            motion = self._stopped()
        elif self._state is State.WAITING:
            motion = self._waiting(fault, measured, start_refusal)
        elif self._state is State.LOST:
            motion = self._lost(fault, measured)
        elif self._state is State.BRAKING:
            motion = self._brake()
        else:
            motion = self._commanding(fault, measured, tick.elapsed_s)
        return self._decided(motion, gripper_listens)

    def halt(self, tick: Tick) -> Decision:
        """Decelerate to rest whatever the state; commands nothing once a rest was commanded."""
        self._pass(tick)
        self.interrupt('shutting down')
        motion = self._brake() if self._state is State.BRAKING else None
        return self._decided(self._stopped() if self._state is State.STOPPED else motion, False)

    def sent(self, tick: Tick, late_s: float) -> None:
        """Note that the command of a tick was sent that much later than it was decided."""
        self._guard.delay(tick.elapsed_s, late_s)

    def measurement(
        self, values_D: ArrayLike, quat_xyzw: ArrayLike | None, stamp_ns: int, oldest: str
    ) -> Measurement:
        """
        Return a measurement of the axes.

        :param values_D: the coordinates.
        :param quat_xyzw: the orientation ``[4]``; None where none is commanded.
        :param stamp_ns: when the oldest part was measured.
        :param oldest: the name of that part.
        """
        turn = np.zeros(0) if quat_xyzw is None else self._turn.vector(quat_xyzw)
        values_X = np.concatenate([np.asarray(values_D, np.float64), turn])
        return Measurement(values_X, stamp_ns, oldest)

    def quaternion(self, motion: Motion) -> tuple[float, float, float, float] | None:
        """Return a command's orientation, x y z w; None where none is commanded."""
        return self._turn.quaternion(motion.position_X[len(self._spec.action.coordinates) :])

    def expired(self, now_ns: int) -> bool:
        """Whether no chunk is being followed."""
        return self._state not in COMMANDING or self._plan.expired(now_ns)

    def executed(self, start_ns: int) -> Vector | None:
        """Return the actions of the model's step from a time, ``[stride, A]``; None if unknown."""
        return self._history.executed(start_ns, self._spec.rates.stride)

    def stop(self, reason: str) -> None:
        """
        Latch: decelerate to rest, then command nothing until :meth:`release`.

        The first reason stays, but any other replaces that of a robot away from its last command.
        """
        if self._stop_reason is None or AWAY in self._stop_reason:
            self._stop_reason, self._reasons = reason, (reason,)
        if self.gripper is not None:
            self.gripper.repeat()
        if self._state is not State.STOPPED:
            self._needs_rest = self._state in (*COMMANDING, State.BRAKING)
            self._state = State.STOPPED
            self._drop_plan()

    def release(self) -> None:
        """Release the latch, if any, to start where the robot is, once a motion is at rest."""
        if self._stop_reason is not None:
            self._stop_reason = None
            self.stray.end()
            if not self._needs_rest:
                self._restart()

    def reset(self) -> None:
        """
        Start anew where the robot is, e.g. when activated.

        A stop stays latched, and a robot that is waited for stops.
        """
        self._history.clear()
        self._plan.forget_stamps()
        self.approval.end()
        self._needs_rest = False  # what moved has rested meanwhile
        if self.stray.is_pending:
            self.stop(self.stray.stop_reason)
        if self._state is not State.STOPPED:
            self._restart()

    def interrupt(self, reason: str) -> None:
        """Drop the chunk and brake, e.g. when the model fell silent."""
        if self._state in COMMANDING:
            self._lose(reason)

    def is_following(self, stamp_ns: int) -> bool:
        """Whether the chunk that is followed has this stamp."""
        return self._plan.is_following(stamp_ns)

    def rebase(self, measured: Measurement) -> None:
        """Plan from rest at the measured position; in shadow mode only."""
        if self._state in COMMANDING:
            self._record(self._begin(self._guard.rebase(measured.values_X)), False)
            self._begun_ns = 0

    def _pass(self, tick: Tick) -> None:
        self._idle_s += tick.elapsed_s
        self._time_s += tick.elapsed_s
        self._reach_ns = tick.reach_ns

    def _waiting(
        self, fault: str | None, measured: Measurement | None, refusal: str | None
    ) -> Motion | None:
        if fault is not None or measured is None:
            self._start.reset()
            self._reasons = (fault or 'no measured state',)
            return None
        is_ready = self._start.accepts(measured)
        if self.stray.is_pending and self._following_fault(measured) is not None:
            self._await_return(measured)
            return None
        if not is_ready or refusal is not None:
            self._reasons = (refusal if is_ready and refusal else self._start.reason,)
            return None
        position = self._guard.nearest_turn(measured.values_X)
        if self._is_shadow:
            return self._begin(self._guard.rebase(position))
        if self.stray.is_pending:
            position = self._guard.last.position_X
        if (wait_s := self._guard.wait_s(position) - self._idle_s) > 0.0:
            self._reasons = (f'{AWAY}: a start in {wait_s:.1f} s',)
            return None
        return self._begin(self._guard.place(position, self._idle_s))

    def _await_return(self, measured: Measurement) -> None:
        """Wait for an arm that lags, not for long; stop if it has come to rest elsewhere."""
        self.stray.note(measured, self._guard.last.position_X)
        if self._start.is_settled or self.stray.is_overdue(self._time_s):
            self.stop(self.stray.stop_reason)
        else:
            self._reasons = (f'{self.stray.text}: waiting for the robot to come back or to rest',)

    def _lost(self, fault: str | None, measured: Measurement | None) -> Motion | None:
        if fault is not None or measured is None:
            self._reasons = (fault or 'no measured state',)
            return None
        if (following := self._following_fault(measured)) is None:
            return self._begin(self._guard.place(self._guard.last.position_X, self._period_s))
        self._start.reset()
        self.stray.begin(measured, self._guard.last.position_X, self._time_s)
        self._state, self._reasons = State.WAITING, (following,)
        return None

    def _commanding(
        self, fault: str | None, measured: Measurement | None, elapsed_s: float
    ) -> Motion:
        if fault is None and measured is not None:
            fault = self._following_fault(measured)
        if fault is not None:
            self._lose(fault)
            return self._brake()
        now, soon = self._plan.targets(self._reach_ns, elapsed_s)
        if (refusal := self._plan.refusal(now, self._guard.last.position_X)) is not None:
            self._drop_plan()
            self._state, self._reasons = State.HOLDING, (refusal,)
            return self._guard.brake(elapsed_s)
        return self._follow(now, soon, elapsed_s)

    def _follow(self, now: Vector, soon: Vector, elapsed_s: float) -> Motion:
        turn = self._turn.goal_3
        low, high = self._plan.ahead(self._reach_ns)
        goal_velocity = np.concatenate([(soon - now) / self._period_s, np.zeros_like(turn)])
        motion = self._guard.follow(
            np.concatenate([now, turn]),
            goal_velocity,
            elapsed_s,
            self._plan.velocity_scale(self._reach_ns),
            (np.concatenate([low, turn]), np.concatenate([high, turn])),
        )
        is_over = self._plan.expired(self._reach_ns) and motion.is_at_rest
        self._state = State.HOLDING if is_over else State.TRACKING
        self._reasons = motion.limited
        return motion

    def _stopped(self) -> Motion | None:
        if not self._needs_rest:
            if self._stop_reason is None:
                self._restart()
            return None
        motion = self._guard.brake(self._idle_s)
        self._needs_rest = not motion.is_at_rest
        return motion

    def _brake(self) -> Motion:
        motion = self._guard.brake(self._idle_s)
        if motion.is_at_rest:
            self._state = State.LOST
        return motion

    def _lose(self, reason: str) -> None:
        self._state, self._reasons = State.BRAKING, (reason,)
        self._drop_plan()

    def _drop_plan(self) -> None:
        self.approval.end()
        self._plan.hold(self._guard.last.position_X[: self._plan.width])
        self._turn.begin(self._guard.last.position_X[self._plan.width :])

    def _interrupt(self, reason: str) -> None:
        self._plan.forget_stamps()
        self._history.clear()
        self._start.reset()
        self.interrupt(reason)

    def _restart(self) -> None:
        self._start.reset()
        self._state, self._reasons = State.WAITING, (self._start.reason,)
        if self.gripper is not None:
            # Somebody may have moved it: it is commanded anew, by the model alone.
            self.gripper.repeat()

    def _begin(self, motion: Motion) -> Motion:
        self._history.clear()
        self._begun_ns = self._reach_ns - round(NS_PER_S * self._period_s)
        self._drop_plan()
        self.stray.end()
        self._state, self._reasons = State.HOLDING, ()
        return motion

    def _decided(self, motion: Motion | None, gripper_listens: bool) -> Decision:
        if motion is not None:
            self._record(motion, gripper_listens)
        return Decision(self._state, motion, self._reasons)

    def _record(self, motion: Motion, gripper_listens: bool) -> None:
        self._idle_s = 0.0
        if self.gripper is not None and gripper_listens and self._state in COMMANDING:
            self.gripper.update(self._plan.gripper(self._reach_ns), self._time_s)
        value = None if self.gripper is None else self.gripper.model_value
        self._history.record(self._reach_ns, motion.position_X[: self._plan.width], value)

    def _following_fault(self, measured: Measurement) -> str | None:
        if self._is_shadow:
            return None
        return self._check.following_fault(measured, self._guard.last.position_X)
