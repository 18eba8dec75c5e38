# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A recorder says within seconds what would make its demonstrations impossible to import."""

from typing import Any

import pytest
from sensor_msgs.msg import Image, JointState

from hma_ros.core.embodiment import load_embodiment
from hma_ros.ros import content_watch
from hma_ros.ros.content_watch import ContentWatch
from hma_ros.ros.qos import SENSOR_OUT

pytestmark = pytest.mark.ros
SPEC = load_embodiment('ur5e')
JOINTS = list(SPEC.state.joints)
CAMERA = SPEC.camera


def image(height: int = CAMERA.height, width: int = CAMERA.width, encoding: str = 'rgb8') -> Image:
    data = bytes(height * width * 3)
    return Image(height=height, width=width, step=3 * width, encoding=encoding, data=data)


def joints(*names: str) -> JointState:
    return JointState(name=list(names), position=[0.1] * len(names))


class Robot:
    """Publishes the same messages until all topics were judged."""

    def __init__(self, bench: Any, seen: Image, *states: JointState) -> None:
        self._bench = bench
        camera = bench.world.create_publisher(Image, CAMERA.topic, SENSOR_OUT)
        drivers = [bench.world.create_publisher(JointState, 'joint_states', SENSOR_OUT)]
        drivers += [
            bench.world.create_publisher(JointState, 'joint_states', SENSOR_OUT)
            for _ in states[1:]
        ]
        self._pairs = [(camera, seen), *zip(drivers, states, strict=True)]

    def warnings(self, capfd: Any) -> str:
        watch, said = ContentWatch(self._bench.node, SPEC), ''

        def is_judged() -> bool:
            nonlocal said
            for publisher, message in self._pairs:
                publisher.publish(message)
            said += capfd.readouterr().err
            return not watch._heard

        self._bench.until(is_judged, 'the verdict')
        return said + str(capfd.readouterr().err)


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
    said = Robot(bench, image(), joints(*JOINTS[:-1], 'J6')).warnings(capfd)
    assert f'/joint_states: got no position of {JOINTS[-1]} (only of ' in said
    assert 'J6' in said
    assert "write the driver's names into state.sources.message_names" in said
    assert said.count('cannot be imported') == 1


def test_joints_of_two_drivers_are_taken_together_and_images_are_seldom_decoded(
    bench: Any, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Any] = []
    monkeypatch.setattr(content_watch, 'to_rgb', lambda *given: decoded.append(given))
    robot = Robot(bench, image(), joints(*JOINTS[:3]), joints(*JOINTS[3:]))
    assert 'cannot be imported' not in robot.warnings(capfd)
    assert len(decoded) == 1
