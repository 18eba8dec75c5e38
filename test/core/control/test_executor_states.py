# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Random measurements, gaps, chunks, stops and clock jumps: the limits hold always.

And no motion starts away from the last command, unless somebody resumed or activated.
"""

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from benchmarks.faults.wire import StampTime, Wire
from hma_ros.core.control.axes import axes_of
from hma_ros.core.control.command_clock import CommandClock, Tick
from hma_ros.core.control.decision import Decision, State
from hma_ros.core.control.executor import Executor
from hma_ros.core.control.orientation import quaternion
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import MessageError

NS = 1_000_000_000
SHARES = st.floats(-1.0, 1.0)


def slow(spec: EmbodimentSpec) -> EmbodimentSpec:
    """The same robot with the acceleration of a real one: it takes many periods to brake."""
    limits = spec.limits
    return replace(
        spec,
        limits=replace(
            limits,
            acceleration=tuple(4.0 * value for value in limits.velocity),
            jerk=tuple(100.0 * value for value in limits.velocity),
        ),
    )


def wrapped(spec: EmbodimentSpec) -> EmbodimentSpec:
    """The same robot with joints that turn without end, measured within half a turn."""
    count = len(spec.action.coordinates)
    return replace(spec, limits=replace(spec.limits, continuous=(True,) * count))


ROBOTS = {
    'franka': load_embodiment('sim_franka'),
    'slow franka': slow(load_embodiment('sim_franka')),
    'ur5e': load_embodiment('sim_ur5e'),
    'slow ur5e': slow(load_embodiment('sim_ur5e')),
    'so101': load_embodiment('sim_so101'),
    'slow so101': slow(load_embodiment('sim_so101')),
    'wrapped kinova': wrapped(load_embodiment('kinova_gen3')),
}


class ExecutorMachine(RuleBasedStateMachine):
    """A robot that follows its commands, and everything that may go wrong around it."""

    @initialize(name=st.sampled_from(sorted(ROBOTS)), place=st.floats(0.0, 1.0))
    def begin(self, name: str, place: float) -> None:
        self.spec = ROBOTS[name]
        self.axes = axes_of(self.spec)
        self.period_ns = round(NS / self.spec.rates.command_hz)
        self.executor = Executor(self.spec, 0.5, ramp_in_s=0.1)
        self.clock = CommandClock(self.period_ns, is_simulated=False)
        self.wire = Wire(self.axes)
        # The same commands, judged by their stamps.
        self.stamped, self.stamps = Wire(self.axes), StampTime()
        self.steady_ns, self.offset_ns = 100 * NS, 1_000 * NS
        span = self.axes.upper - self.axes.lower
        self.robot = self.axes.lower + (0.1 + 0.8 * place) * span
        self.error = np.zeros_like(self.robot)
        self.is_silent = False
        self.is_frozen = False
        self.last_stamp_ns = 0
        self.decision: Decision | None = None
        # Whether somebody allowed a start elsewhere than at the last command; where that is.
        self.may_start_elsewhere = True
        self.last: np.ndarray | None = None
        self.chunks = self.ticks = 0
        # The clock is corrected to and fro.
        self.correction_ns, self.correct_every = 0, 1

    def ros_ns(self) -> int:
        return self.steady_ns + self.offset_ns

    def tick(self, late_ns: int = 0) -> None:
        self.steady_ns += self.period_ns + late_ns
        self.ticks += 1
        if self.ticks % self.correct_every == 0:
            self.offset_ns += self.correction_ns
            self.correction_ns = -self.correction_ns
        measured = None
        if not self.is_silent:
            if not self.is_frozen:
                self.last_stamp_ns = self.ros_ns() - self.period_ns // 3
            measured = self.measure()
        tick = self.clock.tick(self.ros_ns(), self.steady_ns)
        if tick is None:
            return
        before = self.executor.state
        self.decision = self.executor.step(tick, self.ros_ns(), measured)
        self.check_start(before, self.decision)
        # Judged by real time, whatever the clock of ROS says.
        if self.decision.motion is not None:
            tick = self.clock.settled(tick, self.executor.is_at_rest)
            self.judge(tick, self.decision)
            self.robot = self.robot + 0.5 * (self.decision.motion.position_X - self.robot)

    def check_start(self, before: State, decision: Decision) -> None:
        """Check that it starts by itself only where it commanded last."""
        if before not in (State.WAITING, State.LOST) or decision.motion is None:
            return
        assert decision.motion.is_at_rest
        if not self.may_start_elsewhere:
            np.testing.assert_array_equal(decision.motion.position_X, self.last)
        self.may_start_elsewhere = False

    def judge(self, tick: Tick, decision: Decision) -> None:
        self.last = decision.motion.position_X
        self.wire.take(self.steady_ns / NS, decision.motion.position_X)
        stamp_s = self.stamps.passed_s(tick.reach_ns, self.steady_ns)
        self.stamped.take(stamp_s, decision.motion.position_X)

    def measure(self):
        values = self.robot + self.error
        width = len(self.spec.action.coordinates)
        if self.spec.limits.orientation is None:
            if self.axes.is_continuous.any():
                values = (values + np.pi) % (2.0 * np.pi) - np.pi
            return self.executor.measurement(values, None, self.last_stamp_ns, 'elbow')
        turn = quaternion(values[width:], self.spec.limits.orientation.reference_xyzw)
        return self.executor.measurement(values[:width], turn, self.last_stamp_ns, 'pose')

    @rule(count=st.integers(1, 40))
    def run(self, count: int) -> None:
        for _ in range(count):
            self.tick()

    @rule(late=st.floats(0.01, 3.0))
    def come_late(self, late: float) -> None:
        self.tick(round(late * NS))

    @rule(late=st.floats(0.01, 0.99), count=st.integers(1, 10))
    def jitter(self, late: float, count: int) -> None:
        for index in range(count):
            self.tick(round((late if index % 2 else -late) * self.period_ns))

    @rule(count=st.integers(1, 30))
    def lose_state(self, count: int) -> None:
        self.is_silent = True
        self.run(count)
        self.is_silent = False

    @rule(count=st.integers(1, 60))
    def freeze_state(self, count: int) -> None:
        self.is_frozen = True
        self.run(count)
        self.is_frozen = False

    @rule(share=SHARES, count=st.sampled_from([1, 1, 2, 4, 6, 30]))
    def glitch(self, share: float, count: int) -> None:
        """Measure wrongly, for one sample or some."""
        self.error = 3.0 * share * (self.axes.upper - self.axes.lower)
        self.run(count)
        self.error = np.zeros_like(self.robot)

    @rule(share=SHARES)
    def sag(self, share: float) -> None:
        """The arm hangs off its command, within the following error."""
        self.error = 0.4 * share * self.axes.following_error

    @rule(share=SHARES)
    def move_by_hand(self, share: float) -> None:
        self.robot = self.robot + share * 0.5 * (self.axes.upper - self.axes.lower)

    @rule(
        share=SHARES,
        age=st.floats(-1.0, 1.0),
        steps=st.integers(1, 6),
        repeat=st.integers(1, 8),
    )
    def chunks_come(self, share: float, age: float, steps: int, repeat: int) -> None:
        for _ in range(repeat):
            self.chunk(share, age * 0.2, steps)
            self.run(max(1, round(self.spec.rates.frame_dt_s * NS / self.period_ns)))

    @rule(share=SHARES, step=st.sampled_from([0.0, 0.02, 0.1, 0.15]), more=st.integers(0, 3))
    def chunk_gets_longer(self, share: float, step: float, more: int) -> None:
        """A chunk is sent, and a while later again with further steps."""
        stamp_ns, stride = self.ros_ns(), self.spec.rates.stride
        self.chunk(share, 0.0, stride)
        self.run(max(1, round(step * NS / self.period_ns)))
        self.chunk(share, (self.ros_ns() - stamp_ns) / NS, stride + more)

    def chunk(self, share: float, age_s: float, steps: int) -> None:
        action = self.spec.action
        middle = (np.array(action.upper) + action.lower) / 2.0
        reach = (np.array(action.upper) - action.lower) / 2.0
        actions = np.tile(middle + share * reach, (steps, 1))
        if not action.is_delta:
            width = len(action.coordinates)
            actions[:, :width] = self.robot[:width] + share * 0.2 * reach[:width]
        try:
            self.executor.accept(
                self.ros_ns() - round(age_s * NS),
                self.spec.rates.step_dt_s,
                actions,
                self.ros_ns(),
            )
            self.chunks += 1
        except MessageError:
            pass

    @rule(millis=st.sampled_from([-9.0, -5.0, 0.0, 5.0, 9.0]), every=st.integers(1, 30))
    def clock_is_corrected(self, millis: float, every: int) -> None:
        """From now on, by less than a jump."""
        self.correction_ns, self.correct_every = round(millis * 1_000_000), every

    @rule(seconds=st.floats(-10.0, 10.0))
    def clock_jumps(self, seconds: float) -> None:
        self.offset_ns += round(seconds * NS)
        self.tick()

    @rule(count=st.integers(0, 12))
    def stop(self, count: int) -> None:
        self.executor.stop('a stop')
        self.run(count)
        assert self.executor.state is State.STOPPED

    @rule()
    def resume(self) -> None:
        if self.executor.stop_reason is not None:
            self.may_start_elsewhere = True
        self.executor.release()
        self.tick()

    @rule(late=st.floats(-0.4, 3.0))
    def reactivate(self, late: float) -> None:
        """Deactivate and activate; the first tick comes at any time after that."""
        while True:
            self.steady_ns += self.period_ns
            tick = self.clock.tick(self.ros_ns(), self.steady_ns)
            if tick is None:
                continue
            decision = self.executor.halt(tick)
            if decision.motion is None:
                break
            self.judge(tick, decision)
        # Not where the robot was away: that stops.
        if self.executor.stop_reason is None and not self.executor.stray.is_pending:
            self.may_start_elsewhere = True
        self.executor.reset()
        self.clock = CommandClock(self.period_ns, is_simulated=False, previous=self.clock)
        self.steady_ns += round(late * self.period_ns)

    @invariant()
    def limits_hold(self) -> None:
        if not hasattr(self, 'wire'):
            return
        assert self.wire.worst.is_within, self.wire.worst
        assert self.stamped.worst.is_within, self.stamped.worst

    @invariant()
    def nothing_is_commanded_in_a_silent_state(self) -> None:
        if getattr(self, 'decision', None) is None:
            return
        if self.decision.state is State.WAITING:
            assert self.decision.motion is None


TestExecutor = ExecutorMachine.TestCase
TestExecutor.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_stamps_brought_back_at_rest_while_ticks_jitter() -> None:
    machine = ExecutorMachine()
    machine.begin(name='franka', place=0.0)
    for _ in range(6):
        machine.resume()
    machine.clock_is_corrected(millis=-9.0, every=2)
    machine.jitter(count=9, late=0.5)
    machine.limits_hold()
    assert machine.executor.state is State.HOLDING
