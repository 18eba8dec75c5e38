# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The robots of the benchmark, an arm that follows commands, and a policy that moves it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray

from benchmarks.faults.gripper_process import has_actions
from hma_ros.core.control.axes import axes_of
from hma_ros.core.control.orientation import quaternion, rotation_vector
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.ros.joint_state_msg import from_positions
from hma_ros.ros.stamps import to_stamp

Vector = NDArray[np.float64]
# A real arm reaches its velocity in a quarter of a second.
_SLOW_ACCELERATION, _SLOW_JERK = 4.0, 100.0
# By name: the embodiment, whether it accelerates slowly, and which joints turn without end.
_VARIANTS: dict[str, tuple[str, bool, tuple[bool, ...] | None]] = {
    'franka': ('sim_franka', False, None),
    'franka, slow': ('sim_franka', True, None),
    'ur5e': ('sim_ur5e', False, None),
    'ur5e, slow': ('sim_ur5e', True, None),
    'so101': ('sim_so101', False, None),
    'so101, slow': ('sim_so101', True, None),
    'kinova, continuous': ('kinova_gen3', False, (True, False) * 3 + (True,)),
}
ROBOTS = tuple(_VARIANTS)
GRIPPER_INTERVAL_S = 1.0


def robot_file(name: str, folder: Path) -> Path:
    """
    Write the embodiment of a robot of the benchmark.

    All have an emergency stop that must be heard before a motion. The slow Franka's gripper takes
    goals. One that does is left out where its actions are not installed.
    """
    base, is_slow, continuous = _VARIANTS[name]
    facts = yaml.safe_load(Path(load_embodiment(base).path).read_text())
    if facts['gripper'] is not None:
        _prepare_gripper(facts, is_slow)
    limits = facts['limits']
    if is_slow:
        limits['acceleration'] = [_SLOW_ACCELERATION * value for value in limits['velocity']]
        limits['jerk'] = [_SLOW_JERK * value for value in limits['velocity']]
    if continuous is not None:
        limits['continuous'] = list(continuous)
    facts['simulated'] = True
    for stop in facts['stops']:
        stop['mandatory'] = stop['topic'] == 'emergency_stop'
    facts['name'] = name.replace(', ', '_')
    path = folder / f'{facts["name"]}.yaml'
    path.write_text(yaml.safe_dump(facts))
    return path


def _prepare_gripper(facts: dict[str, Any], takes_goals: bool) -> None:
    gripper = facts['gripper']
    gripper['min_interval_s'] = GRIPPER_INTERVAL_S
    if takes_goals and has_actions():
        gripper |= {'interface': 'gripper_command', 'name': 'gripper_controller/gripper_cmd'}
    if gripper['interface'] == 'forward_position' or has_actions():
        return
    facts['gripper'] = None
    for key in ('names', 'units', 'lower', 'upper'):
        facts['action'][key] = facts['action'][key][:-1]


class Arm:
    """
    Follows commands with a lag of a period.

    ``position_X`` is where it is; ``error_X`` is added to what it measures.

    :param place: where it starts, 0 to 1 between the limits.
    """

    def __init__(self, spec: EmbodimentSpec, place: float = 0.5) -> None:
        self.spec, self.axes = spec, axes_of(spec)
        self.width = len(spec.action.coordinates)
        span = self.axes.upper - self.axes.lower
        self.position_X = self.axes.lower + (0.3 + 0.4 * place) * span
        self.position_X[self.width :] *= 0.1
        self.error_X = np.zeros_like(self.position_X)

    def follow(self, target_X: Vector) -> None:
        """Move towards a command."""
        self.position_X = self.position_X + 0.5 * (target_X - self.position_X)

    def message(self, stamp_ns: int) -> Any:
        """Return what its driver publishes: a tool pose, or joints, within half a turn."""
        values = self.position_X + self.error_X
        orientation = self.spec.limits.orientation
        if orientation is not None:
            turn = quaternion(values[self.width :], orientation.reference_xyzw)
            return pose_message(self.spec, stamp_ns, values[: self.width], turn)
        wrapped = (values + np.pi) % (2.0 * np.pi) - np.pi
        values = np.where(self.axes.is_continuous, wrapped, values)
        names = self.spec.state.sources[0].message_names
        return from_positions(stamp_ns, names, values, np.zeros_like(values))

    @property
    def topic(self) -> str:
        """Where the driver publishes that."""
        pose = self.spec.state.pose
        return self.spec.state.sources[0].topic if pose is None else pose.topic


def pose_message(spec: EmbodimentSpec, stamp_ns: int, xyz: Vector, turn: Any) -> PoseStamped:
    """Make the measured tool pose of an embodiment."""
    message = PoseStamped()
    message.header.stamp = to_stamp(stamp_ns)
    message.header.frame_id = '' if spec.state.pose is None else spec.state.pose.frame_id
    place, facing = message.pose.position, message.pose.orientation
    place.x, place.y, place.z = (float(value) for value in xyz)
    facing.x, facing.y, facing.z, facing.w = (float(value) for value in turn)
    return message


def commanded(spec: EmbodimentSpec, message: Any) -> Vector:
    """Read the axes that a command message commands, ``float64[X]``."""
    orientation = spec.limits.orientation
    if orientation is not None and hasattr(message, 'pose'):
        place, turn = message.pose.position, message.pose.orientation
        vector = rotation_vector([turn.x, turn.y, turn.z, turn.w], orientation.reference_xyzw)
        return np.concatenate([[place.x, place.y, place.z], vector])
    if hasattr(message, 'points'):
        return np.array(message.points[0].positions, np.float64)
    return np.array(message.data, np.float64)


def rest_of(message: Any) -> Vector | None:
    """
    Read where a trajectory ends, ``float64[X]``; None for other commands.

    What does not end at rest ends at infinity.
    """
    if not hasattr(message, 'points'):
        return None
    last = message.points[-1]
    return np.array(last.positions if not any(last.velocities) else [np.inf] * len(last.positions))


class Policy:
    """
    Makes chunks that wander between random places within the limits; a gripper opens and closes.

    :param arm: its robot.
    """

    def __init__(self, arm: Arm, rng: np.random.Generator) -> None:
        self._spec, self._arm, self._rng = arm.spec, arm, rng
        self._grips = itertools.cycle([1.0, -1.0])
        self._new_goal()

    def actions(self, from_D: Vector) -> Vector:
        """Return a chunk ``float64[stride, A]`` that goes on from a commanded position."""
        steps = self._steps(from_D)
        if self._spec.gripper is None:
            return steps
        return np.column_stack([steps, np.full(len(steps), next(self._grips))])

    def _steps(self, from_D: Vector) -> Vector:
        action, stride = self._spec.action, self._spec.rates.stride
        if (np.abs(self._goal - from_D) < 1e-3).all():
            self._new_goal()
        most = np.array(action.upper) if action.is_delta else self._arm.axes.velocity * 0.05
        most = most[: self._arm.width]
        step = np.clip((self._goal - from_D) / stride, -0.7 * most, 0.7 * most)
        if action.is_delta:
            return np.tile(step, (stride, 1))
        targets = from_D + step * np.arange(1, stride + 1)[:, None]
        width = self._arm.width
        return np.clip(targets, action.lower[:width], action.upper[:width])

    def _new_goal(self) -> None:
        axes, width = self._arm.axes, self._arm.width
        lower, upper = axes.lower[:width], axes.upper[:width]
        share = self._rng.uniform(0.2, 0.8, width)
        # Near enough to be reached now and then, also by joints with a wide range.
        reach = np.minimum(axes.velocity[:width], upper - lower)
        self._goal = np.clip(
            self._arm.position_X[:width] + (2.0 * share - 1.0) * reach, lower, upper
        )
