# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""An executor, its clock, and a robot that goes where it is commanded; all commands are judged."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.faults.wire import Wire
from hma_ros.core.control.axes import axes_of
from hma_ros.core.control.command_clock import Tick
from hma_ros.core.control.decision import Decision, State
from hma_ros.core.control.executor import Executor
from hma_ros.core.control.measurement import Measurement
from hma_ros.core.embodiment import EmbodimentSpec

S = 1_000_000_000


class Rig:
    """
    Steps an executor.

    ``robot_X`` is where the robot is, ``sag_X`` what is added to it in a measurement.

    :param options: of the executor.
    """

    def __init__(self, spec: EmbodimentSpec, **options: Any) -> None:
        self.spec, self.axes = spec, axes_of(spec)
        self.executor = Executor(spec, 0.5, **options)
        self.period_ns = round(S / spec.rates.command_hz)
        self.now_ns = S
        self.robot_X = (self.axes.lower + self.axes.upper) / 2.0
        self.sag_X = np.zeros_like(self.robot_X)
        self.is_seen, self.listens = True, True
        self.refusal: str | None = None
        self.wire, self.positions = Wire(self.axes), list[np.ndarray]()
        self.decision = Decision(self.executor.state, None)
        self._time_s = 0.0

    def tick(self, periods: int = 1, interruption: str | None = None) -> Decision:
        """Let time pass and decide."""
        self.now_ns += periods * self.period_ns
        self._time_s += periods * self.period_ns / S
        elapsed_s = periods * self.period_ns / S
        tick = Tick(self.now_ns + self.period_ns, elapsed_s, interruption)
        measured = self.measured() if self.is_seen else None
        self.decision = self.executor.step(tick, self.now_ns, measured, self.refusal, self.listens)
        self._obey()
        return self.decision

    def halt(self) -> Decision:
        """Let a period pass while the node shuts down."""
        self.now_ns += self.period_ns
        self._time_s += self.period_ns / S
        self.decision = self.executor.halt(Tick(self.now_ns + self.period_ns, self.period_ns / S))
        self._obey()
        return self.decision

    def run(self, count: int) -> list[Decision]:
        """Tick so often."""
        return [self.tick() for _ in range(count)]

    def until(self, state: State) -> None:
        """Tick until the executor is in a state."""
        for _ in range(1000):
            if self.tick().state is state:
                return
        raise AssertionError(f'{state.value}: not within 1000 periods, but {self.decision}')

    def started(self) -> 'Rig':
        """Wait for the start."""
        self.until(State.HOLDING)
        return self

    def moving(self) -> 'Rig':
        """Start, and come to full speed."""
        self.started().send(self.forward(2 * self.spec.rates.stride))
        self.run(10)
        assert self.executor.state is State.TRACKING
        assert not self.is_at_rest()
        return self

    def forward(self, steps: int = 2) -> np.ndarray:
        """Return full steps of the first coordinate."""
        actions = np.zeros((steps, len(self.spec.action.names)))
        actions[:, 0] = self.spec.action.upper[0]
        return actions

    def send(self, actions_HA: ArrayLike, age_s: float = 0.0) -> Any:
        """Have a chunk accepted."""
        stamp_ns = self.now_ns - round(age_s * S)
        step_dt_s = self.spec.rates.step_dt_s
        return self.executor.accept(stamp_ns, step_dt_s, actions_HA, self.now_ns)

    def measured(self) -> Measurement:
        """Return what the robot measures now."""
        return Measurement(self.robot_X + self.sag_X, self.now_ns)

    def command(self) -> np.ndarray:
        """Return the last command."""
        return self.positions[-1]

    def is_at_rest(self) -> bool:
        """Whether the last decision commands no motion."""
        return self.decision.motion is None or self.decision.motion.is_at_rest

    def check_limits(self) -> None:
        """Check all commands so far."""
        assert self.wire.worst.is_within, self.wire.worst

    def _obey(self) -> None:
        if self.decision.motion is not None:
            self.robot_X = self.decision.motion.position_X
            self.positions.append(self.robot_X)
            self.wire.take(self._time_s, self.robot_X)
