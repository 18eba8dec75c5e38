# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The executor between a hand-made robot and hand-made chunks: nothing but what it may."""

import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Empty
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.msg import ActionChunk
from hma_ros.ros.chunk_msg import from_actions
from hma_ros.ros.joint_state_msg import from_positions
from hma_ros.ros.qos import REPORT, SENSOR_OUT
from hma_ros.ros.stamps import to_stamp

pytestmark = pytest.mark.ros
UR5E = load_embodiment('sim_ur5e')
COMMANDS = UR5E.commands[0].topic
MEASURED = np.array(UR5E.home)


class Robot:
    """A robot that stands still, or follows its commands, on the wall clock."""

    def __init__(self, system: Any) -> None:
        self.system = system
        self._joints = system.node.create_publisher(JointState, 'joint_states', SENSOR_OUT)
        self.chunks = system.node.create_publisher(ActionChunk, 'world_model/action_chunk', REPORT)
        self.place, self.is_seen, self.follows = MEASURED, True, False
        system.node.create_timer(0.02, self._publish)
        system.watch(JointTrajectory, COMMANDS)
        system.watch(DiagnosticArray, '/diagnostics')

    def now_ns(self) -> int:
        return int(self.system.node.get_clock().now().nanoseconds)

    def send(self, actions: np.ndarray) -> None:
        self.chunks.publish(from_actions(UR5E, self.now_ns(), actions))

    def target(self) -> np.ndarray:
        return np.array(self.system.last[COMMANDS].points[0].positions)

    def until_commanded(self) -> None:
        before = self.system.counts.get(COMMANDS, 0)
        self.system.until(lambda: self.system.counts.get(COMMANDS, 0) > before + 1, 'a command')

    def until_log(self, text: str, action: Any = lambda: None) -> None:
        def act_and_look() -> bool:
            action()
            return text in self.system.log('action_executor')

        self.system.until(act_and_look, text)

    def fact(self, name: str) -> str:
        """Return a value of the newest diagnostics."""
        message = self.system.last.get('/diagnostics')
        values = {item.key: item.value for item in message.status[0].values} if message else {}
        return str(values.get(name, '0'))

    def until_silent(self, state: str) -> None:
        """Wait until many periods in a state have passed without a command."""
        periods, sent = int(self.fact(state)), -1

        def is_silent() -> bool:
            nonlocal periods, sent
            if self.system.counts.get(COMMANDS, 0) != sent:
                periods, sent = int(self.fact(state)), self.system.counts.get(COMMANDS, 0)
            return self.fact('state') == state and int(self.fact(state)) > periods + 30

        self.system.until(is_silent, f'silence while {state}')

    def until_at_rest(self) -> None:
        """Wait for a last command at rest."""
        self.system.until(
            lambda: not np.any(self.system.last[COMMANDS].points[0].velocities),
            'a command at rest as the last one',
        )

    def call(self, name: str) -> Any:
        """Call a service of the executor."""
        return self.system.call(Trigger, f'action_executor/{name}', Trigger.Request())

    def until_refused(self, name: str, text: str, action: Any = lambda: None) -> None:
        """Wait for a refusal: a busy machine may lose the state, and say that first."""

        def is_refused() -> bool:
            action()
            answer = self.call(name)
            assert not answer.success
            return text in str(answer.message)

        self.system.until(is_refused, text)

    def until_resumed(self, action: Any = lambda: None) -> None:
        self.system.until(lambda: (action(), self.call('resume').success)[1], 'resume')

    def until_moved(self, action: Any = lambda: None) -> None:
        def push() -> bool:
            action()
            self.send(np.full((2, 6), 0.01))
            return COMMANDS in self.system.last and not np.allclose(self.target(), MEASURED)

        self.system.until(push, 'a moving target')

    def until_fast(self) -> None:
        """Follow to a speed that a sluggish robot takes 0.3 s to stop from."""
        self.follows = True

        def is_fast() -> bool:
            last = self.system.last.get(COMMANDS)
            speeds = np.zeros(6) if last is None else np.array(last.points[0].velocities)
            if not speeds.any():
                self.send(np.full((4, 6), 0.06))
            return bool(speeds.min() > 0.3)

        self.system.until(is_fast, 'a fast motion')

    def _publish(self) -> None:
        if self.follows and COMMANDS in self.system.last:
            self.place = self.target()
        if self.is_seen:
            self._joints.publish(
                from_positions(self.now_ns(), UR5E.state.joints, self.place, np.zeros(6))
            )


@pytest.fixture
def robot(system: Any) -> Robot:
    return Robot(system)


def spawn(system: Any, **parameters: object) -> Any:
    """Start an executor that commands; it looks about for a shorter time than usual."""
    given = {'embodiment': 'sim_ur5e', 'mode': 'execute', 'discovery_s': 0.3}
    return system.spawn('action_executor', **{'autostart': True, **given, **parameters})


def sluggish(folder: Path) -> str:
    """Write the robot with a hundredth of its acceleration: it takes a while to stop."""
    path, text = folder / 'sim_ur5e.yaml', Path(UR5E.path).read_text()
    assert '[150.0, ' in text
    path.write_text(text.replace('150.0', '1.0'))
    return str(path)


def test_shadow_reports_but_has_no_command_publisher(system: Any, robot: Robot) -> None:
    system.spawn('action_executor', embodiment='sim_ur5e', autostart=True)
    system.until(
        lambda: system.node.count_subscribers('world_model/action_chunk') == 1, 'the executor'
    )

    def accepted() -> bool:
        robot.send(np.full((2, 6), 0.01))
        return int(robot.fact('accepted chunks')) > 2

    system.until(accepted, 'accepted chunks in the diagnostics')
    assert system.node.count_publishers(COMMANDS) == 0
    assert system.node.count_publishers('action_executor/executed') == 0
    assert COMMANDS not in system.counts

    other = system.node.create_publisher(ActionChunk, 'world_model/action_chunk', REPORT)

    def both() -> None:
        robot.send(np.full((2, 6), 0.01))
        other.publish(from_actions(UR5E, robot.now_ns(), np.full((2, 6), -0.01)))

    robot.until_log('got messages from 2 publishers, expected 1', both)


def test_execution_from_start_to_hold(system: Any, robot: Robot) -> None:
    child = spawn(system)
    robot.until_commanded()
    np.testing.assert_allclose(robot.target(), MEASURED)

    wrong = np.full((2, 6), 0.01)
    wrong[1, 3] = np.nan
    robot.until_log(
        'd_wrist_1_joint of step 1: got nan, expected a finite number', lambda: robot.send(wrong)
    )
    robot.until_commanded()
    np.testing.assert_allclose(robot.target(), MEASURED)

    robot.until_moved()

    # The chunk runs out: the target stays, at rest.
    def rests() -> bool:
        before = robot.target()
        robot.until_commanded()
        points = system.last[COMMANDS].points
        return np.array_equal(robot.target(), before) and not np.any(points[0].velocities)

    system.until(rests, 'rest after the chunk')
    system.until(lambda: robot.fact('state') == 'holding', 'the state in the diagnostics')

    assert robot.call('stop').success
    followed = int(robot.fact('chunks not followed'))

    def is_counted() -> bool:
        robot.send(np.full((2, 6), 0.01))
        return int(robot.fact('chunks not followed')) > followed + 2

    system.until(is_counted, 'chunks that are not followed')
    robot.until_silent('stopped')
    assert robot.fact('stop reason') == '~/stop was called'
    stops = int(robot.fact('no motion'))
    system.until(lambda: int(robot.fact('no motion')) > stops + 1, 'reports of the stop')
    status = system.last['/diagnostics'].status[0]
    assert status.level == DiagnosticStatus.WARN
    assert 'stopped: ~/stop was called' in status.message
    # Neither the lifecycle nor a new configuration releases the latch.
    for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
        assert system.transition('action_executor', transition)
    robot.until_silent('stopped')

    assert robot.call('resume').message == 'released: ~/stop was called'
    robot.until_moved()

    assert system.transition('action_executor', 'deactivate')
    robot.until_at_rest()
    assert robot.call('stop').success
    assert system.transition('action_executor', 'activate')
    robot.until_silent('stopped')
    assert child.poll() is None
    # Each stop is one warning, and what came while stopped is no error.
    log = system.log('action_executor')
    assert log.count('stopped: ~/stop was called') == 2
    assert 'while stopped' not in log


def test_every_button_must_be_released_also_after_a_new_configuration(
    system: Any, robot: Robot
) -> None:
    spawn(system)
    robot.until_moved()
    first, second = (system.node.create_publisher(Bool, 'emergency_stop', 1) for _ in range(2))
    robot.until_log(
        'stopped: /emergency_stop: emergency stop (data = True)',
        lambda: first.publish(Bool(data=True)),
    )
    answers = list[str]()

    def is_refused() -> bool:
        second.publish(Bool(data=False))
        answers.append(robot.call('resume').message)
        return len(answers) > 3

    system.until(is_refused, 'refusals')
    refusal = '/emergency_stop: emergency stop (data = True): expected no stop'
    assert set(answers) == {refusal}
    for transition in ('deactivate', 'cleanup', 'configure'):
        assert system.transition('action_executor', transition)
    assert robot.call('resume').message == refusal
    assert not system.transition('action_executor', 'activate')
    robot.until_log(f'cannot activate: {refusal}')

    def is_clear() -> bool:
        first.publish(Bool(data=False))
        answer = robot.call('resume')
        assert not answer.success
        return bool(answer.message == 'inactive: activate first; the stop is kept')

    system.until(is_clear, 'a refusal because it is inactive')
    # A refusal releases nothing.
    assert system.transition('action_executor', 'activate')
    robot.until_silent('stopped')
    released = 'released: /emergency_stop: emergency stop (data = True)'
    answer = robot.call('resume')
    assert (answer.success, answer.message) == (True, released)
    robot.until_moved()
    assert system.transition('action_executor', 'deactivate')
    assert robot.call('resume').message == 'inactive: activate first; no stop was latched'


def test_nobody_else_may_command(system: Any, robot: Robot) -> None:
    spawn(system)
    spawn(system, node_name='second', autostart=False)
    assert system.transition('second', 'configure')
    robot.until_moved()
    assert not system.transition('second', 'activate')
    robot.until_log(f'cannot activate: /{COMMANDS}: got 1 publisher (')

    intruder = system.node.create_publisher(JointTrajectory, COMMANDS, REPORT)
    # The stop does not wait for the name of the other node.
    robot.until_log(f'stopped: /{COMMANDS}: got 2 publishers (/action_executor, ')
    robot.until_silent('stopped')
    robot.until_refused('resume', 'got 2 publishers (/action_executor, /watcher), expected this')
    system.node.destroy_publisher(intruder)
    robot.until_resumed()
    robot.until_moved()


def test_chunks_are_followed_after_an_approval_only(system: Any, robot: Robot) -> None:
    spawn(system, require_approval=True, heartbeat_timeout_s=10.0)
    robot.until_commanded()
    # There is neither a model nor a chunk to approve.
    robot.until_refused('approve', 'approval: world_model/heartbeat: got none yet')
    beats = system.node.create_publisher(Empty, 'world_model/heartbeat', REPORT)
    robot.until_refused('approve', 'before a chunk was shown', lambda: beats.publish(Empty()))

    def is_checked() -> bool:
        robot.send(np.full((2, 6), 0.01))
        return int(robot.fact('accepted chunks')) > 2

    system.until(is_checked, 'accepted chunks')
    np.testing.assert_allclose(robot.target(), MEASURED)
    assert robot.fact('approved') == 'False'
    over_ns = robot.now_ns() + 10**9
    system.until(lambda: robot.now_ns() > over_ns, 'the end of the chunk')
    robot.until_refused('approve', 'after the last chunk was over', lambda: beats.publish(Empty()))
    # A busy machine may lose the state, and with it the approval.
    robot.until_moved(lambda: (beats.publish(Empty()), robot.call('approve')))
    # An approval ends with the activation in which it was given.
    assert system.transition('action_executor', 'deactivate')
    assert system.transition('action_executor', 'activate')
    system.until(lambda: robot.fact('approved') == 'False', 'the end of the approval')
    robot.until_commanded()
    robot.until_refused('approve', 'before a chunk was shown', lambda: beats.publish(Empty()))

    def is_approved() -> bool:
        beats.publish(Empty())
        robot.send(np.full((2, 6), 0.01))
        return bool(robot.call('approve').success)

    system.until(is_approved, 'an approval')
    assert robot.call('stop').success
    system.until(lambda: robot.fact('approved') == 'False', 'the end of the approval')
    answer = robot.call('approve')
    assert (answer.success, answer.message) == (
        False,
        'approval: got one while stopped, expected tracking or holding',
    )


def test_a_silent_model_is_not_followed_until_its_heartbeat_is_back(
    system: Any, robot: Robot
) -> None:
    beats = system.node.create_publisher(Empty, 'world_model/heartbeat', REPORT)
    spawn(system, heartbeat_timeout_s=2.0, require_approval=True)
    robot.until_moved(lambda: (beats.publish(Empty()), robot.call('approve')))
    silence = 'world_model/heartbeat: got none'
    robot.until_log(silence, lambda: robot.send(np.full((2, 6), 0.01)))
    robot.until_at_rest()

    def until_ignored() -> str:
        """Have chunks ignored; returns how many were accepted before."""
        before = int(robot.fact('chunks not followed'))

        def are_ignored() -> bool:
            robot.send(np.full((2, 6), 0.01))
            return int(robot.fact('chunks not followed')) > before + 20

        system.until(are_ignored, 'chunks of a silent model')
        return robot.fact('accepted chunks')

    followed = until_ignored()
    assert until_ignored() == followed
    system.until(lambda: robot.fact('approved') == 'False', 'the end of the approval')
    robot.until_refused('approve', 'world_model/heartbeat: got none for')

    def is_followed() -> bool:
        beats.publish(Empty())
        robot.send(np.full((2, 6), 0.01))
        return int(robot.fact('accepted chunks')) > int(followed)

    system.until(is_followed, 'a chunk after a heartbeat')


def test_parameters_are_refused_while_they_would_mean_nothing(system: Any, robot: Robot) -> None:
    spawn(system)
    robot.until_commanded()
    values = [Parameter('mode', value='shadow'), Parameter('use_sim_time', value=True)]
    for parameter in values:
        request = SetParameters.Request(parameters=[parameter.to_parameter_msg()])
        answer = system.call(SetParameters, 'action_executor/set_parameters', request)
        assert not answer.results[0].successful
        assert 'read-only while the node is configured' in answer.results[0].reason
    robot.until_commanded()
    system.until(lambda: robot.fact('mode') == 'execute', 'the mode in the diagnostics')


def test_activation_after_loss_starts_at_the_robot(system: Any, robot: Robot) -> None:
    spawn(system)
    robot.until_moved()
    robot.is_seen = False
    robot.until_silent('lost')
    robot.until_at_rest()
    sent = system.counts[COMMANDS]
    assert system.transition('action_executor', 'deactivate')
    assert system.transition('action_executor', 'activate')
    robot.until_silent('waiting')
    assert system.counts[COMMANDS] == sent
    robot.place, robot.is_seen = MEASURED + 0.3, True
    robot.until_commanded()
    np.testing.assert_allclose(robot.target(), robot.place)
    robot.until_at_rest()


def test_robot_that_settles_elsewhere_is_left_alone_until_somebody_resumes(
    system: Any, robot: Robot
) -> None:
    spawn(system)
    robot.until_moved()
    # Two joints are swapped, as by a driver with another order.
    robot.place = MEASURED[[1, 0, 2, 3, 4, 5]]
    robot.until_log('away from the last command: got ')
    robot.until_silent('stopped')
    robot.until_at_rest()
    assert 'then call ~/resume' in robot.fact('stop reason')
    sent = system.counts[COMMANDS]
    # Not even where the states are right again, nor by the lifecycle.
    robot.place = MEASURED
    for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
        assert system.transition('action_executor', transition)
    robot.until_silent('stopped')
    assert 'away from the last command' in robot.fact('stop reason')
    # The stop of a person counts more: whoever resumes robots that are away leaves it alone.
    latched_s = robot.fact('stopped at s')
    for _ in range(2):
        assert robot.call('stop').success
    system.until(lambda: robot.fact('stop reason') == '~/stop was called', 'the new reason')
    assert float(robot.fact('stopped at s')) > float(latched_s)
    for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
        assert system.transition('action_executor', transition)
    robot.until_silent('stopped')
    assert system.counts[COMMANDS] == sent
    assert robot.call('resume').message == 'released: ~/stop was called'
    robot.until_commanded()
    np.testing.assert_allclose(robot.target(), MEASURED)


def test_robot_that_is_waited_for_stops_when_activated_and_is_not_resumed_before(
    system: Any, robot: Robot
) -> None:
    spawn(system)
    robot.until_moved()
    robot.is_seen = False
    robot.until_silent('lost')
    robot.until_at_rest()
    sent, place = system.counts[COMMANDS], robot.target()
    # It moves all the time.
    robot.is_seen = True
    step = 0

    def refusal() -> str:
        nonlocal step
        step += 1
        robot.place = place + 1.0 + 0.02 * (step % 10)
        answer = robot.call('resume')
        assert not answer.success or answer.message == 'no stop was latched'
        return str(answer.message)

    system.until(lambda: 'no stop is latched yet' in refusal(), 'a refusal')
    for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
        assert system.transition('action_executor', transition)
    robot.until_silent('stopped')
    assert 'away from the last command' in robot.fact('stop reason')
    assert system.counts[COMMANDS] == sent
    assert 'away from the last command' in robot.call('resume').message
    robot.until_commanded()
    np.testing.assert_allclose(robot.target(), robot.place)


def test_a_pause_of_the_executor_itself_is_named(system: Any, robot: Robot) -> None:
    beats = system.node.create_publisher(Empty, 'world_model/heartbeat', REPORT)
    system.node.create_timer(0.05, lambda: beats.publish(Empty()))
    # A busy machine alone is silent for less than that.
    child = spawn(system, heartbeat_timeout_s=2.0)
    robot.until_moved()
    child.send_signal(signal.SIGSTOP)
    end_ns = robot.now_ns() + 5 * 10**9
    system.until(lambda: robot.now_ns() > end_ns, 'five seconds')
    child.send_signal(signal.SIGCONT)
    robot.until_log('this process did not run for ')
    robot.until_commanded()
    assert 'see the world model' not in system.log('action_executor')


def test_deactivated_while_it_brakes_the_last_command_is_at_rest(
    system: Any, robot: Robot, tmp_path: Path
) -> None:
    clocks = system.node.create_publisher(Clock, '/clock', REPORT)
    stopped_ns = 0
    system.node.create_timer(
        0.02, lambda: clocks.publish(Clock(clock=to_stamp(stopped_ns or robot.now_ns())))
    )
    spawn(system, embodiment=sluggish(tmp_path), use_sim_time=True, ramp_in_s=0.0)
    robot.until_fast()
    # The clock goes on until the state is stale, and stands: the motion is not at its end.
    robot.is_seen, stopped_ns = False, robot.now_ns() + 210_000_000
    system.until(lambda: robot.fact('state') == 'braking', 'braking')
    assert np.any(system.last[COMMANDS].points[0].velocities)
    assert system.transition('action_executor', 'deactivate')
    robot.until_at_rest()


@pytest.mark.parametrize('number', [signal.SIGHUP, signal.SIGTERM])
def test_signal_while_it_moves_leaves_a_command_at_rest(
    system: Any, robot: Robot, tmp_path: Path, number: int
) -> None:
    child = spawn(system, embodiment=sluggish(tmp_path), ramp_in_s=0.0)
    robot.until_fast()
    child.send_signal(number)
    system.until(lambda: child.poll() is not None, 'the end')
    assert child.returncode == 0
    robot.until_at_rest()


class SteppedFranka:
    """A Franka that stands still while its clock is stepped, and counts what is made of chunks."""

    def __init__(self, system: Any) -> None:
        self.spec = spec = load_embodiment('sim_franka')
        assert spec.state.pose is not None
        self.period_ns, self.now_ns = round(1e9 / spec.rates.command_hz), 10**9
        self._system = system
        self._clocks = system.node.create_publisher(Clock, '/clock', REPORT)
        self._poses = system.node.create_publisher(PoseStamped, spec.state.pose.topic, SENSOR_OUT)
        self._chunks = system.node.create_publisher(
            ActionChunk, 'world_model/action_chunk', REPORT
        )
        self._pose = PoseStamped()
        self._pose.header.frame_id = spec.state.pose.frame_id
        place = self._pose.pose.position
        place.x, place.y, place.z = np.mean(
            [spec.limits.lower, spec.limits.upper], axis=0
        ).tolist()
        self._pose.pose.orientation.x, self._pose.pose.orientation.w = 1.0, 0.0
        system.watch(DiagnosticArray, '/diagnostics')

    def step(self, ticks: int) -> None:
        """Step the clock as the simulated robot does: as often as commands are due."""
        for _ in range(ticks):
            self.now_ns += self.period_ns
            self.tell()

    def tell(self) -> None:
        stamp = to_stamp(self.now_ns)
        self._clocks.publish(Clock(clock=stamp))
        self._pose.header.stamp = stamp
        self._poses.publish(self._pose)

    def is_told(self) -> bool:
        """Whether the executor reports the present time; tells it again if not."""
        self.tell()
        report = self._system.last.get('/diagnostics')
        return report is not None and stamp_ns(report.header.stamp) >= self.now_ns

    def send_chunk(self, model_steps: int) -> None:
        still = [[0.0, 0.0, 0.0, 1.0]] * (model_steps * self.spec.rates.stride)
        self._chunks.publish(from_actions(self.spec, self.now_ns - 4 * self.period_ns, still))

    def value(self, name: str) -> str:
        message = self._system.last.get('/diagnostics')
        values = {item.key: item.value for item in message.status[0].values} if message else {}
        return str(values.get(name, ''))

    def has_counted(self, name: str, number: int) -> bool:
        return int(self.value(name) or 0) >= number


def test_shadow_in_simulated_time_plans_every_chunk(system: Any) -> None:
    franka = SteppedFranka(system)
    system.spawn('action_executor', embodiment='sim_franka', use_sim_time=True, autostart=True)

    def is_followed() -> bool:
        franka.step(1)
        return franka.value('state') == 'holding'

    system.until(is_followed, 'a clock and a pose')
    for number in range(0, 6, 2):
        # The clock stands until the chunk is counted: a busy machine makes none late or early.
        franka.step(10)
        system.until(franka.is_told, 'the time of the clock')
        for model_steps in (1, 2):
            # The second one adds steps to the first.
            franka.send_chunk(model_steps)
            chunks = number + model_steps
            system.until(partial(franka.has_counted, 'accepted chunks', chunks), f'chunk {chunks}')
    assert not franka.has_counted('refused chunks', 1)


def test_before_the_clock_runs_the_reason_is_the_clock(system: Any) -> None:
    system.watch(DiagnosticArray, '/diagnostics')
    system.spawn('action_executor', embodiment='sim_franka', use_sim_time=True, autostart=True)

    def report() -> tuple[str, bytes, str]:
        message = system.last.get('/diagnostics')
        if message is None:
            return '', b'', ''
        status = message.status[0]
        facts = {item.key: item.value for item in status.values}
        return facts['reasons'], status.level, status.message

    text = '/clock: got no time'
    system.until(lambda: text in report()[0], 'the reason')
    system.until(lambda: report()[1] == DiagnosticStatus.WARN, 'a warning')
    assert text in report()[2]
    assert 'inactive' not in report()[2]


def test_a_chunk_from_the_far_future_blocks_no_report(system: Any, robot: Robot) -> None:
    system.watch(ActionChunk, 'action_executor/executed')
    spawn(system)
    ahead = from_actions(UR5E, robot.now_ns() + 10**15, np.full((2, 6), 0.01))
    robot.until_log('ahead of the clock', lambda: robot.chunks.publish(ahead))

    def reported() -> bool:
        robot.send(np.full((2, 6), 0.01))
        return 'action_executor/executed' in system.last

    system.until(reported, 'a report')


def test_a_late_chunk_is_a_warning_with_advice_and_counted(system: Any, robot: Robot) -> None:
    spawn(system)

    def send_late() -> None:
        robot.chunks.publish(from_actions(UR5E, robot.now_ns() - 10**9, np.full((2, 6), 0.01)))

    system.watch(ActionChunk, 'action_executor/executed')
    robot.until_log('lower real_time_factor in simulation', send_late)
    lines = system.log('action_executor').splitlines()
    assert all('[WARN]' in line for line in lines if 'real_time_factor' in line)
    system.until(lambda: int(robot.fact('late chunks')) >= 1, 'the count')
    # The model waits for what was executed in that step: it would be late again without.
    system.until(lambda: 'action_executor/executed' in system.last, 'a report of the late step')


def test_each_step_with_a_chunk_is_reported_once_also_beside_skipped_ones(
    system: Any, robot: Robot
) -> None:
    reported = list[int]()
    system.node.create_subscription(
        ActionChunk,
        'action_executor/executed',
        lambda message: reported.append(stamp_ns(message.header.stamp)),
        REPORT,
    )
    spawn(system)
    robot.until_moved()
    sent = list[int]()

    def send(age_ns: int) -> None:
        sent.append(robot.now_ns() - age_ns)
        robot.chunks.publish(from_actions(UR5E, sent[-1], np.full((2, 6), 0.01)))
        system.until(lambda: sent[-1] in reported, 'a report')

    # One in time, one for which no chunk came, one that came too late, one in time.
    send(0)
    begin_ns = robot.now_ns()
    system.until(lambda: robot.now_ns() > begin_ns + 2 * 10**9, 'a step without a chunk')
    send(10**9)
    send(0)
    assert reported == sorted(set(reported))
    assert [stamp for stamp in reported if stamp >= sent[0]] == sent


def test_a_step_whose_chunk_is_not_followed_is_reported_as_unknown(
    system: Any, robot: Robot
) -> None:
    robot.is_seen = False
    system.watch(ActionChunk, 'action_executor/executed')
    spawn(system)

    def reported() -> bool:
        robot.send(np.full((2, 6), 0.01))
        return 'action_executor/executed' in system.last

    system.until(reported, 'a report')
    assert system.last['action_executor/executed'].horizon == 0
    assert COMMANDS not in system.last
