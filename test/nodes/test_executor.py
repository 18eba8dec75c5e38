# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The executor between a hand-made robot and hand-made chunks: nothing but what it may."""

from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from hma_ros.core.embodiment import load_embodiment
from hma_ros.msg import ActionChunk
from hma_ros.ros.chunk_msg import from_actions
from hma_ros.ros.joint_state_msg import from_positions
from hma_ros.ros.qos import REPORT, SENSOR_OUT
from hma_ros.ros.stamps import to_stamp

pytestmark = [pytest.mark.ros, pytest.mark.timeout(900)]
UR5E = load_embodiment('sim_ur5e')
COMMANDS = UR5E.commands[0].topic
# A patient watchdog: on a busy machine the state of this robot comes late.
MEASURED = np.array(UR5E.home)


class Robot:
    """A robot that stands still, on the wall clock."""

    def __init__(self, system: Any) -> None:
        self.system = system
        self._joints = system.node.create_publisher(JointState, 'joint_states', SENSOR_OUT)
        self.chunks = system.node.create_publisher(ActionChunk, 'world_model/action_chunk', REPORT)
        self.place, self.is_seen = MEASURED, True
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

    def until_silent(self, verdict: str) -> None:
        """Wait until many periods with a verdict have passed without a command."""
        periods, sent = int(self.fact(verdict)), -1

        def is_silent() -> bool:
            nonlocal periods, sent
            if self.system.counts.get(COMMANDS, 0) != sent:
                periods, sent = int(self.fact(verdict)), self.system.counts.get(COMMANDS, 0)
            return self.fact('verdict') == verdict and int(self.fact(verdict)) > periods + 80

        self.system.until(is_silent, f'silence while {verdict}')

    def until_moved(self) -> None:
        def push() -> bool:
            self.send(np.full((2, 6), 0.01))
            return COMMANDS in self.system.last and not np.allclose(self.target(), MEASURED)

        self.system.until(push, 'a moving target')

    def _publish(self) -> None:
        if self.is_seen:
            self._joints.publish(
                from_positions(self.now_ns(), UR5E.state.joints, self.place, np.zeros(6))
            )


@pytest.fixture
def robot(system: Any) -> Robot:
    return Robot(system)


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


def test_starts_where_the_robot_is_refuses_nan_latches_stops_and_holds_at_the_end(
    system: Any, robot: Robot
) -> None:
    child = system.spawn('action_executor', embodiment='sim_ur5e', mode='execute', autostart=True)
    robot.until_commanded()
    np.testing.assert_allclose(robot.target(), MEASURED)

    wrong = np.full((2, 6), 0.01)
    wrong[1, 3] = np.nan
    robot.until_log(
        'expected finite actions, got nan for d_wrist_1_joint of step 1', lambda: robot.send(wrong)
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

    assert system.call(Trigger, 'action_executor/stop', Trigger.Request()).success
    robot.until_log('expected none while stopped', lambda: robot.send(np.full((2, 6), 0.01)))
    robot.until_silent('stopped')
    # Neither the lifecycle nor a new configuration releases the latch.
    for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
        assert system.transition('action_executor', transition)
    robot.until_silent('stopped')

    assert system.call(Trigger, 'action_executor/resume', Trigger.Request()).success
    robot.until_moved()

    stops = system.node.create_publisher(Bool, 'emergency_stop', 1)
    robot.until_log('emergency stop (data = True)', lambda: stops.publish(Bool(data=True)))
    answer = system.call(Trigger, 'action_executor/resume', Trigger.Request())
    assert not answer.success
    assert 'expected no stop' in answer.message
    system.until(
        lambda: (
            stops.publish(Bool(data=False)),
            system.call(Trigger, 'action_executor/resume', Trigger.Request()).success,
        )[1],
        'resume',
    )

    robot.until_moved()
    assert system.transition('action_executor', 'deactivate')
    system.until(
        lambda: not np.any(system.last[COMMANDS].points[0].velocities),
        'a command at rest as the last one',
    )
    assert system.call(Trigger, 'action_executor/stop', Trigger.Request()).success
    assert system.transition('action_executor', 'activate')
    robot.until_silent('stopped')
    assert child.poll() is None


def test_lost_robot_is_left_alone_and_met_where_it_is(system: Any, robot: Robot) -> None:
    system.spawn('action_executor', embodiment='sim_ur5e', mode='execute', autostart=True)
    robot.until_moved()
    robot.is_seen = False
    robot.until_silent('hold')
    sent = system.counts[COMMANDS]
    assert system.transition('action_executor', 'deactivate')
    assert system.transition('action_executor', 'activate')
    robot.until_silent('hold')
    assert system.counts[COMMANDS] == sent
    robot.place, robot.is_seen = MEASURED + 0.3, True
    robot.until_commanded()
    np.testing.assert_allclose(robot.target(), robot.place)
    assert not np.any(system.last[COMMANDS].points[0].velocities)


def test_shadow_in_simulated_time_plans_nearly_every_chunk(system: Any) -> None:
    franka = load_embodiment('sim_franka')
    assert franka.state.pose is not None
    place = np.mean([franka.limits.lower, franka.limits.upper], axis=0)
    clocks = system.node.create_publisher(Clock, '/clock', REPORT)
    poses = system.node.create_publisher(PoseStamped, franka.state.pose.topic, SENSOR_OUT)
    chunks = system.node.create_publisher(ActionChunk, 'world_model/action_chunk', REPORT)
    period_ns, ticks = round(1e9 / franka.rates.command_hz), 0

    def tick() -> None:
        # As the simulated robot does: the clock steps as often as commands are due.
        nonlocal ticks
        ticks += 1
        now_ns = 10**9 + ticks * period_ns
        clocks.publish(Clock(clock=to_stamp(now_ns)))
        pose = PoseStamped()
        pose.header.stamp, pose.header.frame_id = to_stamp(now_ns), franka.state.pose.frame_id
        pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = place.tolist()
        pose.pose.orientation.w = 1.0
        poses.publish(pose)
        if ticks % 10 == 0:
            still = [[0.0, 0.0, 0.0, 1.0]] * franka.rates.stride
            chunks.publish(from_actions(franka, now_ns - 4 * period_ns, still))

    system.node.create_timer(0.02, tick)
    system.watch(DiagnosticArray, '/diagnostics')
    system.spawn('action_executor', embodiment='sim_franka', use_sim_time=True, autostart=True)

    def count(name: str) -> int:
        message = system.last.get('/diagnostics')
        values = {item.key: item.value for item in message.status[0].values} if message else {}
        return int(values.get(name, 0))

    system.until(lambda: count('accepted chunks') + count('refused chunks') >= 30, 'chunks')
    assert count('accepted chunks') > 4 * count('refused chunks')


def test_a_chunk_from_the_far_future_blocks_no_report(system: Any, robot: Robot) -> None:
    system.watch(ActionChunk, 'action_executor/executed')
    system.spawn('action_executor', embodiment='sim_ur5e', mode='execute', autostart=True)
    ahead = from_actions(UR5E, robot.now_ns() + 10**15, np.full((2, 6), 0.01))
    robot.until_log('ahead of the clock', lambda: robot.chunks.publish(ahead))

    def reported() -> bool:
        robot.send(np.full((2, 6), 0.01))
        return 'action_executor/executed' in system.last

    system.until(reported, 'a report')
