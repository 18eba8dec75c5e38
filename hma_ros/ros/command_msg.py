# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Commands: targets to the messages of the robot's own interface, and (for simulation) back.

A trajectory carries the target with its velocity, and then the motion to rest at the acceleration
limits, should nothing follow: one point for each time at which a joint comes to rest, v / a, at
v^2 / 2a beyond the target. Controllers that refuse a trajectory ending in motion accept it, and a
robot whose commands cease brakes within its limits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from hma_ros.core.embodiment import CommandSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.short_text import first_few, shortened
from hma_ros.core.topics import COMMAND_TYPES
from hma_ros.ros.interfaces import interface_class
from hma_ros.ros.stamps import to_duration, to_stamp

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Setpoint:
    """
    What one command message says.

    ``positions``, ``velocities`` and ``accelerations`` (the limits) are
    ``float64[len(coordinates)]`` in the order of ``CommandSpec.coordinates``; ``quat_xyzw``
    belongs to tool poses, and is empty for others.
    """

    time_ns: int
    positions: Vector
    velocities: Vector
    accelerations: Vector
    quat_xyzw: tuple[float, ...] = ()


def message_type(command: CommandSpec) -> Any:
    """
    Return the message class of a command interface.

    :raises ConfigError: its package is not installed.
    """
    return interface_class(COMMAND_TYPES[command.interface], f'{command.topic}: interface')


def to_message(command: CommandSpec, setpoint: Setpoint) -> Any:
    """Make the message of a setpoint."""
    return _WRITERS[command.interface](command, setpoint)


def read_targets(command: CommandSpec, message: Any, now_ns: int) -> tuple[list[int], Vector]:
    """
    Read a command as the robot's controller does.

    :returns: when each target is to be reached [ns], and the targets ``float64[H, D]`` in the
        order of ``command.coordinates``.
    :raises MessageError: names, counts or times that the controller would refuse.
    """
    times, targets = _READERS[command.interface](command, message, now_ns)
    if not np.isfinite(targets).all():
        raise MessageError(
            f'{command.topic}: got targets {shortened(targets.tolist())}, expected finite ones'
        )
    return times, targets


def _write_pose(command: CommandSpec, setpoint: Setpoint) -> PoseStamped:
    message = PoseStamped()
    message.header.stamp = to_stamp(setpoint.time_ns)
    message.header.frame_id = command.frame_id or ''
    place, turn = message.pose.position, message.pose.orientation
    place.x, place.y, place.z = setpoint.positions.tolist()
    turn.x, turn.y, turn.z, turn.w = setpoint.quat_xyzw
    return message


def _write_trajectory(command: CommandSpec, setpoint: Setpoint) -> JointTrajectory:
    message = JointTrajectory(joint_names=list(command.message_names))
    message.header.stamp = to_stamp(setpoint.time_ns)
    reach_s = command.time_from_start_s or 0.0
    message.points = [_point(setpoint.positions, setpoint.velocities, reach_s)]
    message.points += [
        _point(positions, velocities, reach_s + time_s)
        for time_s, positions, velocities in _to_rest(setpoint)
    ]
    if len(message.points) == 1:
        rest = np.zeros_like(setpoint.positions)
        message.points.append(_point(setpoint.positions, rest, 2.0 * reach_s))
    return message


def _to_rest(setpoint: Setpoint) -> list[tuple[float, Vector, Vector]]:
    """Return time [s], positions and velocities whenever a moving joint comes to rest."""
    speeds = np.abs(setpoint.velocities)
    rest_s = speeds / setpoint.accelerations
    points = []
    # Joints that rest within a microsecond of each other share a point: times must ascend.
    for time_s in sorted({round(float(value), 6) for value in rest_s if value > 0.0} - {0.0}):
        rests = rest_s <= time_s + 1e-6
        passed_s = np.where(rests, rest_s, time_s)
        # A controller may refuse a last velocity of 1e-16.
        slowed = np.where(rests, speeds, setpoint.accelerations * time_s)
        direction = np.sign(setpoint.velocities)
        way = direction * (speeds - slowed / 2.0) * passed_s
        points.append((time_s, setpoint.positions + way, direction * (speeds - slowed)))
    return points


def _point(positions: Vector, velocities: Vector, time_s: float) -> JointTrajectoryPoint:
    return JointTrajectoryPoint(
        positions=positions.tolist(),
        velocities=velocities.tolist(),
        time_from_start=to_duration(time_s),
    )


def _write_array(command: CommandSpec, setpoint: Setpoint) -> Float64MultiArray:
    return Float64MultiArray(data=setpoint.positions.tolist())


def _write_joints(command: CommandSpec, setpoint: Setpoint) -> JointState:
    message = JointState(name=list(command.message_names))
    message.header.stamp = to_stamp(setpoint.time_ns)
    message.position = setpoint.positions.tolist()
    return message


def _write_group(command: CommandSpec, setpoint: Setpoint) -> Any:
    return message_type(command)(name=command.group, cmd=setpoint.positions.tolist())


def _write_single(command: CommandSpec, setpoint: Setpoint) -> Any:
    return message_type(command)(name=command.message_names[0], cmd=float(setpoint.positions[0]))


def _read_pose(command: CommandSpec, message: Any, now_ns: int) -> tuple[list[int], Vector]:
    got = message.header.frame_id
    if got != command.frame_id:
        raise MessageError(
            f'{command.topic}: frame_id: got {shortened(got)!r}, expected {command.frame_id!r}'
        )
    place = message.pose.position
    return [now_ns], np.array([[place.x, place.y, place.z]], np.float64)


def _read_trajectory(command: CommandSpec, message: Any, now_ns: int) -> tuple[list[int], Vector]:
    if sorted(message.joint_names) != sorted(command.message_names):
        raise MessageError(
            f'{command.topic}: got joints {first_few(message.joint_names)}, '
            f'expected {", ".join(command.message_names)}'
        )
    times = [stamp_ns(point.time_from_start) for point in message.points]
    if not times or times != sorted(set(times)):
        raise MessageError(
            f'{command.topic}: got points with times {shortened(times)} ns, '
            'expected ascending ones'
        )
    order = [message.joint_names.index(name) for name in command.message_names]
    rows = [list(point.positions) for point in message.points]
    if any(len(row) != len(order) for row in rows):
        raise MessageError(
            f'{command.topic}: got {shortened([len(row) for row in rows])} positions per point, '
            f'expected {len(order)}'
        )
    # As in ROS 2 control: a stamp of zero starts now.
    start_ns = stamp_ns(message.header.stamp) or now_ns
    return [start_ns + time for time in times], np.array(rows, np.float64)[:, order]


def _read_array(command: CommandSpec, message: Any, now_ns: int) -> tuple[list[int], Vector]:
    count = len(command.coordinates)
    if len(message.data) != count:
        raise MessageError(f'{command.topic}: got {len(message.data)} values, expected {count}')
    return [now_ns], np.array([message.data], np.float64)


def _read_joints(command: CommandSpec, message: Any, now_ns: int) -> tuple[list[int], Vector]:
    by_name = dict(zip(message.name, message.position, strict=False))
    missing = [name for name in command.message_names if name not in by_name]
    if missing:
        raise MessageError(
            f'{command.topic}: got joints {first_few(message.name)}, expected {missing[0]!r} too'
        )
    return [now_ns], np.array([[by_name[name] for name in command.message_names]], np.float64)


_WRITERS: dict[str, Callable[[CommandSpec, Setpoint], Any]] = {
    'cartesian_pose': _write_pose,
    'joint_trajectory': _write_trajectory,
    'forward_position': _write_array,
    'joint_target': _write_joints,
    'interbotix_group': _write_group,
    'interbotix_single': _write_single,
}
_READERS: dict[str, Callable[[CommandSpec, Any, int], tuple[list[int], Vector]]] = {
    'cartesian_pose': _read_pose,
    'joint_trajectory': _read_trajectory,
    'forward_position': _read_array,
    'joint_target': _read_joints,
}
