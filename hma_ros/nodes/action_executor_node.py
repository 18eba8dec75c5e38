# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Executes action chunks: small, without a model, and the only one that commands the robot."""

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from std_srvs.srv import Trigger

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError, LateError, MessageError
from hma_ros.core.control.executor import Execution
from hma_ros.core.control.guard import GuardDecision
from hma_ros.msg import ActionChunk
from hma_ros.nodes.execution_gate import check_may_execute
from hma_ros.ros.chunk_msg import from_actions, step_dt_s, to_actions
from hma_ros.ros.commander import Commander
from hma_ros.ros.diagnostics import WARN, Diagnostics
from hma_ros.ros.lifecycle import HmaNode, run
from hma_ros.ros.parameters import parameter, read
from hma_ros.ros.qos import REPORT
from hma_ros.ros.robot_state import RobotState
from hma_ros.ros.stamps import stamp_ns
from hma_ros.ros.stop_topics import StopTopics

_NS = 1_000_000_000
_REPORT_S = 1.0
_REPORTS_PENDING = 64
_LATE = (
    'the model is slower than the rows of the robot (lower real_time_factor in simulation, '
    'imagine fewer frames with horizon, or take a faster machine), or the clocks disagree'
)


@dataclass(frozen=True)
class ActionExecutorParameters:
    """Parameters of the action executor."""

    embodiment: str = parameter('', 'embodiment file, or the name of a shipped one')
    mode: str = parameter(
        'shadow',
        'shadow computes and reports; execute commands the robot',
        choices=('shadow', 'execute'),
    )
    chunk_topic: str = parameter('world_model/action_chunk', 'where action chunks come from')
    bundle: str = parameter('', 'bundle behind the chunks; needed to execute on a real robot')
    allow_simulation_bundle: bool = parameter(
        False, 'let a bundle trained in simulation command a real robot'
    )
    max_chunk_age_s: float = parameter(
        0.5, 'oldest stamp of a chunk on arrival, and furthest ahead [s]', 0.01, 10.0
    )
    autostart: bool = parameter(False, 'configure and activate at the start')


class ActionExecutorNode(HmaNode):
    """Follows the newest chunk by time stamp, within the limits, until it is told to stop."""

    def __init__(self) -> None:
        super().__init__('action_executor', ActionExecutorParameters)
        # Outlives every configuration: nothing but ~/resume releases it.
        self._latched: str | None = None

    def set_up(self) -> None:
        """Open the topics; in shadow mode no command publisher is made."""
        given = read(self, ActionExecutorParameters)
        spec = self._spec = load_embodiment(given.embodiment)
        check_may_execute(spec, given.mode, given.bundle, given.allow_simulation_bundle)
        self._mode = given.mode
        self._execution = Execution(spec, given.max_chunk_age_s)
        if self._latched is not None:
            self._execution.stop(self._latched)
        self._verdict = GuardDecision(None, 'hold', ('no measured state',))
        self._diagnostics = Diagnostics(self, spec.name)
        self._state = RobotState(
            self,
            spec,
            partial(self._diagnostics.trouble, 'bad states'),
            partial(self._diagnostics.over, 'bad states'),
        )
        self._stops = StopTopics(self, spec.stops, self._stop)
        self._commander = self._reports = None
        if given.mode == 'execute':
            self._commander = Commander(self, spec)
            self._reports = self.publisher(ActionChunk, '~/executed', REPORT)
        self._chunk_topic = self.resolve_topic_name(given.chunk_topic)
        self.subscribe(ActionChunk, given.chunk_topic, self._on_chunk, REPORT)
        self._service('~/stop', self._on_stop)
        self._service('~/resume', self._on_resume)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.own(self.create_timer(_REPORT_S, self._report, clock=steady), self.destroy_timer)
        self._timer: Any = None
        self.get_logger().info(f'{given.mode} on {spec.name}')

    def start(self) -> None:
        """Start anew where the robot is."""
        if self._stops.reason is not None:
            raise ConfigError(f'{self._stops.reason}: expected no stop at the start')
        self._restart()
        self._timer = self.create_timer(1.0 / self._spec.rates.command_hz, self._on_tick)

    def stop(self) -> None:
        """Leave the last command on the wire, at rest; what fell silent is left alone."""
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        if self._commander is not None:
            self._commander.halt(self.now_ns())

    def _restart(self) -> None:
        self._execution.reset()
        self._pending_ns: deque[int] = deque(maxlen=_REPORTS_PENDING)
        self._last_ns = 0
        self._verdict = GuardDecision(None, 'hold', ('no measured state',))
        if self._commander is not None:
            self._commander.restart()

    def _on_chunk(self, message: Any) -> None:
        if self._timer is None:
            return
        try:
            self._accept(message)
        except LateError as error:
            self._diagnostics.counts['late chunks'] += 1
            self._diagnostics.trouble('refused chunks', f'{error}: {_LATE}', WARN)
        except MessageError as error:
            self._diagnostics.trouble('refused chunks', str(error))
        else:
            self._diagnostics.well('accepted chunks', 'refused chunks')

    def _accept(self, message: Any) -> None:
        actions = to_actions(message, self._spec, self._chunk_topic)
        now_ns, stamp = self.now_ns(), stamp_ns(message.header.stamp)
        if self._commander is None and self._execution.stop_reason is None:
            # Nothing follows in shadow mode: each chunk is planned from where the robot is.
            self._execution.reset()
            self._last_ns = 0
            self._step(now_ns)
        self._diagnostics.latency('chunk age', (now_ns - stamp) * 1e-9)
        joins_ns = max(now_ns, self._last_ns)
        targets = self._execution.accept(stamp, step_dt_s(message), actions, joins_ns)
        if self._reports is not None:
            self._pending_ns.append(stamp)
        self._diagnostics.counts['saturated steps'] += int(targets.saturated_HD.any(axis=1).sum())

    def _on_tick(self) -> None:
        now_ns = self.now_ns()
        # A tick that was due already may come after the last command: it sends nothing.
        if self._timer is None or now_ns == 0:
            return
        if now_ns + _NS < self._last_ns:
            self.get_logger().warning('the clock jumped back: starting anew')
            self._state.clear()
            self._restart()
        if self._commander is None:
            self._step(now_ns)
            return
        self._mind_gripper(self._commander)
        self._step(now_ns)
        self._command(self._commander, now_ns)
        self._report_executed()

    def _mind_gripper(self, commander: Commander) -> None:
        refusal = commander.gripper_refusal()
        if refusal is not None:
            self._execution.forget_gripper()
            self._diagnostics.trouble('refused grips', refusal)

    def _command(self, commander: Commander, now_ns: int) -> None:
        target = self._verdict.target_D
        if target is None:
            # The next command starts where the robot is, with the orientation it has then.
            commander.restart()
            return
        commander.send(now_ns, target, self._state.quat_xyzw)
        if self._verdict.verdict in ('pass', 'limited'):
            commander.send_gripper(self._execution.gripper_position)
            if commander.gripper_listens():
                self._diagnostics.over('refused grips')

    def _step(self, now_ns: int) -> None:
        """Decide where the robot shall be one command period from now."""
        measured, age_s = self._state.measured(now_ns)
        reached_ns = now_ns + round(_NS / self._spec.rates.command_hz)
        if reached_ns <= self._last_ns:
            return
        listens = self._commander is None or self._commander.gripper_listens()
        self._verdict = self._execution.step(reached_ns, measured, age_s, listens)
        self._last_ns = reached_ns
        is_waiting = self._execution.expired(reached_ns) and self._verdict.verdict == 'pass'
        self._diagnostics.counts['waiting' if is_waiting else self._verdict.verdict] += 1

    def _report_executed(self) -> None:
        """Tell what was commanded in each row for which a chunk came, once the row is over."""
        row_ns = round(self._spec.rates.frame_dt_s * _NS)
        while (
            self._reports is not None
            and self._pending_ns
            and self._pending_ns[0] + row_ns <= self._last_ns
        ):
            stamp = self._pending_ns.popleft()
            executed = self._execution.executed(stamp)
            self._reports.publish(from_actions(self._spec, stamp, executed))

    def _stop(self, reason: str) -> None:
        if self._execution.stop_reason is None:
            self.get_logger().error(f'stopped: {reason}')
        self._execution.stop(reason)
        self._latched = self._execution.stop_reason

    def _on_stop(self, _request: Any, response: Any) -> Any:
        self._stop('~/stop was called')
        response.success = True
        return response

    def _on_resume(self, _request: Any, response: Any) -> Any:
        response.success = self._stops.reason is None
        if response.success:
            self.get_logger().info('resumed')
            self._latched = None
            self._execution.release()
            self._restart()
        else:
            response.message = f'{self._stops.reason}: expected no stop'
        return response

    def _service(self, name: str, callback: Any) -> None:
        self.own(self.create_service(Trigger, name, callback), self.destroy_service)

    def _report(self) -> None:
        if self._timer is not None and self._verdict.verdict in ('hold', 'stopped'):
            self._diagnostics.trouble('holding', '; '.join(self._verdict.reasons), WARN)
        else:
            self._diagnostics.over('holding')
        absence = None if self._commander is None else self._commander.gripper_absence()
        if self._timer is not None and absence is not None:
            self._diagnostics.trouble('absent gripper', absence, WARN)
        else:
            self._diagnostics.over('absent gripper')
        self._diagnostics.publish(
            {
                'mode': self._mode,
                'active': self._timer is not None,
                'verdict': self._verdict.verdict if self._timer is not None else 'inactive',
                'reasons': '; '.join(self._verdict.reasons) if self._timer is not None else '',
                'stop reason': self._execution.stop_reason or '',
            }
        )


def main() -> int:
    """Run the node."""
    return run(ActionExecutorNode)
