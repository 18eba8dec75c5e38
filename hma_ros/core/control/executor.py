# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
From action chunks to commands: plan, guard, gripper and history of one robot, kept consistent.

Increments integrate on what is commanded at the chunk's stamp, which is the truth after a hold, a
limit or a stop. For a moment that has no command yet it is the last command plus what the plan
will have added by then.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.action_space import Targets, targets_from_actions
from hma_ros.core.control.chunk_plan import ChunkPlan
from hma_ros.core.control.command_history import CommandHistory
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.control.gripper import GripperSwitch
from hma_ros.core.control.guard import Guard, GuardDecision

_NS = 1_000_000_000
_HISTORY_S = 5.0


class Execution:
    """
    Executes chunks; call :meth:`step` once per command period and send what it returns.

    :param spec: the embodiment.
    :param max_chunk_age_s: chunks whose stamp is older on arrival are refused.
    """

    def __init__(self, spec: EmbodimentSpec, max_chunk_age_s: float) -> None:
        self._spec = spec
        self._max_chunk_age_s = max_chunk_age_s
        self._period_ns = round(_NS / spec.rates.command_hz)
        self._guard = Guard(spec)
        self._history = CommandHistory(spec, _HISTORY_S)
        self._plan: ChunkPlan | None = None
        self._idle_reason = 'no measured state'
        self._gripper = None if spec.gripper is None else GripperSwitch(spec.gripper)
        self._last_ns = 0

    @property
    def gripper_position(self) -> float | None:
        """The gripper position to command, in its own unit; None before or without one."""
        return None if self._gripper is None else self._gripper.position

    @property
    def stop_reason(self) -> str | None:
        """Why execution is latched, None if it is not."""
        return self._guard.stop_reason

    def accept(
        self, stamp_ns: int, step_dt_s: float, actions_HA: ArrayLike, now_ns: int
    ) -> Targets:
        """
        Follow a new chunk.

        :param stamp_ns: start of step 0.
        :param actions_HA: ``[H, A]`` in physical units.
        :returns: the targets, with the increments that were cut off marked.
        :raises LateError: too old or already over; the plan stays as it was.
        :raises MessageError: malformed, out of bounds, from the future, for another control rate,
            while stopped, or before the robot's state was seen; likewise.
        """
        if self._guard.stop_reason is not None:
            raise MessageError(
                f'action chunk: expected none while stopped ({self._guard.stop_reason}), got one'
            )
        if self._plan is None:
            raise MessageError(
                'action chunk: expected none before there is a command to start from '
                f'({self._idle_reason}), got one'
            )
        if abs(step_dt_s - self._spec.rates.step_dt_s) > 1e-6:
            raise MessageError(
                f'action chunk: expected steps of {self._spec.rates.step_dt_s:g} s '
                f'({self._spec.name}), got {step_dt_s:g} s'
            )
        base = self._commanded(self._plan, stamp_ns)
        targets = targets_from_actions(self._spec, base, actions_HA)
        self._plan.accept(
            stamp_ns, step_dt_s, base, targets, now_ns, self._commanded(self._plan, now_ns)
        )
        return targets

    def step(
        self,
        now_ns: int,
        measured_D: ArrayLike | None,
        state_age_s: float,
        gripper_listens: bool = True,
    ) -> GuardDecision:
        """
        Decide and record the command of this period.

        :param measured_D: ``[D]`` where the commanded coordinates are; None if unknown.
        :param state_age_s: age of that measurement.
        :param gripper_listens: whether the gripper would take a new command now.
        """
        desired = measured_D if self._plan is None else self._plan.target(now_ns)
        following = None if self._plan is None else self._plan.target(now_ns + self._period_ns)
        decision = self._guard.step(desired, measured_D, state_age_s, following)
        if decision.target_D is None:
            # What is commanded next starts where the robot will be.
            self._plan, self._idle_reason = None, '; '.join(decision.reasons)
            return decision
        if self._plan is None:
            self._plan = ChunkPlan(decision.target_D, self._max_chunk_age_s)
            self._history.clear()
            self._last_ns = 0
        if decision.verdict in ('hold', 'stopped'):
            self._plan.hold(decision.target_D)
        if self._gripper is not None and gripper_listens:
            self._gripper.update(self._plan.gripper(now_ns), now_ns)
        if now_ns > self._last_ns:
            value = None if self._gripper is None else self._gripper.model_value
            self._history.record(now_ns, decision.target_D, value)
            self._last_ns = now_ns
        return decision

    def expired(self, now_ns: int) -> bool:
        """Whether no chunk is being followed: the robot only holds its target."""
        return self._plan is None or self._plan.expired(now_ns)

    def executed(self, start_ns: int) -> NDArray[np.float64] | None:
        """
        Return what was really commanded in the row that starts at a time.

        :returns: ``float64[stride, A]``, or None where it is not wholly known.
        """
        return self._history.executed(start_ns, self._spec.rates.stride)

    def stop(self, reason: str) -> None:
        """Latch: nothing moves until :meth:`release`."""
        self._guard.stop(reason)

    def release(self) -> None:
        """Release the latch and start anew where the robot is."""
        self._guard.release()
        self.reset()

    def reset(self) -> None:
        """Start anew where the robot is, e.g. after a jump of the clock. A stop stays latched."""
        self._guard.reset()
        self._history.clear()
        self._plan, self._idle_reason = None, 'no measured state'
        self.forget_gripper()
        self._last_ns = 0

    def forget_gripper(self) -> None:
        """Command the gripper anew with the next value, e.g. after it refused one."""
        if self._gripper is not None:
            self._gripper.reset()

    def _commanded(self, plan: ChunkPlan, time_ns: int) -> NDArray[np.float64]:
        commanded = self._history.target(time_ns)
        if time_ns <= self._last_ns:
            return commanded
        return commanded + plan.target(time_ns) - plan.target(self._last_ns)
