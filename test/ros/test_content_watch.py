# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A recorder says within seconds what would make its demonstrations impossible to import."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest
from rclpy.publisher import PublisherEventCallbacks
from sensor_msgs.msg import Image, JointState

from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.ros import content_watch
from hma_ros.ros.content_watch import ContentWatch
from hma_ros.ros.qos import SENSOR_IN, SENSOR_OUT

pytestmark = pytest.mark.ros
SPEC = load_embodiment('ur5e')
JOINTS = list(SPEC.state.joints)
CAMERA = SPEC.camera
# Robots whose gripper is measured on a topic of its own, and with the arm.
GRIPPERS = [('franka', 'franka_gripper/joint_states'), ('kinova_gen3', 'joint_states')]


def image(height: int = CAMERA.height, width: int = CAMERA.width, encoding: str = 'rgb8') -> Image:
    data = bytes(height * width * 3)
    return Image(height=height, width=width, step=3 * width, encoding=encoding, data=data)


def joints(*names: str) -> JointState:
    return JointState(name=list(names), position=[0.1] * len(names))


class Robot:
    """Publishes the same messages again and again, beside a watch."""

    def __init__(
        self, bench: Any, seen: Image, *states: JointState, spec: EmbodimentSpec = SPEC
    ) -> None:
        self._bench, self._said, self._due_s = bench, '', 0.0
        self._pairs = [(bench.world.create_publisher(Image, spec.camera.topic, SENSOR_OUT), seen)]
        for state in states:
            self.add(state, spec.state.sources[0].topic)
        self._watch = ContentWatch(bench.node, spec)

    def add(self, state: JointState, topic: str = 'joint_states', qos: Any = SENSOR_OUT) -> None:
        """Start another driver."""
        quiet = PublisherEventCallbacks(use_default_callbacks=False)
        world = self._bench.world
        publisher = world.create_publisher(JointState, topic, qos, event_callbacks=quiet)
        self._pairs.append((publisher, state))

    def until(self, capfd: Any, condition: Callable[[str], object]) -> str:
        """Publish until what was logged fulfils a condition; returns it."""

        def is_met() -> bool:
            # Seldom enough that all are taken, as each turn of the executor takes one.
            if monotonic() >= self._due_s:
                self._due_s = monotonic() + 0.05
                for publisher, message in self._pairs:
                    publisher.publish(message)
            self._said += ''.join(capfd.readouterr())
            return bool(condition(self._said))

        self._bench.until(is_met, 'the verdict')
        return self._said

    def warnings(self, capfd: Any) -> str:
        """Return what was logged when everything was judged."""
        self.until(capfd, lambda _: not self._watch._heard)
        return self._said + ''.join(capfd.readouterr())


@pytest.mark.parametrize(
    ('seen', 'told'),
    [
        (image(10, 20), f'got an image of 20x10, expected {CAMERA.width}x{CAMERA.height}'),
        (image(encoding='16UC1'), "encoding: got '16UC1', expected "),
    ],
)
def test_images_that_no_node_takes_are_warned_of(
    bench: Any, capfd: Any, seen: Image, told: str
) -> None:
    said = Robot(bench, seen, joints(*JOINTS)).warnings(capfd)
    assert told in said
    assert said.count('cannot be imported') == 1


def test_a_joint_that_is_missing_is_warned_of(bench: Any, capfd: Any) -> None:
    robot = Robot(bench, image(), joints(*JOINTS[:-1], 'J6'))
    said = robot.until(capfd, lambda said: 'cannot be imported' in said)
    assert f'/joint_states: got no position of {JOINTS[-1]} (only of ' in said
    assert 'J6' in said
    assert "write the driver's names into state.sources.message_names; so far such" in said


def test_a_driver_that_starts_late_ends_the_warning(bench: Any, capfd: Any) -> None:
    """It is said once, also of a driver that offers less than the first one."""
    robot = Robot(bench, image())
    robot.add(joints(*JOINTS[:3]), qos=SENSOR_OUT)
    robot.until(capfd, lambda said: 'so far such messages cannot be imported' in said)
    later_s = monotonic() + 2.5
    robot.until(capfd, lambda _: monotonic() > later_s)
    robot.add(joints(*JOINTS[3:]), qos=SENSOR_IN)
    said = robot.warnings(capfd)
    assert said.count('cannot be imported') == 1
    (line,) = [line for line in said.splitlines() if 'cleared: ' in line]
    assert line.startswith('[INFO]')
    assert line.endswith('cleared: /joint_states: missing positions')


@pytest.mark.parametrize(('robot', 'topic'), GRIPPERS)
def test_a_gripper_joint_of_another_name_is_warned_of(
    bench: Any, capfd: Any, robot: str, topic: str
) -> None:
    spec = load_embodiment(robot)
    assert spec.gripper is not None
    assert spec.gripper.joint is not None
    arm = spec.state.sources[0]
    made = Robot(bench, image(), joints(*arm.message_names), spec=spec)
    made.add(joints('finger_1'), topic)
    said = made.until(capfd, lambda said: 'so far such messages cannot be imported' in said)
    assert f'/{topic}: got no position of {spec.gripper.joint} (only of finger_1' in said
    assert "write the driver's name into gripper.joint; so far such" in said
    made.add(joints(spec.gripper.joint), topic)
    said = made.until(capfd, lambda said: 'cleared' in said)
    assert f'cleared: /{topic}: missing positions' in said


def test_joints_of_two_drivers_are_taken_together_and_images_are_seldom_decoded(
    bench: Any, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Any] = []
    monkeypatch.setattr(content_watch, 'to_rgb', lambda *given: decoded.append(given))
    robot = Robot(bench, image(), joints(*JOINTS[:3]), joints(*JOINTS[3:]))
    assert 'cannot be imported' not in robot.warnings(capfd)
    assert len(decoded) == 1
