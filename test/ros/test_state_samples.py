# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where a robot says it is, by stamp: what the running model is given is what episodes hold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.ros.joint_state_msg import from_positions
from hma_ros.ros.publishers import publisher_of
from hma_ros.ros.qos import SENSOR_OUT
from hma_ros.ros.stamps import to_stamp
from hma_ros.ros.state_samples import StateSamples
from hma_ros.sim import make_task
from hma_ros.sim.episode import run_episode

pytestmark = pytest.mark.ros
UR5E, FRANKA = load_embodiment('sim_ur5e'), load_embodiment('sim_franka')
ARM, WRIST = UR5E.state.joints[:3], UR5E.state.joints[3:]
MS = 1_000_000
START_NS = 5_000 * MS


class Driver:
    """Publishes states, and waits until they have arrived."""

    def __init__(self, bench: Any, spec: EmbodimentSpec = UR5E, publishers: int = 1) -> None:
        self._bench, self._heard, self.faults, self.recovered = bench, 0, list[str](), 0
        self._samples = StateSamples(bench, spec, self.faults.append, self._recover)
        for subscription in self._samples._topics._subscriptions:
            subscription.callback = self._counted(subscription.callback)
        self._joints = self._publishers(JointState, spec.state.sources[0].topic, publishers)
        if spec.state.pose is not None:
            self._poses = self._publishers(PoseStamped, spec.state.pose.topic, 1)

    @property
    def measured(self) -> StateHistory:
        return self._samples.measured

    def publish(
        self,
        stamp_ns: int,
        values: Any,
        names: Sequence[str] = UR5E.state.joints,
        publisher: int = 0,
    ) -> None:
        message = from_positions(stamp_ns, names, values, np.zeros(len(names)))
        self._send(self._joints[publisher], message)

    def publish_pose(self, stamp_ns: int, x: float, frame_id: str) -> None:
        message = PoseStamped()
        message.header.stamp, message.header.frame_id = to_stamp(stamp_ns), frame_id
        message.pose.position.x = x
        self._send(self._poses[0], message)

    def _publishers(self, kind: Any, topic: str, count: int) -> list[Any]:
        made = [self._bench.world.create_publisher(kind, topic, SENSOR_OUT) for _ in range(count)]
        for publisher in made:
            self._bench.until(
                lambda publisher=publisher: publisher.get_subscription_count() == 1,
                'the subscription',
            )
        return made

    def _send(self, publisher: Any, message: Any) -> None:
        before = self._heard
        publisher.publish(message)
        self._bench.until(lambda: self._samples.take() or self._heard > before, 'the message')

    def _counted(self, callback: Any) -> Any:
        def receive(message: Any, info: Any) -> None:
            callback(message, info)
            self._heard += 1

        return receive

    def _recover(self) -> None:
        self.recovered += 1


@pytest.fixture
def driver(bench: Any) -> Driver:
    return Driver(bench)


def test_joints_at_a_moment_whatever_the_order_of_names(driver: Driver) -> None:
    driver.publish(START_NS, np.zeros(6))
    driver.publish(START_NS + 40 * MS, np.arange(6), UR5E.state.joints)
    driver.publish(START_NS + 80 * MS, np.arange(6)[::-1] * 3.0, UR5E.state.joints[::-1])
    measured = driver.measured
    np.testing.assert_allclose(measured.joints_at(START_NS + 10 * MS), np.arange(6) / 4)
    np.testing.assert_array_equal(measured.joints_at(START_NS + 60 * MS), np.arange(6) * 2.0)
    np.testing.assert_array_equal(measured.joints_at(START_NS + 90 * MS), np.arange(6) * 3.0)
    assert measured.joints_reach(START_NS + 80 * MS)
    assert not measured.joints_reach(START_NS + 81 * MS)


def test_two_drivers_on_one_topic_and_joints_spread_over_messages(bench: Any) -> None:
    driver = Driver(bench, publishers=3)
    for offset in (0, 10, 20):
        stamp = START_NS + offset * MS
        driver.publish(stamp, [0.0, 1.0, 2.0], ARM, publisher=0)
        driver.publish(stamp + 3 * MS, [3.0, 4.0, 5.0], WRIST, publisher=1)
        driver.publish(stamp, [float('nan')], ['finger_joint'], publisher=2)
    np.testing.assert_array_equal(driver.measured.joints_at(START_NS + 15 * MS), np.arange(6))
    assert driver.faults == []


def test_two_publishers_of_one_joint_are_an_error(bench: Any) -> None:
    driver = Driver(bench, publishers=2)
    for offset in (0, 10, 20):
        driver.publish(START_NS + offset * MS, np.zeros(6), publisher=0)
        driver.publish(START_NS + offset * MS, [1.0], WRIST[-1:], publisher=1)
    text = "/joint_states: 'wrist_3_joint': got positions from 2 publishers, expected 1"
    with pytest.raises(MessageError, match=text):
        driver.measured.joints_at(START_NS)
    assert driver.measured.coordinates_at(START_NS) is None
    assert (driver.measured.conflict or '').startswith(text)


@pytest.mark.parametrize(
    ('info', 'publisher'),
    [
        ({}, None),
        ({'publisher_gid': None}, None),
        ({'publisher_gid': b'ab'}, b'ab'),
        ({'publisher_gid': {'implementation_identifier': 'rmw', 'data': b'ab'}}, b'ab'),
    ],
)
def test_older_ros_does_not_name_the_publisher(info: dict[str, Any], publisher: object) -> None:
    assert publisher_of(info) == publisher


def test_silence_and_staleness_are_errors(driver: Driver) -> None:
    text = "/joint_states: position of 'shoulder_pan_joint': got none, expected one within 0.2 s"
    with pytest.raises(MessageError, match=text):
        driver.measured.joints_at(START_NS)
    driver.publish(START_NS, np.zeros(6))
    with pytest.raises(MessageError, match=r'got the nearest -0.201 s from a frame'):
        driver.measured.joints_at(START_NS + 201 * MS)


def test_a_missing_joint_is_named(driver: Driver) -> None:
    driver.publish(START_NS, np.zeros(5), UR5E.state.joints[:-1])
    with pytest.raises(MessageError, match=r"'wrist_3_joint': got none \(only of shoulder_pan"):
        driver.measured.joints_at(START_NS)


def test_a_fault_lasts_until_all_that_it_concerned_was_heard_again(driver: Driver) -> None:
    driver.publish(START_NS, [0, 0, float('nan')], ARM)
    driver.publish(START_NS, np.zeros(3), WRIST)
    assert driver.faults == [
        "/joint_states: position of 'elbow_joint': got nan, expected a finite one"
    ]
    assert driver.recovered == 0
    driver.publish(START_NS + MS, np.zeros(3), ARM)
    driver.publish(START_NS + 2 * MS, np.zeros(3), ARM)
    assert driver.recovered == 1


def test_a_clock_that_jumps_back_leaves_nothing_of_before(driver: Driver) -> None:
    driver.publish(START_NS, np.ones(6))
    driver.publish(START_NS - 100 * MS, np.zeros(6))
    np.testing.assert_array_equal(driver.measured.joints_at(START_NS), np.zeros(6))


def test_tool_positions_of_a_cartesian_robot(bench: Any) -> None:
    driver = Driver(bench, FRANKA)
    driver.publish_pose(START_NS, 0.4, 'base')
    driver.publish_pose(START_NS + 10 * MS, 0.5, 'world')
    assert driver.faults == [
        "/franka_robot_state_broadcaster/current_pose: frame_id: got 'world', expected 'base'; "
        'set state.pose.frame_id'
    ]
    driver.publish_pose(START_NS + 20 * MS, 0.6, 'base')
    assert driver.recovered == 1
    np.testing.assert_allclose(driver.measured.coordinates_at(START_NS + 5 * MS), [0.45, 0, 0])


def test_a_gripper_on_a_topic_of_its_own(bench: Any) -> None:
    faults: list[str] = []
    spec = load_embodiment('franka')
    assert spec.gripper is not None
    assert spec.gripper.joint_topic is not None
    samples = StateSamples(bench, spec, faults.append, faults.clear)
    states = bench.world.create_publisher(JointState, spec.gripper.joint_topic, SENSOR_OUT)

    def publish_until(position: float, condition: Any, what: str) -> None:
        def publish_and_look() -> bool:
            states.publish(from_positions(START_NS, ['fr3_finger_joint1'], [position], [0.0]))
            samples.take()
            return bool(condition())

        bench.until(publish_and_look, what)

    publish_until(float('nan'), lambda: faults, 'the fault')
    assert faults[0].startswith(
        "/franka_gripper/joint_states: position of 'fr3_finger_joint1': got nan"
    )
    publish_until(0.0, lambda: samples.measured.gripper_at(START_NS) == -1.0, 'closed jaws')
    assert faults == []


def test_live_joints_are_those_of_the_episodes(driver: Driver) -> None:
    """Through a message or straight into an episode: the same numbers reach the model."""
    task = make_task('sim_ur5e')
    try:
        episode = run_episode(task, 'expert', 4)
        driver.publish(START_NS, task.joint_positions())
    finally:
        task.close()
    np.testing.assert_array_equal(
        driver.measured.joints_at(START_NS).astype(np.float32), episode.joints[-1]
    )
