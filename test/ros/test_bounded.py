# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""No message holds the thread of the executor for long, and none that is malformed ends it."""

from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool

from hma_ros.core.embodiment import StopSpec, load_embodiment
from hma_ros.msg import ActionChunk
from hma_ros.ros.bounded import MOST_BYTES, bounded
from hma_ros.ros.interfaces import type_name
from hma_ros.ros.polled_subscriptions import MOST_BYTES as MOST_STATE_BYTES
from hma_ros.ros.qos import REPORT, SENSOR_OUT
from hma_ros.ros.robot_state import RobotState
from hma_ros.ros.stop_topics import StopTopics

pytestmark = pytest.mark.ros
UR5E = load_embodiment('ur5e')
GOOD = serialize_message(JointState(name=['a', 'b'], position=[1.0, 2.0]))


def test_a_state_that_is_too_large_is_a_fault_and_changes_nothing(bench: Any) -> None:
    faults: list[str] = []
    state = RobotState(bench, UR5E, faults.append, lambda: None)
    publisher = bench.world.create_publisher(JointState, 'joint_states', SENSOR_OUT)
    names = list(UR5E.state.joints)
    large = JointState(name=names, position=[0.0] * 6, effort=[0.0] * (MOST_STATE_BYTES // 8))
    bench.until(lambda: publisher.publish(large) or state.take() or faults, 'the fault')
    assert faults[0].startswith('/joint_states: got a message of 65')
    assert faults[0].endswith(f' bytes, expected at most {MOST_STATE_BYTES}')
    assert state.newest() is None
    good = JointState(name=names, position=np.arange(6.0).tolist())
    bench.until(lambda: publisher.publish(good) or state.take() or state.newest(), 'the state')


def test_a_stop_topic_that_is_not_read_stops(bench: Any) -> None:
    heard: list[str] = []
    stop = StopSpec('safety', 'sensor_msgs/msg/Image', 'height', (1,), 'protective stop')
    stops = StopTopics(bench, (stop,), heard.append)
    publisher = bench.world.create_publisher(Image, 'safety', REPORT)
    large = Image(data=bytes(MOST_BYTES))
    bench.until(lambda: publisher.publish(large) or heard, 'the stop')
    assert heard[0].startswith('/safety: got a message of ')
    assert stops.refusal() == stops.reason == heard[0]
    # Also over a new configuration, until a message that can be read says otherwise.
    again = StopTopics(bench, (stop,), heard.append, stops)
    assert again.refusal() == heard[0]
    clear = Image(height=0)
    bench.until(lambda: publisher.publish(clear) or again.refusal() is None, 'the end')


@given(
    st.sampled_from([JointState, PoseStamped, ActionChunk, Bool]),
    st.one_of(st.binary(max_size=100), st.binary(max_size=100).map(GOOD.__add__)),
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=5),
)
def test_bytes_that_are_no_message_are_a_fault(
    kind: Any, data: bytes, changes: list[tuple[int, int]]
) -> None:
    changed = bytearray(data)
    for place, value in changes:
        if place < len(changed):
            changed[place] = value
    faults, taken = list[str](), list[Any]()
    receive = bounded(kind, '/topic', lambda message, _: taken.append(message), faults.append)
    receive(bytes(changed), None)
    assert len(faults) + len(taken) == 1
    text = f'/topic: got {len(changed)} bytes that cannot be read, expected {type_name(kind)}'
    assert not faults or faults[0].startswith(f'{text}; ')


def test_a_message_that_lost_its_content_says_where_and_what_to_do() -> None:
    faults = list[str]()
    bounded(Image, '/camera', lambda *_: None, faults.append)(b'', None)
    assert faults == [
        '/camera: got 0 bytes that cannot be read, expected sensor_msgs/msg/Image; its content '
        'was lost in the shared memory of Fast DDS: raise segment_size in a Fast DDS profile, or '
        'export FASTDDS_BUILTIN_TRANSPORTS=UDPv4 on both sides'
    ]
