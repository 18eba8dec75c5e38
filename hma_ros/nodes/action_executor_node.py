# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Executes action chunks: a small node without a model, the only one that commands."""

import time
from contextlib import closing
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from std_srvs.srv import Trigger

from hma_ros.core.control.command_clock import CommandClock, Tick
from hma_ros.core.control.decision import COMMANDING, Decision, State
from hma_ros.core.control.executor import Executor
from hma_ros.core.control.measurement import Measurement
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError, EarlierError, LateError, MessageError
from hma_ros.core.messages.chunk import step_dt_s, to_actions
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.units import NS_PER_S
from hma_ros.msg import ActionChunk
from hma_ros.nodes.action_executor_parameters import ActionExecutorParameters
from hma_ros.nodes.execution_gate import check_may_execute, no_actions
from hma_ros.ros.clock_watch import ClockWatch
from hma_ros.ros.commander import Commander, Gripper
from hma_ros.ros.diagnostics import WARN, Diagnostics
from hma_ros.ros.executed_reports import ExecutedReports
from hma_ros.ros.heartbeat_watch import HeartbeatWatch
from hma_ros.ros.lifecycle import HmaNode, run
from hma_ros.ros.own_pauses import OwnPauses
from hma_ros.ros.parameters import read
from hma_ros.ros.publishers import SingleSource
from hma_ros.ros.qos import REPORT
from hma_ros.ros.robot_state import RobotState
from hma_ros.ros.state_log import StateLog
from hma_ros.ros.stop_topics import StopTopics

_REPORT_S = 1.0
# How often stop topics, other publishers and the model are checked.
_LOOK_S = 0.1
# /clock that jumped back silences timers on ROS time; this one goes on.
_SIMULATED_LOOK_S = 0.02
_PATIENCE_S = 5.0  # for a robot that has not started
_LATE = (
    'the model is slower than the steps of the robot (lower real_time_factor in simulation, '
    'imagine fewer frames with horizon, or take a faster machine), or the clocks disagree'
)


class ActionExecutorNode(HmaNode):
    """Follows the newest chunk by time stamp, within the limits, until a stop."""

    def __init__(self) -> None:
        super().__init__('action_executor', ActionExecutorParameters)
        # These outlive every configuration: a stop, and what the robot was commanded last.
        self._latched: str | None = None
        self._latched_ns = 0
        self._previous_stops: StopTopics | None = None
        self._previous_executor: Executor | None = None
        self._is_ticking = False
        self._commander: Commander | None = None
        self._previous_clock: CommandClock | None = None

    def set_up(self) -> None:
        """Open the topics; in shadow mode no command publisher is ever made."""
        given = self._given = read(self, ActionExecutorParameters)
        spec = self._spec = load_embodiment(given.embodiment)
        check_may_execute(spec, given.mode, given.bundle, given.allow_sim_bundle)
        # Why nothing is planned at all; empty if chunks may come.
        self._no_actions = no_actions(given.mode, given.bundle)
        is_shadow = self._is_shadow = given.mode != 'execute'
        self._needs_stops = not (is_shadow or spec.simulated)
        self._period_s = 1.0 / spec.rates.command_hz
        self._executor = Executor(
            spec,
            given.max_chunk_age_s,
            given.ramp_in_s,
            given.require_approval and not self._is_shadow,
            # A plan in shadow mode does not continue from a command.
            None if self._is_shadow else self._previous_executor,
            self._is_shadow,
        )
        if not self._is_shadow:
            # What was planned in shadow mode was never commanded.
            self._previous_executor = self._executor
        if self._latched is not None:
            self._executor.stop(self._latched)
        self._diagnostics = Diagnostics(self, spec.name)
        self._clock_watch = ClockWatch(self, self._diagnostics)
        self._state = RobotState(
            self,
            spec,
            partial(self._diagnostics.error, 'bad states'),
            partial(self._diagnostics.cleared, 'bad states'),
        )
        self._stops = StopTopics(self, spec.stops, self._stop, self._previous_stops, is_shadow)
        self._previous_stops = self._stops
        self._gripper: Gripper | None = None
        self._reports = ExecutedReports(self, spec, is_shadow)
        self._open_inputs()
        self._listens_s = self._started_s = time.monotonic()
        self._tick_timers: list[Any] = []
        self._decision = Decision(self._executor.state, None, ('inactive',))
        self.get_logger().info(f'{given.mode} on {spec.name}')

    def _open_inputs(self) -> None:
        given = self._given
        self._chunk_topic = self.resolve_topic_name(given.chunk_topic)
        self._chunk_source = SingleSource(self, self._chunk_topic)
        self._heartbeat = HeartbeatWatch(
            self, given.heartbeat_topic, given.heartbeat_timeout_s, self._diagnostics
        )
        self._own_pauses, self._paused_s = OwnPauses(), 0.0
        on_fault = partial(self._diagnostics.error, 'refused chunks')
        self.subscribe_bounded(ActionChunk, given.chunk_topic, self._on_chunk, REPORT, on_fault)
        for name, callback in (
            ('~/stop', self._on_stop),
            ('~/resume', self._on_resume),
            ('~/approve', self._on_approve),
        ):
            self.own(self.create_service(Trigger, name, callback), self.destroy_service)
        self._steady_timer(_REPORT_S, self._report)
        self._steady_timer(_LOOK_S, self._look)

    def start(self) -> None:
        """Begin to wait for a state to start from."""
        if self._stops.reason is not None:
            raise ConfigError(f'{self._stops.reason}: expected no stop at the start')
        if not self._is_shadow:
            self._commander = Commander(self, self._spec)
            self._gripper = self._commander.gripper
        self._reports.clear()
        self._command_clock = CommandClock(
            round(NS_PER_S * self._period_s), self._clock_watch.is_simulated, self._previous_clock
        )
        self._previous_clock = self._command_clock
        self._executor.reset()
        self._mind_own_stop()
        self._decision = Decision(self._executor.state, None, ())
        self._changes = StateLog(self, self._decision, self._is_shadow)
        self._started_s = time.monotonic()
        self._clock_watch.begin()
        self._own_pauses.begin()
        self._is_ticking, self._paused_s = True, 0.0
        if self._no_actions:
            self._decision = Decision(self._executor.state, None, (self._no_actions,))
            self.get_logger().info(f'plans nothing: {self._no_actions}')
            return
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        look_s = _SIMULATED_LOOK_S if self._clock_watch.is_simulated else self._period_s
        self._tick_timers = [self.create_timer(look_s, self._on_tick, clock=steady)]
        if self._clock_watch.is_simulated:
            self._tick_timers.append(self.create_timer(self._period_s, self._on_tick))

    def stop(self) -> None:
        """Come to rest within the limits; the last command on the wire is at rest."""
        self._is_ticking = False
        self._diagnostics.cleared('clocks', 'clock stands')
        while self._tick_timers:
            self.destroy_timer(self._tick_timers.pop())
        commander, self._commander, self._gripper = self._commander, None, None
        if commander is None:
            return
        with closing(commander):
            try:
                commander.halt()
            finally:
                self._come_to_rest(commander)

    def _come_to_rest(self, commander: Commander) -> None:
        clock = self._command_clock
        while True:
            time.sleep(clock.wait_s(time.monotonic_ns()))
            tick = clock.force(time.monotonic_ns())
            decision = self._executor.halt(tick)
            if decision.motion is None:
                return
            self._send(commander, tick, decision)

    def _steady_timer(self, period_s: float, callback: Any) -> None:
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.own(self.create_timer(period_s, callback, clock=steady), self.destroy_timer)

    def _on_tick(self) -> None:
        self._state.take()  # before the time is read: no state is ahead of it
        before_ns, now_ns, steady_ns = time.monotonic_ns(), self.now_ns(), time.monotonic_ns()
        # A tick that was due already may come after the last command: it sends nothing.
        if not self._is_ticking or now_ns == 0:
            return
        self._mind_pause()
        tick = self._command_clock.tick(now_ns, steady_ns, steady_ns - before_ns, self._paused_s)
        if tick is None:
            return
        self._paused_s = 0.0
        self._clock_watch.moved()
        if tick.interruption is not None:
            self._diagnostics.warning('interruptions', f'{tick.interruption}: planning anew')
            self._state.clear()
            self._reports.clear()
        listens = self._gripper is None or self._gripper.listens()
        measured, refusal = self._measured(), self._refusal()
        self._decision = self._executor.step(tick, now_ns, measured, refusal, listens)
        self._mind_own_stop()
        self._changes.note(self._decision)
        self._diagnostics.counts[self._decision.state.value] += 1
        if self._decision.motion is not None:
            tick = self._command_clock.settled(tick, self._executor.is_at_rest)
        if self._commander is not None:
            self._send(self._commander, tick, self._decision)
            self._reports.publish(tick.reach_ns, self._executor.executed)

    def _mind_pause(self) -> None:
        """Count no pause of this process as silence of the clock or of the model."""
        if paused_s := self._own_pauses.look():
            self._paused_s += paused_s
            self._clock_watch.begin()
            self._heartbeat.excuse(paused_s)

    def _measured(self) -> Measurement | None:
        newest = self._state.newest()
        return None if newest is None else self._executor.measurement(*newest)

    def _refusal(self) -> str | None:
        """Return why no motion may start now."""
        if self._is_shadow:
            return None
        if time.monotonic() - self._listens_s < self._given.discovery_s:
            return 'looking for stop topics and other publishers'
        return self._stops.refusal()

    def _send(self, commander: Commander, tick: Tick, decision: Decision) -> None:
        if decision.motion is None:
            return
        turn = self._executor.quaternion(decision.motion)
        commander.send(tick.reach_ns, decision.motion, turn)
        if not commander.is_stamped:
            self._executor.sent(tick, self._command_clock.sent(time.monotonic_ns()))
        grip = self._executor.gripper
        if self._gripper is not None and grip is not None and decision.state in COMMANDING:
            self._gripper.send(grip.position)

    def _on_chunk(self, message: Any, publisher: Any) -> None:
        if not self._is_ticking:
            return
        if self._executor.state not in COMMANDING or self._heartbeat.is_silent:
            self._diagnostics.counts['chunks not followed'] += 1
            self._reports.owe(stamp_ns(message.header.stamp))
            return
        try:
            self._accept(message, publisher)
        except EarlierError:
            self._diagnostics.counts['chunks not followed'] += 1
        except LateError as error:
            self._diagnostics.counts['late chunks'] += 1
            self._diagnostics.warning('refused chunks', f'{error}: {_LATE}')
            self._reports.owe(stamp_ns(message.header.stamp))
        except MessageError as error:
            self._diagnostics.error('refused chunks', str(error))
        else:
            self._diagnostics.success('accepted chunks', 'refused chunks')

    def _accept(self, message: Any, publisher: Any) -> None:
        if (other := self._chunk_source.refusal(publisher, time.monotonic())) is not None:
            raise MessageError(other)
        self._executor.check_chunk(step_dt_s(message), message.horizon)
        actions = to_actions(message, self._spec, self._chunk_topic)
        now_ns, stamp = self.now_ns(), stamp_ns(message.header.stamp)
        measured, is_new = self._measured(), not self._executor.is_following(stamp)
        if self._is_shadow and is_new and measured is not None:
            # Nothing follows in shadow mode: each chunk is planned from where the robot is.
            self._executor.rebase(measured)
        if is_new:
            self._diagnostics.latency('chunk age', (now_ns - stamp) * 1e-9)
        targets = self._executor.accept(stamp, step_dt_s(message), actions, now_ns)
        self._reports.owe(stamp)
        self._diagnostics.counts['saturated steps'] += int(targets.saturated_HD.any(axis=1).sum())

    def _look(self) -> None:
        """Check for silence and for other publishers of commands."""
        self._stops.look()
        if not self._is_ticking or self._no_actions:
            return
        self._mind_pause()
        if self._commander is not None and (intruder := self._commander.intruder()) is not None:
            self._stop(intruder)
        self._mind_gripper()
        self._clock_watch.look()
        was_silent, silence = self._heartbeat.is_silent, self._heartbeat.look()
        if silence and (not was_silent or self._executor.state is State.TRACKING):
            self._executor.interrupt(silence)

    def _mind_gripper(self) -> None:
        gripper, grip = self._gripper, self._executor.gripper
        if gripper is None or grip is None:
            return
        fault = gripper.fault()
        grip.note(fault is not None, gripper.has_arrived())
        if fault is not None or not grip.is_unknown:
            self._diagnostics.note('gripper faults', fault)
        self._diagnostics.note('absent gripper', gripper.absence(), WARN)

    def _mind_own_stop(self) -> None:
        """Latch what the executor stopped for by itself."""
        reason = self._executor.stop_reason
        if reason is not None and reason != self._latched:
            self._stop(reason)

    def _stop(self, reason: str) -> None:
        self._executor.stop(reason)
        if self._executor.stop_reason != self._latched:
            # The first one, or one more serious than a robot away from its last command.
            self._latched, self._latched_ns = self._executor.stop_reason, self.now_ns()
            self.get_logger().warning(f'stopped: {reason[:500]}')
        if self._commander is not None:
            self._commander.halt()

    def _on_stop(self, _request: Any, response: Any) -> Any:
        self._stop('~/stop was called')
        response.success = True
        return response

    def _on_resume(self, _request: Any, response: Any) -> Any:
        if (refusal := self._resume_refusal()) is not None:
            response.success, response.message = False, refusal
            return response
        released, self._latched = self._latched, None
        self._executor.release()
        self._started_s = time.monotonic()
        self._clock_watch.begin()
        response.success = True
        response.message = 'no stop was latched' if released is None else f'released: {released}'
        self.get_logger().info(f'resume: {response.message[:500]}')
        return response

    def _resume_refusal(self) -> str | None:
        intruder = None if self._commander is None else self._commander.intruder()
        if (refusal := self._stops.refusal() or intruder) is not None:
            return f'{refusal}: expected no stop'
        if not self._is_ticking:
            kept = 'no stop was latched' if self._latched is None else 'the stop is kept'
            return f'inactive: activate first; {kept}'
        if self._latched is None and self._executor.stray.is_pending:
            return f'{self._executor.stray.text}: no stop is latched yet; call again once one is'
        return None

    def _on_approve(self, _request: Any, response: Any) -> Any:
        refusal = self._heartbeat.refusal()
        if not self._is_ticking or self._executor.state not in COMMANDING:
            state = self._executor.state.value if self._is_ticking else 'inactive'
            refusal = f'approval: got one while {state}, expected tracking or holding'
        refusal = refusal or self._executor.approval.give(self.now_ns())
        response.success, response.message = refusal is None, refusal or ''
        return response

    def _report(self) -> None:
        self._state.take()
        is_active = self._is_ticking
        if is_active:
            self._changes.settle()
        plans = is_active and not self._no_actions
        fault = self._clock_watch.fault() if plans else None
        reasons = fault or '; '.join(self._decision.reasons)
        is_late = plans and time.monotonic() - self._started_s > _PATIENCE_S
        self._report_stillness(reasons, is_late and fault is None)
        self._diagnostics.note('two sources', self._state.conflict)
        absence = self._state.absence if is_late else None
        self._diagnostics.note('missing states', absence)
        is_discovered = time.monotonic() - self._listens_s >= self._given.discovery_s
        is_due = is_active and is_discovered and self._needs_stops
        absence = self._stops.absence if is_due else None
        self._diagnostics.note('absent stops', absence, WARN)
        self._diagnostics.publish(
            {
                'mode': self._given.mode,
                'active': is_active,
                'state': self._executor.state.value if is_active else 'inactive',
                'reasons': reasons if is_active else '',
                'stop reason': self._latched or '',
                'stopped at s': self._latched_ns / NS_PER_S if self._latched else '',
                'simulated': self._spec.simulated,
                'approved': self._executor.approval.is_there,
            }
        )
        self._diagnostics.cleared('interruptions')

    def _report_stillness(self, reasons: str, is_due: bool) -> None:
        state, stop = self._decision.state, self._executor.stop_reason
        if self._is_ticking and stop is not None:
            # The stop itself was logged.
            self._diagnostics.keep('no motion', f'stopped: {stop}', WARN)
        else:
            text = f'{state.value}: {reasons}' if is_due and state not in COMMANDING else None
            self._diagnostics.note('no motion', text, WARN)


def main() -> int:
    """Run the node."""
    return run(ActionExecutorNode)
