# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the robot is: from topics as drivers send them, and not known rather than guessed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.ros.joint_state_msg import from_positions
from hma_ros.ros.qos import SENSOR_OUT
from hma_ros.ros.robot_state import RobotState

pytestmark = pytest.mark.ros
FRANKA, UR5E = load_embodiment('sim_franka'), load_embodiment('sim_ur5e')
assert FRANKA.state.pose is not None
POSE = FRANKA.state.pose
MS = 1_000_000


class Heard:
    """A state with its publishers, and what it found wrong."""

    def __init__(self, bench: Any, spec: EmbodimentSpec) -> None:
        self.bench, self.faults, self.good = bench, list[str](), 0
        self.state = RobotState(bench, spec, self.faults.append, self._count)

    def until(self, say: Callable[[], None], condition: Callable[[], object], what: str) -> None:
        def say_and_look() -> bool:
            say()
            self.state.take()
            return bool(condition())

        self.bench.until(say_and_look, what)

    def _count(self) -> None:
        self.good += 1


def pose(w: float = 1.0) -> PoseStamped:
    message = PoseStamped()
    message.header.frame_id = POSE.frame_id
    message.header.stamp.nanosec = 7
    message.pose.position.x = 0.5
    message.pose.orientation.w = w
    return message


def test_tool_pose_must_have_the_frame_and_a_quaternion_of_norm_one(bench: Any) -> None:
    heard = Heard(bench, FRANKA)
    poses = bench.world.create_publisher(PoseStamped, POSE.topic, SENSOR_OUT)
    heard.until(lambda: poses.publish(pose(0.9)), lambda: heard.faults, 'the refusal')
    assert heard.faults[0] == (
        f'/{POSE.topic}: quaternion: got norm 0.9 of [0.0, 0.0, 0.0, 0.9], expected 1'
    )
    heard.faults.clear()
    strange = pose()
    strange.header.frame_id = 'world'
    heard.until(lambda: poses.publish(strange), lambda: heard.faults, 'the refusal')
    assert heard.state.newest() is None
    assert heard.good == 0
    heard.until(lambda: poses.publish(pose(1.001)), heard.state.newest, 'the pose')
    xyz, quat_xyzw, stamp_ns, oldest = heard.state.newest()
    np.testing.assert_array_equal(xyz, [0.5, 0.0, 0.0])
    np.testing.assert_allclose(quat_xyzw, [0.0, 0.0, 0.0, 1.0], atol=2e-3)
    assert (stamp_ns, oldest) == (7, 'pose')
    assert heard.good > 0


def test_a_fault_lasts_while_its_topic_sends_nothing_better(bench: Any) -> None:
    heard = Heard(bench, FRANKA)
    poses = bench.world.create_publisher(PoseStamped, POSE.topic, SENSOR_OUT)
    joints = bench.world.create_publisher(JointState, 'joint_states', SENSOR_OUT)
    names = list(FRANKA.state.sources[0].message_names)
    twice = JointState(name=[*names, names[0]], position=[0.0] * (len(names) + 1))
    heard.until(lambda: joints.publish(twice), lambda: heard.faults, 'the fault')
    before = heard.good
    heard.until(lambda: poses.publish(pose()), heard.state.newest, 'the pose')
    assert heard.good == before
    once = JointState(name=names, position=[0.0] * len(names))
    heard.until(lambda: joints.publish(once), lambda: heard.good > before, 'the joints')


def test_a_driver_that_is_well_does_not_speak_for_another(bench: Any) -> None:
    """Of two on one topic one is broken: the fault lasts until its joints are heard again."""
    heard = Heard(bench, UR5E)
    publisher = bench.world.create_publisher(JointState, 'joint_states', SENSOR_OUT)
    arm, wrist = UR5E.state.joints[:3], UR5E.state.joints[3:]

    def say(value: float) -> None:
        still = np.zeros(3)
        publisher.publish(from_positions(5 * MS, arm, still + value, still))
        publisher.publish(from_positions(6 * MS, wrist, still, still))

    heard.until(lambda: say(float('nan')), lambda: len(heard.faults) > 2, 'the faults')
    assert heard.good == 0
    heard.until(lambda: say(0.0), lambda: heard.good, 'the arm')


def test_joints_are_collected_over_messages_and_as_old_as_the_oldest(bench: Any) -> None:
    heard = Heard(bench, UR5E)
    joints = UR5E.state.joints
    publisher = bench.world.create_publisher(JointState, 'joint_states', SENSOR_OUT)

    def say() -> None:
        for stamp_ns, part in ((5 * MS, slice(0, 4)), (9 * MS, slice(4, 6))):
            values = np.arange(6.0)[part]
            publisher.publish(from_positions(stamp_ns, joints[part], values, np.zeros(6)[part]))
        publisher.publish(from_positions(10**9, ['finger'], [1.0], [0.0]))

    heard.until(say, heard.state.newest, 'all joints')
    values, turn, stamp_ns, oldest = heard.state.newest()
    np.testing.assert_array_equal(values, np.arange(6.0))
    assert (turn, stamp_ns, oldest) == (None, 5 * MS, joints[0])
    assert heard.faults == []
    heard.state.clear()
    assert heard.state.newest() is None


def test_a_wrong_message_is_a_fault_and_changes_nothing(bench: Any) -> None:
    heard = Heard(bench, UR5E)
    publisher = bench.world.create_publisher(JointState, 'joint_states', SENSOR_OUT)
    good = from_positions(5 * MS, UR5E.state.joints, np.zeros(6), np.zeros(6))
    wrong = from_positions(6 * MS, UR5E.state.joints, np.full(6, np.nan), np.zeros(6))
    heard.until(lambda: publisher.publish(good), heard.state.newest, 'the joints')
    heard.until(lambda: publisher.publish(wrong), lambda: heard.faults, 'the refusal')
    values, _, stamp_ns, _ = heard.state.newest()
    np.testing.assert_array_equal(values, np.zeros(6))
    assert stamp_ns == 5 * MS


@pytest.mark.parametrize('spec', [UR5E, FRANKA])
def test_two_publishers_of_one_joint_are_a_conflict_and_no_state(
    bench: Any, spec: EmbodimentSpec
) -> None:
    heard = Heard(bench, spec)
    source = spec.state.sources[0]
    names, still = source.message_names, np.zeros(len(source.message_names))
    publishers = [
        bench.world.create_publisher(JointState, source.topic, SENSOR_OUT) for _ in range(2)
    ]

    def say() -> None:
        for place, publisher in enumerate(publishers):
            now_ns = bench.node.get_clock().now().nanoseconds
            publisher.publish(from_positions(now_ns, names, still + place, still))

    heard.until(say, lambda: heard.state.conflict, 'the conflict')
    assert 'got positions from 2 publishers, expected 1' in heard.state.conflict
    assert heard.state.newest() is None
