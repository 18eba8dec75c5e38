# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A recorder says at once that stamps are not of its clock."""

import time
from typing import Any

import pytest
from rclpy.publisher import PublisherEventCallbacks
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool

from hma_ros.core.embodiment import load_embodiment
from hma_ros.ros.qos import SENSOR_IN, SENSOR_OUT
from hma_ros.ros.stamp_watch import StampWatch
from hma_ros.ros.stamps import to_stamp

pytestmark = pytest.mark.ros
SPEC = load_embodiment('ur5e')


def test_stamps_of_another_clock_are_warned_of(bench: Any, capfd: Any) -> None:
    camera = bench.world.create_publisher(Image, SPEC.camera.topic, SENSOR_OUT)
    joints = bench.world.create_publisher(JointState, 'joint_states', SENSOR_OUT)
    StampWatch(bench.node, SPEC)
    said, due_s = '', 0.0

    def is_said() -> bool:
        nonlocal said, due_s
        # Seldom enough that none waits: each turn of the executor takes one.
        pairs = ((camera, 0), (joints, 3_600_000_000_000)) if time.monotonic() >= due_s else ()
        for publisher, age_ns in pairs:
            due_s = time.monotonic() + 0.1
            message = publisher.msg_type()
            message.header.stamp = to_stamp(time.time_ns() - age_ns)
            publisher.publish(message)
        said += capfd.readouterr().err
        return 'joint_states' in said

    bench.until(is_said, 'the warning')
    assert '/joint_states: header.stamp: got 3600 s old' in said
    assert 'synchronise the clocks' in said
    assert SPEC.camera.topic not in said


def test_a_publisher_that_comes_later_and_offers_less_is_heard(bench: Any, capfd: Any) -> None:
    def publisher(qos: Any) -> Any:
        quiet = PublisherEventCallbacks(use_default_callbacks=False)
        return bench.world.create_publisher(JointState, 'joint_states', qos, event_callbacks=quiet)

    first = publisher(SENSOR_OUT)
    StampWatch(bench.node, SPEC)
    bench.until(first.get_subscription_count, 'the watch')
    second, said = publisher(SENSOR_IN), ''

    def is_said() -> bool:
        nonlocal said
        message = JointState()
        message.header.stamp = to_stamp(time.time_ns() - 3_600_000_000_000)
        second.publish(message)
        said += capfd.readouterr().err
        return 'header.stamp: got 3600 s old' in said

    bench.until(is_said, 'the warning')


def test_a_needed_topic_of_another_type_is_warned_of(bench: Any, capfd: Any) -> None:
    publisher = bench.world.create_publisher(Bool, 'joint_states', SENSOR_OUT)
    StampWatch(bench.node, SPEC)
    said = ''

    def is_said() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return 'joint_states' in said

    bench.until(is_said, 'the warning')
    assert publisher.topic_name == '/joint_states'
    assert 'got the type std_msgs/msg/Bool, expected sensor_msgs/msg/JointState' in said
