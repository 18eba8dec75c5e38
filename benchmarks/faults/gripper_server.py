# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A gripper that takes goals, in a process of its own; it does with them what it is told.

``python -m benchmarks.faults.gripper_server gripper_command NAME``
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from typing import Any

import rclpy
from action_msgs.msg import GoalStatus
from control_msgs.action import GripperCommand, ParallelGripperCommand
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from std_msgs.msg import String

from hma_ros.core.parent_process import follow_parent
from hma_ros.ros.qos import LATCHED, REPORT

KINDS = {
    'gripper_command': GripperCommand,
    'parallel_gripper_command': ParallelGripperCommand,
}
NODE = 'gripper_server'
BEHAVIOUR, EVENTS = f'{NODE}/behaviour', f'{NODE}/events'
# By what it does with a goal: how long it moves [s], and how the goal ends.
_MOTIONS = {
    'reach': (0.15, 'succeeded'),
    'stall': (0.15, 'stalled'),
    'abort': (0.15, 'aborted'),
    'creep': (1e9, 'succeeded'),
    'refuse': (0.0, ''),
}
_TICK_S = 0.01
# Longer between two turns is a pause; so long after one, what is heard may have waited in it.
_PAUSE_S, _BACKLOG_S = 0.05, 1.0


class GripperServer(Node):
    """
    Serves goals; a new one replaces the one before, as in the controllers of ros2_control.

    It tells of each goal when it was heard at the latest and sent at the earliest, and how it
    ended, by the steady clock.

    :param interface: as ``gripper.interface`` of an embodiment.
    :param name: of the action.
    """

    def __init__(self, interface: str, name: str) -> None:
        super().__init__(NODE)
        self._kind, self._behaviour = KINDS[interface], 'reach'
        self._running: tuple[Any, Future, float] | None = None
        self._turn_s = self._since_s = self._woke_s = time.monotonic()
        self._events = self.create_publisher(String, EVENTS, REPORT)
        self.create_subscription(String, BEHAVIOUR, self._on_behaviour, LATCHED)
        self.create_timer(_TICK_S, self._tick)
        self._server = ActionServer(
            self,
            self._kind,
            name,
            self._execute,
            goal_callback=self._on_goal,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    def turn(self) -> None:
        """Note the time; what waited while this process did not run is heard soon after."""
        before_s, self._turn_s = self._turn_s, time.monotonic()
        if before_s - self._woke_s > _BACKLOG_S:
            self._since_s = before_s
        if self._turn_s - before_s > _PAUSE_S:
            self._woke_s = self._turn_s

    def _on_behaviour(self, message: Any) -> None:
        self._behaviour = message.data

    def _on_goal(self, request: Any) -> Any:
        refuses = self._behaviour == 'refuse'
        self._tell('refused' if refuses else 'goal', request)
        return GoalResponse.REJECT if refuses else GoalResponse.ACCEPT

    async def _execute(self, handle: Any) -> Any:
        moves_s, end = _MOTIONS[self._behaviour]
        if self._running is not None:
            self._end('superseded')
        ended = Future()
        self._running = handle, ended, time.monotonic() + moves_s
        end = await ended or end
        if end == 'canceled':
            handle.canceled()
        elif end == 'succeeded':
            handle.succeed()
        else:
            handle.abort()
        self._tell(end, handle.request)
        result = self._kind.Result()
        result.stalled, result.reached_goal = end == 'stalled', end == 'succeeded'
        return result

    def _tick(self) -> None:
        if self._running is None:
            return
        handle, _, until_s = self._running
        if handle.status == GoalStatus.STATUS_CANCELING:
            self._end('canceled')
        elif time.monotonic() >= until_s:
            self._end('')

    def _end(self, how: str) -> None:
        if self._running is not None:
            _, ended, _ = self._running
            self._running = None
            ended.set_result(how)

    def _tell(self, what: str, goal: Any) -> None:
        command = goal.command
        position = command.position if hasattr(command, 'max_effort') else command.position[0]
        effort = command.max_effort if hasattr(command, 'max_effort') else command.effort[0]
        event = {
            'what': what,
            'position': position,
            'effort': effort,
            'heard_s': time.monotonic(),
            'since_s': self._since_s,
        }
        self._events.publish(String(data=json.dumps(event)))


def main() -> None:
    """Serve until a signal; the handlers of rclpy would end the context within a callback."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    follow_parent()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = GripperServer(*sys.argv[1:])
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not ended.is_set():
        node.turn()
        executor.spin_once(timeout_sec=_TICK_S)
    rclpy.shutdown()


if __name__ == '__main__':
    main()
