# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What goes out to a robot: nothing made up, nothing twice, and a refusal is told."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped

from hma_ros.core.embodiment import load_embodiment
from hma_ros.ros import commander
from hma_ros.ros.commander import Commander, GoalGripper
from hma_ros.ros.qos import COMMAND

pytestmark = pytest.mark.ros
FRANKA = load_embodiment('sim_franka')


def test_tool_pose_waits_for_an_orientation(bench: Any) -> None:
    poses: list[PoseStamped] = []
    topic = FRANKA.commands[0].topic
    bench.world.create_subscription(PoseStamped, topic, poses.append, COMMAND)
    robot = Commander(bench, FRANKA)
    bench.until(lambda: bench.node.count_subscribers(topic) == 1, 'the listener')
    target = np.array([0.5, 0.0, 0.2])
    robot.send(1, target, None)
    robot.send(2, target, (1.0, 0.0, 0.0, 0.0))

    def said() -> bool:
        robot.send(3, target, None)
        return bool(poses)

    bench.until(said, 'a pose')
    assert poses[0].header.stamp.nanosec in (2, 3)
    assert poses[0].pose.orientation.x == 1.0


class Server:
    """Stands in for a gripper: the messages of its action come with no package index."""

    def __init__(self, *_arguments: object) -> None:
        self.is_ready, self.goals = False, list[float]()
        self._answered: Any = None

    def server_is_ready(self) -> bool:
        return self.is_ready

    def send_goal_async(self, goal: float) -> Any:
        self.goals.append(goal)
        return SimpleNamespace(add_done_callback=self._remember)

    def answer(self, accepted: bool) -> None:
        handle = SimpleNamespace(accepted=accepted)
        self._answered(SimpleNamespace(result=lambda: handle))

    def _remember(self, callback: Any) -> None:
        self._answered = callback


def test_goals_wait_for_the_server_go_out_once_and_a_refusal_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, clock = Server(), SimpleNamespace(monotonic=lambda: now_s)
    monkeypatch.setattr(commander, 'ActionClient', lambda *_: server)
    monkeypatch.setattr(commander, 'time', clock)
    now_s = 10.0
    owner = SimpleNamespace(own=lambda entity, _: entity)
    gripper = GoalGripper(owner, None, 'gripper', lambda position: position)
    gripper.send(0.08)
    assert not gripper.listens()
    assert gripper.absence() == 'gripper: expected an action server of the gripper, got none'
    assert server.goals == []
    server.is_ready = True
    assert gripper.listens()
    assert gripper.absence() is None
    gripper.send(0.08)
    gripper.send(0.08)
    assert server.goals == [0.08]
    assert not gripper.listens()
    server.answer(accepted=False)
    assert gripper.refusal() == 'gripper: expected the goal 0.08 to be accepted, got refused'
    assert gripper.refusal() is None
    assert not gripper.listens()
    now_s = 11.5
    gripper.send(0.08)
    server.answer(accepted=True)
    assert gripper.listens()
    gripper.send(0.08)
    assert server.goals == [0.08, 0.08]
    gripper.send(None)
    gripper.send(0.08)
    assert server.goals == [0.08, 0.08, 0.08]
