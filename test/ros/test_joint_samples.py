# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Joints by stamp: what the running model is given is what its episodes hold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import JointState

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import MessageError
from hma_ros.ros.joint_samples import JointSamples
from hma_ros.ros.joint_state_msg import from_positions
from hma_ros.ros.qos import SENSOR_OUT
from hma_ros.sim import make_task
from hma_ros.sim.episode import run_episode

pytestmark = pytest.mark.ros
UR5E = load_embodiment('sim_ur5e')
MS = 1_000_000
START_NS = 5_000 * MS


class Driver:
    """Publishes joint states, and waits until they have arrived."""

    def __init__(self, bench: Any) -> None:
        self._bench, self._heard = bench, 0
        self.samples = JointSamples(bench, UR5E, self._count)
        topic = UR5E.state.sources[0].topic
        self._joints = bench.world.create_publisher(JointState, topic, SENSOR_OUT)
        bench.until(lambda: self._joints.get_subscription_count() == 1, 'the subscription')

    def publish(
        self, stamp_ns: int, values: Any, names: Sequence[str] = UR5E.state.joints
    ) -> None:
        before = self._heard
        self._joints.publish(from_positions(stamp_ns, names, values, np.zeros(len(names))))
        self._bench.until(lambda: self._heard > before, 'the joint states')

    def _count(self) -> None:
        self._heard += 1


@pytest.fixture
def driver(bench: Any) -> Driver:
    return Driver(bench)


def test_the_nearest_in_time_is_taken_whatever_the_order_of_names(driver: Driver) -> None:
    driver.publish(START_NS, np.zeros(6))
    driver.publish(START_NS + 40 * MS, np.arange(6), UR5E.state.joints)
    driver.publish(START_NS + 80 * MS, np.arange(6)[::-1] * 2.0, UR5E.state.joints[::-1])
    np.testing.assert_array_equal(driver.samples.at(START_NS + 19 * MS), np.zeros(6))
    np.testing.assert_array_equal(driver.samples.at(START_NS + 21 * MS), np.arange(6))
    np.testing.assert_array_equal(driver.samples.at(START_NS + 90 * MS), np.arange(6) * 2.0)
    assert driver.samples.reaches(START_NS + 80 * MS)
    assert not driver.samples.reaches(START_NS + 81 * MS)


def test_silence_and_staleness_are_told(driver: Driver) -> None:
    with pytest.raises(MessageError, match='/joint_states: expected joint states at the time'):
        driver.samples.at(START_NS)
    driver.publish(START_NS, np.zeros(6))
    late = r'expected joint states within 0.2 s of a frame, got the nearest -0.201 s'
    with pytest.raises(MessageError, match=late):
        driver.samples.at(START_NS + 201 * MS)


def test_a_missing_joint_is_named(driver: Driver) -> None:
    driver.publish(START_NS, np.zeros(5), UR5E.state.joints[:-1])
    with pytest.raises(MessageError, match="expected joint 'wrist_3_joint', got shoulder_pan"):
        driver.samples.at(START_NS)


def test_a_clock_that_jumps_back_leaves_nothing_of_before(driver: Driver) -> None:
    driver.publish(START_NS, np.ones(6))
    driver.publish(START_NS - 100 * MS, np.zeros(6))
    np.testing.assert_array_equal(driver.samples.at(START_NS), np.zeros(6))


def test_live_joints_are_those_of_the_episodes(driver: Driver) -> None:
    """Through a message or straight into an episode: the same numbers reach the model."""
    task = make_task('sim_ur5e')
    try:
        episode = run_episode(task, 'expert', 4)
        driver.publish(START_NS, task.joint_positions())
    finally:
        task.close()
    np.testing.assert_array_equal(driver.samples.at(START_NS), episode.joints[-1])
