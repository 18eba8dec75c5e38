# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The robot's own command interface. Whoever has no Commander cannot move anything."""

import importlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.action import ActionClient
from rclpy.duration import Duration
from std_msgs.msg import Float64MultiArray

from hma_ros.core.embodiment import EmbodimentSpec, GripperSpec
from hma_ros.core.errors import ConfigError
from hma_ros.ros.command_msg import Setpoint, message_type, to_message
from hma_ros.ros.qos import COMMAND

Vector = NDArray[np.float64]
_FLUSH = Duration(seconds=0.3)
# How long a goal may stay without an answer, and a refused one is not repeated.
_ANSWER_S = 1.0


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

    def send(self, time_ns: int, target_D: Vector, quat_xyzw: tuple[float, ...] | None) -> None:
        """
        Command a target, to be reached one command period after ``time_ns``.

        :param target_D: ``float64[D]``.
        :param quat_xyzw: the measured orientation; the first one is kept. Tool poses wait for it
            where the embodiment gives none.
        """
        self._quat_xyzw = self._quat_xyzw or quat_xyzw
        before = target_D if self._last is None else self._last
        velocity_D = (target_D - before) * self._spec.rates.command_hz
        self._last = target_D
        self._publish(time_ns, target_D, velocity_D)

    def send_gripper(self, position: float | None) -> None:
        """Command the gripper to a position, in its own unit; None commands nothing."""
        if self._gripper is not None:
            self._gripper.send(position)

    def gripper_listens(self) -> bool:
        """Whether the gripper would take a new command now."""
        return self._gripper is None or self._gripper.listens()

    def gripper_refusal(self) -> str | None:
        """Return why the gripper refused a command, once; None if it did not."""
        return None if self._gripper is None else self._gripper.refusal()

    def gripper_absence(self) -> str | None:
        """Return why the gripper takes no commands at all; None if it does."""
        return None if self._gripper is None else self._gripper.absence()

    def halt(self, time_ns: int) -> None:
        """
        Send the last target once more, at rest, and wait until it is on the wire.

        Nothing is sent before the first target, or since :meth:`restart`.
        """
        if self._last is not None:
            self._publish(time_ns, self._last, np.zeros_like(self._last))
            for _, _, publisher in self._outputs:
                publisher.wait_for_all_acked(_FLUSH)

    def _publish(self, time_ns: int, target_D: Vector, velocity_D: Vector) -> None:
        for command, places, publisher in self._outputs:
            turn = command.orientation_xyzw or self._quat_xyzw or ()
            if command.interface == 'cartesian_pose' and not turn:
                # No orientation is made up: the pose waits until one was measured.
                continue
            setpoint = Setpoint(time_ns, target_D[places], velocity_D[places], turn)
            publisher.publish(to_message(command, setpoint))


class _TopicGripper:
    """A gripper that follows a position on a topic."""

    def __init__(self, node: Any, spec: GripperSpec) -> None:
        self._publisher = node.publisher(Float64MultiArray, spec.name, COMMAND)

    def send(self, position: float | None) -> None:
        if position is not None:
            # Repeated: a position is a state, and one that got lost would stay lost.
            self._publisher.publish(Float64MultiArray(data=[position]))

    def listens(self) -> bool:
        return True

    def refusal(self) -> str | None:
        return None

    def absence(self) -> str | None:
        return None


class GoalGripper:
    """
    A gripper that takes goals; each is sent once.

    :param node: an HmaNode.
    :param kind: the action type.
    :param name: the action.
    :param make_goal: from a position to the goal.
    """

    def __init__(self, node: Any, kind: Any, name: str, make_goal: Callable[[float], Any]) -> None:
        self._name, self._make_goal = name, make_goal
        self._sent: float | None = None
        self._quiet_until_s = 0.0
        self._refusal: str | None = None
        self._client = node.own(ActionClient(node, kind, name), lambda item: item.destroy())

    def send(self, position: float | None) -> None:
        """Send the goal, unless it is the one that was sent last; None forgets that one."""
        if position is None:
            self._sent = None
            return
        if position == self._sent or not self.listens():
            return
        self._sent, self._quiet_until_s = position, time.monotonic() + _ANSWER_S
        answer = self._client.send_goal_async(self._make_goal(position))
        answer.add_done_callback(partial(self._on_answer, position))

    def listens(self) -> bool:
        """Whether the server is there, and neither owes an answer nor has just refused."""
        return time.monotonic() >= self._quiet_until_s and self._client.server_is_ready()

    def refusal(self) -> str | None:
        """Return why the last goal was refused, once."""
        refusal, self._refusal = self._refusal, None
        return refusal

    def absence(self) -> str | None:
        """Return that there is no server; None if there is one."""
        if self._client.server_is_ready():
            return None
        return f'{self._name}: expected an action server of the gripper, got none'

    def _on_answer(self, position: float, answer: Any) -> None:
        if answer.result().accepted:
            self._quiet_until_s = 0.0
            return
        self._sent = None
        self._refusal = f'{self._name}: expected the goal {position:g} to be accepted, got refused'


def _goal(kind: Any, spec: GripperSpec, position: float) -> Any:
    goal = kind.Goal()
    if spec.interface == 'gripper_command':
        goal.command.position, goal.command.max_effort = position, spec.max_effort
        return goal
    goal.command.name = [spec.joint or '']
    goal.command.position, goal.command.effort = [position], [spec.max_effort]
    return goal


def _goal_gripper(node: Any, spec: GripperSpec) -> GoalGripper:
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
    return GoalGripper(node, kind, spec.name, partial(_goal, kind, spec))


def _gripper(node: Any, spec: GripperSpec) -> _TopicGripper | GoalGripper:
    if spec.interface == 'forward_position':
        return _TopicGripper(node, spec)
    return _goal_gripper(node, spec)
