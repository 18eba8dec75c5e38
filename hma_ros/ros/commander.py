# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The robot's own command interface: nothing can be commanded without a Commander."""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.duration import Duration
from std_msgs.msg import Float64MultiArray

from hma_ros.core.control.guard import Motion
from hma_ros.core.embodiment import EmbodimentSpec, GripperSpec
from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import counted
from hma_ros.core.topics import COMMAND_TYPES
from hma_ros.ros import qos_overrides
from hma_ros.ros.action_servers import served_types
from hma_ros.ros.command_msg import Setpoint, message_type, to_message
from hma_ros.ros.interfaces import interface_class, type_name
from hma_ros.ros.publishers import node_names
from hma_ros.ros.qos import COMMAND

_FLUSH_S = 0.3
_FLUSH = Duration(seconds=_FLUSH_S)
# How long a goal may wait for its answer and its result, and how long after a fault none is sent.
_ANSWER_S, _RESULT_S, _PAUSE_S = 2.0, 10.0, 1.0
# Interfaces whose messages carry a time.
_STAMPED = ('cartesian_pose', 'joint_trajectory', 'joint_target')


class Commander:
    """
    Publishes commands.

    :param node: an HmaNode.
    :raises ConfigError: a message package of the embodiment is not installed, or somebody else
        publishes on a command topic.
    """

    def __init__(self, node: Any, spec: EmbodimentSpec) -> None:
        self._node, self._spec = node, spec
        self._accelerations = np.array(spec.limits.acceleration)
        kinds = [message_type(command) for command in spec.commands]
        self._topics = [node.resolve_topic_name(command.topic) for command in spec.commands]
        if spec.gripper is not None and not spec.gripper.takes_goals:
            self._topics.append(node.resolve_topic_name(spec.gripper.name))
        others = self._others(own=0)
        if others is not None:
            raise ConfigError(others)
        self._gripper = make_gripper(node, spec)
        self._outputs = [
            (
                command,
                [spec.action.coordinates.index(name) for name in command.coordinates],
                qos_overrides.publisher(node, kind, command.topic, COMMAND),
            )
            for command, kind in zip(spec.commands, kinds, strict=True)
        ]

    @property
    def gripper(self) -> 'Gripper | None':
        """What takes the gripper's commands; None without a gripper."""
        return self._gripper

    @property
    def is_stamped(self) -> bool:
        """Whether every command says when it is reached."""
        return all(command.interface in _STAMPED for command, _, _ in self._outputs)

    def close(self) -> None:
        """Wait until the last command is on the wire, and take the publishers down."""
        if self._gripper is not None:
            self._gripper.close()
        for _, _, publisher in self._outputs:
            publisher.wait_for_all_acked(_FLUSH)
            self._node.destroy_publisher(publisher)

    def send(self, time_ns: int, motion: Motion, quat_xyzw: tuple[float, ...] | None) -> None:
        """
        Command a motion.

        :param time_ns: when it is reached.
        :param motion: the axes; those of an orientation are in ``quat_xyzw`` too.
        """
        for command, places, publisher in self._outputs:
            setpoint = Setpoint(
                time_ns,
                motion.position_X[places],
                motion.velocity_X[places],
                self._accelerations[places],
                quat_xyzw or (),
            )
            publisher.publish(to_message(command, setpoint))

    def halt(self) -> None:
        """Stop the gripper where it is, if it can; the arm is commanded to rest."""
        if self._gripper is not None:
            self._gripper.halt()

    def intruder(self) -> str | None:
        """Return who else publishes on a command topic; None if nobody does."""
        return self._others(own=1)

    def _others(self, own: int) -> str | None:
        for topic in self._topics:
            if self._node.count_publishers(topic) <= own:
                continue
            publishers = self._node.get_publishers_info_by_topic(topic)
            return (
                f'{topic}: got {counted(len(publishers), "publisher")} '
                f'({node_names(publishers)[:200]}), expected this node alone; stop the others'
            )
        return None


class Gripper(Protocol):
    """What takes the gripper's commands."""

    def send(self, position: float | None) -> None:
        """Command a position, in its own unit; None commands nothing."""

    def listens(self) -> bool:
        """Whether it would take a new command now."""

    def halt(self) -> None:
        """Stop where it is, if it can."""

    def fault(self) -> str | None:
        """Return why the last command was not carried out, once; None if it was."""

    def has_arrived(self) -> bool:
        """Whether the last command was carried out, as far as it says."""

    def absence(self) -> str | None:
        """Return why it takes no commands at all; None if it does."""

    def close(self) -> None:
        """Take down what sends the commands."""


class _TopicGripper:
    """A gripper that follows a position on a topic."""

    def __init__(self, node: Any, spec: GripperSpec) -> None:
        self._node = node
        self._publisher = qos_overrides.publisher(node, Float64MultiArray, spec.name, COMMAND)

    def send(self, position: float | None) -> None:
        if position is not None:
            # Repeated: a lost message would otherwise stay lost.
            self._publisher.publish(Float64MultiArray(data=[position]))

    def listens(self) -> bool:
        return True

    def halt(self) -> None:
        """Do nothing: its controller goes where it was told."""

    def fault(self) -> str | None:
        return None

    def has_arrived(self) -> bool:
        return True

    def absence(self) -> str | None:
        return None

    def close(self) -> None:
        self._node.destroy_publisher(self._publisher)


class _Goal:
    """A goal that was sent, and what came back."""

    def __init__(self, position: float) -> None:
        self.position, self._sent_s, self.is_accepted = position, time.monotonic(), False

    def silence(self) -> str | None:
        """Return what is overdue; None if nothing is."""
        waited_s = time.monotonic() - self._sent_s
        if not self.is_accepted:
            return f'got no answer within {_ANSWER_S:g} s' if waited_s >= _ANSWER_S else None
        return f'got no result within {_RESULT_S:g} s' if waited_s >= _RESULT_S else None


class GoalGripper:
    """
    A gripper that takes goals; each is sent once, and its result is asked for.

    A goal that ends before its position is a grasp if the gripper says that it stalled, and a
    fault if it does not; so is one that nobody answers or ends, or whose server goes. Nothing here
    waits for the server.

    :param node: an HmaNode.
    :param kind: the action type.
    :param name: the action.
    :param make_goal: from a position to the goal.
    """

    def __init__(self, node: Any, kind: Any, name: str, make_goal: Callable[[float], Any]) -> None:
        self._node, self._kind, self._name, self._make_goal = node, kind, name, make_goal
        self._sent: float | None = None
        # The newest goal, if it is under way; whether the last one was carried out.
        self._goal: _Goal | None = None
        self._has_arrived = False
        # All accepted goals that have not ended: a newer one may be refused, and replace nothing.
        self._running: list[Any] = []
        # Goals that have no answer yet, those that nobody waits for any more among them.
        self._unanswered = 0
        self._quiet_until_s, self._canceled_s = 0.0, -math.inf
        self._fault: str | None = None
        self._client = ActionClient(node, kind, name)

    def close(self) -> None:
        """Cancel what is under way, and take the client down."""
        self.halt()
        if self._unanswered:
            # The client stays, and ends with the node: what is accepted yet is cancelled then.
            return
        # No client says that a request arrived, and one that is destroyed at once is lost.
        time.sleep(max(0.0, self._canceled_s + _FLUSH_S - time.monotonic()))
        self._client.destroy()

    def send(self, position: float | None) -> None:
        """Send the goal, unless it is the one that was sent last; None forgets that one."""
        if position == self._sent:
            return
        self._sent = position
        if position is None:
            return
        self._goal, self._has_arrived = (goal := _Goal(position)), False
        self._unanswered += 1
        answer = self._client.send_goal_async(self._make_goal(position))
        answer.add_done_callback(partial(self._on_answer, goal))

    def listens(self) -> bool:
        """Whether the server is there, did not just fail a goal, and owes no answer."""
        owes_answer = self._goal is not None and not self._goal.is_accepted
        is_quiet = time.monotonic() < self._quiet_until_s
        return not (owes_answer or is_quiet) and self._client.server_is_ready()

    def halt(self) -> None:
        """Cancel what is under way."""
        self._goal = self._sent = None
        while self._running:
            self._cancel(self._running.pop())

    def fault(self) -> str | None:
        """Return why the last goal was not carried out, once; it may be sent again then."""
        if self._goal is not None:
            lost = None if self._client.server_is_ready() else 'lost its server'
            if (why := lost or self._goal.silence()) is not None:
                self._fail(self._goal, why)
        fault, self._fault = self._fault, None
        if fault is not None:
            self._sent = None
        return fault

    def has_arrived(self) -> bool:
        """Whether the last goal was reached, or ended as a grasp."""
        return self._has_arrived

    def absence(self) -> str | None:
        """Return that there is no server, or one of another type; None if there is one."""
        if self._client.server_is_ready():
            return None
        expected = type_name(self._kind)
        if others := set(served_types(self._node, self._name)) - {expected}:
            got = ', '.join(sorted(others))
            return (
                f'{self._name}: got an action server of {got}, expected {expected}; '
                'correct gripper.interface'
            )
        return f'{self._name}: got no action server, expected that of the gripper; start it'

    def _on_answer(self, goal: _Goal, answer: Any) -> None:
        self._unanswered -= 1
        handle = answer.result()
        if goal is not self._goal:
            # It comes too late: nobody wants it any more.
            if handle.accepted:
                self._cancel(handle)
        elif not handle.accepted:
            self._fail(goal, 'was refused')
        else:
            goal.is_accepted = True
            self._running.append(handle)
            handle.get_result_async().add_done_callback(partial(self._on_result, goal, handle))

    def _on_result(self, goal: _Goal, handle: Any, answer: Any) -> None:
        if handle in self._running:
            self._running.remove(handle)
        # A newer goal replaces the one before, which is not a fault.
        if goal is not self._goal:
            return
        self._goal, response = None, answer.result()
        is_done = response.status == GoalStatus.STATUS_SUCCEEDED
        self._has_arrived = is_done or response.result.stalled
        if not self._has_arrived:
            self._fail(goal, f'ended with status {response.status} without a stall')

    def _cancel(self, handle: Any) -> None:
        handle.cancel_goal_async()
        self._canceled_s = time.monotonic()

    def _fail(self, goal: _Goal, why: str) -> None:
        self._goal, self._quiet_until_s = None, time.monotonic() + _PAUSE_S
        self._fault = (
            f'{self._name}: the goal {goal.position:g} {why}, expected it to be carried out'
        )


def _goal(kind: Any, spec: GripperSpec, position: float) -> Any:
    goal = kind.Goal()
    if spec.interface == 'gripper_command':
        goal.command.position, goal.command.max_effort = position, spec.max_effort
        return goal
    goal.command.name = [spec.joint or '']
    goal.command.position, goal.command.effort = [position], [spec.max_effort]
    return goal


def _goal_gripper(node: Any, spec: GripperSpec) -> GoalGripper:
    kind = interface_class(COMMAND_TYPES[spec.interface], 'gripper.interface')
    return GoalGripper(node, kind, spec.name, partial(_goal, kind, spec))


def make_gripper(node: Any, spec: EmbodimentSpec) -> Gripper | None:
    """
    Make what commands the gripper; None without one.

    :raises ConfigError: a message package is not installed.
    """
    if spec.gripper is None:
        return None
    make = _goal_gripper if spec.gripper.takes_goals else _TopicGripper
    return make(node, spec.gripper)
