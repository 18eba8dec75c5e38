# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The robot's own command interface. Whoever has no Commander cannot move anything."""

import importlib
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.action import ActionClient
from rclpy.duration import Duration
from std_msgs.msg import Float64MultiArray

from hma_ros.core.embodiment import EmbodimentSpec, GripperSpec
from hma_ros.core.errors import ConfigError
from hma_ros.core.gripper import GripperSwitch
from hma_ros.ros.command_msg import Setpoint, message_type, to_message
from hma_ros.ros.qos import COMMAND

Vector = NDArray[np.float64]
_FLUSH = Duration(seconds=0.3)
_LEVEL = (0.0, 0.0, 0.0, 1.0)


class Commander:
    """
    Publishes commands.

    :param node: an HmaNode.
    :raises ConfigError: a message package of the embodiment is not installed.
    """

    def __init__(self, node: Any, spec: EmbodimentSpec) -> None:
        self._spec = spec
        self._outputs = [
            (
                command,
                [spec.action.coordinates.index(name) for name in command.coordinates],
                node.publisher(message_type(command), command.topic, COMMAND),
            )
            for command in spec.commands
        ]
        self._gripper = None if spec.gripper is None else _gripper(node, spec.gripper)
        self._quat_xyzw: tuple[float, ...] | None = None
        self._last: Vector | None = None

    def restart(self) -> None:
        """Start anew where the robot is."""
        self._quat_xyzw, self._last = None, None
        if self._gripper is not None:
            self._gripper.restart()

    def send(self, time_ns: int, target_D: Vector, quat_xyzw: tuple[float, ...] | None) -> None:
        """
        Command a target, to be reached one command period after ``time_ns``.

        :param target_D: ``float64[D]``.
        :param quat_xyzw: the measured orientation; the first one is kept.
        """
        self._quat_xyzw = self._quat_xyzw or quat_xyzw
        before = target_D if self._last is None else self._last
        velocity_D = (target_D - before) * self._spec.rates.command_hz
        self._last = target_D
        self._publish(time_ns, target_D, velocity_D)

    def send_gripper(self, value: float | None, time_ns: int) -> None:
        """Tell the gripper the model's value."""
        if self._gripper is not None:
            self._gripper.send(value, time_ns)

    def halt(self, time_ns: int) -> None:
        """Send the last target once more, at rest, and wait until it is on the wire."""
        if self._last is not None:
            self._publish(time_ns, self._last, np.zeros_like(self._last))
            for _, _, publisher in self._outputs:
                publisher.wait_for_all_acked(_FLUSH)

    def _publish(self, time_ns: int, target_D: Vector, velocity_D: Vector) -> None:
        for command, places, publisher in self._outputs:
            turn = command.orientation_xyzw or self._quat_xyzw or _LEVEL
            setpoint = Setpoint(time_ns, target_D[places], velocity_D[places], turn)
            publisher.publish(to_message(command, setpoint))


class _TopicGripper:
    """A gripper that follows a position on a topic."""

    def __init__(self, node: Any, spec: GripperSpec) -> None:
        self._switch = GripperSwitch(spec)
        self._publisher = node.publisher(Float64MultiArray, spec.name, COMMAND)

    def restart(self) -> None:
        self._switch.reset()

    def send(self, value: float | None, time_ns: int) -> None:
        self._switch.update(value, time_ns)
        if self._switch.position is not None:
            # Repeated: a position is a state, and one that got lost would stay lost.
            self._publisher.publish(Float64MultiArray(data=[self._switch.position]))


class _ActionGripper:
    """A gripper that takes goals; each is sent once."""

    def __init__(self, node: Any, spec: GripperSpec) -> None:
        self._spec = spec
        self._switch = GripperSwitch(spec)
        name = {
            'gripper_command': 'GripperCommand',
            'parallel_gripper_command': 'ParallelGripperCommand',
        }[spec.interface]
        try:
            kind = getattr(importlib.import_module('control_msgs.action'), name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f'{spec.name}: expected control_msgs/action/{name} to be installed, got: {error}'
            ) from error
        self._make_goal = partial(_goal, kind, spec)
        self._client = node.own(ActionClient(node, kind, spec.name), lambda item: item.destroy())

    def restart(self) -> None:
        self._switch.reset()

    def send(self, value: float | None, time_ns: int) -> None:
        position = self._switch.update(value, time_ns)
        if position is not None:
            self._client.send_goal_async(self._make_goal(position))


def _goal(kind: Any, spec: GripperSpec, position: float) -> Any:
    goal = kind.Goal()
    if spec.interface == 'gripper_command':
        goal.command.position, goal.command.max_effort = position, spec.max_effort
        return goal
    goal.command.name = [spec.joint or '']
    goal.command.position, goal.command.effort = [position], [spec.max_effort]
    return goal


def _gripper(node: Any, spec: GripperSpec) -> _TopicGripper | _ActionGripper:
    if spec.interface == 'forward_position':
        return _TopicGripper(node, spec)
    return _ActionGripper(node, spec)
