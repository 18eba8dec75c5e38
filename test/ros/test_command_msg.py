# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Commands say to the controller what was meant, and are refused where it would refuse."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hma_ros.core.embodiment import CommandSpec, load_embodiment
from hma_ros.core.errors import ConfigError, MessageError
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.ros.command_msg import Setpoint, message_type, read_targets, to_message

UR5E = load_embodiment('sim_ur5e').commands[0]
POSE = load_embodiment('sim_franka').commands[0]
MS = 1_000_000


def setpoint(command: CommandSpec) -> Setpoint:
    count = len(command.coordinates)
    positions, speeds = np.arange(count) * 0.1, np.full(count, 0.5)
    return Setpoint(500 * MS, positions, speeds, np.full(count, 5.0), (1.0, 0.0, 0.0, 0.0))


def test_trajectory_reaches_the_target_and_then_comes_to_rest() -> None:
    message = to_message(UR5E, setpoint(UR5E))
    assert isinstance(message, message_type(UR5E))
    assert list(message.joint_names) == list(UR5E.message_names)
    first, second = message.points
    np.testing.assert_allclose(first.positions, np.arange(6) * 0.1)
    np.testing.assert_allclose(first.velocities, np.full(6, 0.5))
    # From 0.5 rad/s at 5 rad/s^2: 0.1 s, and 0.025 rad on the way.
    np.testing.assert_allclose(second.positions, np.arange(6) * 0.1 + 0.025)
    assert not np.any(second.velocities)
    times, targets = read_targets(UR5E, message, 0)
    assert times == [520 * MS, 620 * MS]
    np.testing.assert_allclose(targets[0], np.arange(6) * 0.1)


def test_trajectory_at_rest_stays() -> None:
    still = replace(setpoint(UR5E), velocities=np.zeros(6))
    first, second = to_message(UR5E, still).points
    assert first.positions == second.positions
    assert not np.any(second.velocities)


@settings(deadline=None)
@given(
    arrays(np.float64, 6, elements=st.one_of(st.just(0.0), st.floats(-3.0, 3.0))),
    arrays(np.float64, 6, elements=st.floats(0.1, 100.0)),
)
def test_joints_brake_at_their_limits_and_end_at_rest(
    velocities: np.ndarray, accelerations: np.ndarray
) -> None:
    point = Setpoint(0, np.arange(6) * 0.1, velocities, accelerations)
    points = to_message(UR5E, point).points
    times_s = np.array([stamp_ns(item.time_from_start) * 1e-9 for item in points])
    assert (np.diff(times_s) > 0.0).all()
    places = np.array([item.positions for item in points])
    speeds = np.array([item.velocities for item in points])
    assert not speeds[-1].any()
    for index in range(1, len(points)):
        passed_s = times_s[index] - times_s[0]
        rest_s = np.minimum(np.abs(velocities) / accelerations, passed_s)
        left = np.abs(velocities) - accelerations * rest_s
        way = np.sign(velocities) * (np.abs(velocities) + left) / 2.0 * rest_s
        # Joints that rest within a microsecond of each other share a point.
        np.testing.assert_allclose(speeds[index], np.sign(velocities) * left, atol=3e-4)
        np.testing.assert_allclose(places[index], places[0] + way, atol=1e-5)
    rest = velocities * np.abs(velocities) / (2.0 * accelerations)
    np.testing.assert_allclose(places[-1], np.arange(6) * 0.1 + rest, atol=1e-5)


def test_trajectory_is_read_by_name_and_a_stamp_of_zero_is_now() -> None:
    message = to_message(UR5E, replace(setpoint(UR5E), time_ns=0))
    message.joint_names = list(reversed(message.joint_names))
    times, targets = read_targets(UR5E, message, 100 * MS)
    assert times == [120 * MS, 220 * MS]
    np.testing.assert_allclose(targets[0], np.arange(6)[::-1] * 0.1)


@pytest.mark.parametrize(
    'command',
    [
        POSE,
        load_embodiment('sim_so101').commands[0],
        replace(load_embodiment('sim_so101').commands[0], interface='joint_target'),
    ],
)
def test_other_interfaces_round_trip(command: CommandSpec) -> None:
    message = to_message(command, setpoint(command))
    assert isinstance(message, message_type(command))
    times, targets = read_targets(command, message, 7)
    assert times == [7]
    np.testing.assert_allclose(targets, [np.arange(len(command.coordinates)) * 0.1])


def test_refusals() -> None:
    pose = to_message(POSE, setpoint(POSE))
    pose.header.frame_id = 'world'
    with pytest.raises(MessageError, match="target_pose: frame_id: got 'world', expected 'base'"):
        read_targets(POSE, pose, 0)
    trajectory = to_message(UR5E, setpoint(UR5E))
    trajectory.points[0].positions[0] = float('nan')
    with pytest.raises(MessageError, match='expected finite ones'):
        read_targets(UR5E, trajectory, 0)
    trajectory.points = trajectory.points[::-1]
    with pytest.raises(MessageError, match='points with times .* expected ascending'):
        read_targets(UR5E, trajectory, 0)
    trajectory.joint_names = trajectory.joint_names[:-1]
    with pytest.raises(MessageError, match='got joints .*, expected shoulder_pan_joint'):
        read_targets(UR5E, trajectory, 0)


def test_a_missing_message_package_is_named() -> None:
    with pytest.raises(ConfigError, match=r'interface: got no interbotix_xs_msgs/msg/.*; apt-get'):
        message_type(load_embodiment('aloha').commands[0])
