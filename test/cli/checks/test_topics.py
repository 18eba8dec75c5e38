# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The doctor looks at a real publisher over DDS and says what is wrong with it."""

import threading
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Int32
from trajectory_msgs.msg import JointTrajectory

from benchmarks.faults.processes import DEADLINE_S
from hma_ros.cli.checks import listening
from hma_ros.cli.checks.finding import Finding, Level
from hma_ros.cli.checks.packages import check_packages
from hma_ros.cli.checks.topics import check_topics
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.msg import ActionChunk
from hma_ros.ros.qos import LATCHED

Change = Callable[[Any], None]
_PIXELS = array('B', bytes(3 * 480 * 640))


class _Robot(Node):
    """Publishes what the embodiment says, after a change that breaks something."""

    stop_type: Any = Bool
    # So many messages and no more; None for ever.
    most: int | None = None

    def __init__(self, context: Any, spec: EmbodimentSpec, change: Change) -> None:
        super().__init__('fake_robot', context=context)
        self._spec, self._change = spec, change
        self._image = self.create_publisher(Image, spec.camera.topic, qos_profile_sensor_data)
        self._joints = self.create_publisher(JointState, spec.state.sources[0].topic, 10)
        self._stop = self.create_publisher(self.stop_type, spec.stops[0].topic, LATCHED)
        self._count = 0
        self.create_timer(0.02, self._publish)

    def _publish(self) -> None:
        self._count += 1
        if self.most is not None and self._count > self.most:
            return
        camera, source = self._spec.camera, self._spec.state.sources[0]
        image = Image(height=camera.height, width=camera.width, encoding=camera.encodings[0])
        image.step = 3 * image.width
        image.data = _PIXELS
        joints = JointState(name=list(source.message_names), position=list(self._spec.home))
        for message, publisher in ((image, self._image), (joints, self._joints)):
            message.header.stamp = self.get_clock().now().to_msg()
            self._change(message)
            publisher.publish(message)
        self._stop.publish(self.stop_type(data=True))


@pytest.fixture(scope='module')
def spec() -> EmbodimentSpec:
    """Return a robot with one camera and one joint topic."""
    return load_embodiment('ur5e')


@pytest.fixture
def check(
    ros_context: Any, spec: EmbodimentSpec
) -> Iterator[Callable[[Change], dict[str, Finding]]]:
    executor = SingleThreadedExecutor(context=ros_context)

    def run(change: Change, drivers: int = 1) -> dict[str, Finding]:
        robots = [_Robot(ros_context, spec, change) for _ in range(drivers)]
        for robot in robots:
            executor.add_node(robot)
        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()
        findings = check_topics(spec, '', timeout_s=DEADLINE_S)
        executor.shutdown()
        thread.join()
        for robot in robots:
            robot.destroy_node()
        return {finding.subject: finding for finding in findings}

    yield run
    executor.shutdown()


@pytest.fixture
def nobody_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listen for 0.05 s only: no message comes whose rate would be measured."""
    monkeypatch.setattr(listening, 'SAMPLE_S', 0.05)


def _keep(_message: Any) -> None:
    pass


def _rename_joints(message: Any) -> None:
    if isinstance(message, JointState):
        message.name = [f'other_{name}' for name in message.name]


def _shrink_image(message: Any) -> None:
    if isinstance(message, Image):
        message.height = 7


def _age(message: Any) -> None:
    message.header.stamp.sec -= 60


def test_a_healthy_robot_is_ok(check: Any, spec: EmbodimentSpec) -> None:
    findings = check(_keep)
    assert findings[f'/{spec.camera.topic}'].level is Level.OK
    assert findings[f'/{spec.state.sources[0].topic}'].level is Level.OK
    commands = findings[f'/{spec.commands[0].topic.lstrip("/")}']
    assert (commands.level, commands.text) == (Level.WARN, 'nobody listens to the commands')
    driver, button = (findings[f'/{stop.topic}'] for stop in spec.stops)
    assert (driver.level, driver.text) == (Level.OK, '1 publisher(s) of std_msgs/msg/Bool')
    assert (button.level, button.text) == (
        Level.WARN,
        'nobody publishes this stop (emergency stop)',
    )


@pytest.mark.usefixtures('nobody_speaks')
@pytest.mark.parametrize(('executes', 'level'), [(False, Level.WARN), (True, Level.FAIL)])
def test_a_stop_whose_messages_are_not_installed_is_told_once(
    ros_context: Any, spec: EmbodimentSpec, executes: bool, level: Level
) -> None:
    """It fails where the executor refuses it, and warns in shadow mode, where that goes on."""
    stop = replace(spec.stops[0], type='nowhere_msgs/msg/Mode')
    changed = replace(spec, stops=(stop, *spec.stops[1:]))
    findings = [
        *check_packages(changed, executes),
        *check_topics(changed, '', 0.1, False, executes),
    ]
    (found,) = [item for item in findings if 'nowhere_msgs' in item.text]
    assert (found.subject, found.level) == ('stops[0].type', level)
    assert not [item for item in findings if item.subject == f'/{stop.topic}']


def test_a_driver_stop_of_another_type_fails(
    check: Any, spec: EmbodimentSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Robot, 'stop_type', Int32)
    finding = check(_keep)[f'/{spec.stops[0].topic}']
    assert (finding.level, finding.text) == (
        Level.FAIL,
        'got std_msgs/msg/Int32, expected std_msgs/msg/Bool',
    )
    assert 'stops[0].type' in finding.remedy


def test_wrong_joint_names_fail(check: Any, spec: EmbodimentSpec) -> None:
    finding = check(_rename_joints)[f'/{spec.state.sources[0].topic}']
    assert finding.level is Level.FAIL
    assert spec.state.sources[0].message_names[0] in finding.text
    assert 'state.sources[0].message_names' in finding.remedy


def test_a_wrong_image_size_fails(check: Any, spec: EmbodimentSpec) -> None:
    finding = check(_shrink_image)[f'/{spec.camera.topic}']
    assert finding.level is Level.FAIL
    assert 'set camera.width: 640 and camera.height: 7' in finding.remedy


def test_old_stamps_fail(check: Any, spec: EmbodimentSpec) -> None:
    finding = check(_age)[f'/{spec.camera.topic}']
    assert finding.level is Level.FAIL
    assert 'synchronise the clocks' in finding.remedy


@pytest.mark.usefixtures('nobody_speaks')
def test_an_absent_robot_fails_in_time(spec: EmbodimentSpec) -> None:
    findings = check_topics(spec, 'nowhere', timeout_s=0.2)
    camera = next(finding for finding in findings if spec.camera.topic in finding.subject)
    assert (camera.level, camera.text) == (Level.FAIL, 'nobody publishes')
    stop = next(finding for finding in findings if spec.stops[0].topic in finding.subject)
    assert stop.level is Level.FAIL
    assert stop.text == 'nobody publishes this stop (the robot program stopped)'


@pytest.mark.usefixtures('nobody_speaks')
def test_an_absent_simulation_is_named_and_needs_no_button() -> None:
    findings = check_topics(load_embodiment('sim_franka'), 'nowhere', timeout_s=0.2)
    remedies = {finding.subject.rpartition('/')[2]: finding.remedy for finding in findings}
    assert any('hma run predict robot:=franka sim:=true' in text for text in remedies.values())
    assert remedies['emergency_stop'] == 'none is needed in simulation; on the robot it is'


def test_only_what_comes_while_measuring_is_a_rate(
    check: Callable[[Change], dict[str, Finding]],
    spec: EmbodimentSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A driver of 50 Hz that stops after 1.5 s has not 50 Hz."""
    monkeypatch.setattr(_Robot, 'most', 75)
    finding = check(_keep)[f'/{spec.camera.topic}']
    assert not finding.text.startswith(('49', '50'))


def _zero_stamp(message: Any) -> None:
    message.header.stamp.sec = message.header.stamp.nanosec = 0


def test_zero_stamps_fail(check: Any, spec: EmbodimentSpec) -> None:
    finding = check(_zero_stamp)[f'/{spec.camera.topic}']
    assert finding.text == 'header.stamp: got 0, expected the time of the measurement'


def test_two_drivers_fail(check: Any, spec: EmbodimentSpec) -> None:
    findings = check(_keep, drivers=2)
    name = spec.state.sources[0].message_names[0]
    assert findings[f'/{spec.camera.topic}'].text.startswith('got 2 publishers of this topic')
    assert (
        findings[f'/{spec.state.sources[0].topic}'].text
        == f'{name}: got 2 publishers of this joint, expected 1'
    )


@pytest.fixture
def world(ros_context: Any) -> Iterator[Node]:
    """Yield a node that others may call a driver."""
    node = Node('other_driver', context=ros_context)
    yield node
    node.destroy_node()


def test_who_else_is_there_is_named(check: Any, spec: EmbodimentSpec, world: Node) -> None:
    command = spec.commands[0].topic
    publishers = [
        world.create_publisher(JointTrajectory, command, 1),
        world.create_publisher(ActionChunk, 'world_model/action_chunk', 1),
        world.create_publisher(ActionChunk, 'world_model/action_chunk', 1),
    ]
    findings = check(_keep)
    assert findings[f'/{command}'].text == (
        'got commands from /other_driver, expected from action_executor alone'
    )
    assert 'got 2 publishers of action chunks' in findings['/world_model/action_chunk'].text
    assert len(publishers) == 3


def test_a_camera_under_another_name_is_offered(spec: EmbodimentSpec, world: Node) -> None:
    world.create_publisher(Image, '/camera/camera/color/image_raw', 1)
    findings = {item.subject: item for item in check_topics(spec, '', timeout_s=1.0)}
    assert findings[f'/{spec.camera.topic}'].remedy.endswith(
        'published now with type sensor_msgs/msg/Image: /camera/camera/color/image_raw; '
        'set camera.topic'
    )


def test_a_silent_publisher_may_be_beyond_shared_memory(spec: EmbodimentSpec, world: Node) -> None:
    world.create_publisher(Image, spec.camera.topic, 1)
    findings = {item.subject: item for item in check_topics(spec, '', timeout_s=1.0)}
    camera = findings[f'/{spec.camera.topic}']
    assert camera.text == '1 publisher(s), RELIABLE VOLATILE, silent'
    assert '--ipc=host' in camera.remedy
    assert 'FASTDDS_BUILTIN_TRANSPORTS=UDPv4' in camera.remedy


def test_a_gripper_whose_joint_nobody_publishes_fails(ros_context: Any) -> None:
    own, beside = load_embodiment('franka_droid'), load_embodiment('kinova_gen3')
    findings = {item.subject: item for item in check_topics(own, '', timeout_s=0.2)}
    joint = findings['/franka_gripper/joint_states']
    assert (joint.level, joint.text) == (Level.FAIL, 'nobody publishes')
    robot = Node('fake_arm', context=ros_context)
    source = beside.state.sources[0]
    arm = robot.create_publisher(JointState, source.topic, 10)
    message = JointState(name=list(source.message_names), position=list(beside.home))
    spinner = SingleThreadedExecutor(context=ros_context)
    spinner.add_node(robot)
    robot.create_timer(0.02, lambda: arm.publish(message))
    thread = threading.Thread(target=spinner.spin, daemon=True)
    thread.start()
    findings = {item.subject: item for item in check_topics(beside, '', timeout_s=2.0)}
    spinner.shutdown()
    thread.join()
    robot.destroy_node()
    finding = findings['gripper.joint']
    assert finding.level is Level.FAIL
    assert 'got no position of robotiq_85_left_knuckle_joint' in finding.text


@pytest.mark.usefixtures('nobody_speaks')
def test_simulated_time_without_a_clock_fails(spec: EmbodimentSpec) -> None:
    findings = check_topics(spec, 'nowhere', timeout_s=0.2, use_sim_time=True)
    clock = next(finding for finding in findings if finding.subject == '/clock')
    assert clock.level is Level.FAIL
    assert 'use_sim_time' in clock.remedy


def test_a_namespace_that_cannot_be_is_a_finding(spec: EmbodimentSpec) -> None:
    (finding,) = check_topics(spec, 'not a namespace', timeout_s=0.2)
    assert (finding.level, finding.subject) == (Level.FAIL, 'ROS 2')
    assert 'namespace' in finding.remedy
