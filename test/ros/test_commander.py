# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What goes out to a robot: from one node alone, and what a gripper made of its goal."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from geometry_msgs.msg import PoseStamped

from hma_ros.core.control.guard import Motion
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.ros import commander
from hma_ros.ros.commander import Commander, GoalGripper
from hma_ros.ros.qos import COMMAND

pytestmark = pytest.mark.ros
FRANKA = load_embodiment('sim_franka')
TOPIC = FRANKA.commands[0].topic


def test_tool_pose_has_place_and_orientation(bench: Any) -> None:
    poses: list[PoseStamped] = []
    bench.world.create_subscription(PoseStamped, TOPIC, poses.append, COMMAND)
    robot = Commander(bench, FRANKA)
    bench.until(lambda: bench.node.count_subscribers(TOPIC) == 1, 'the listener')
    motion = Motion(np.array([0.5, 0.0, 0.2, 0.1, 0.0, 0.0]), np.zeros(6))

    def said() -> bool:
        robot.send(1, motion, (1.0, 0.0, 0.0, 0.0))
        return bool(poses)

    bench.until(said, 'a pose')
    assert (poses[0].header.frame_id, poses[0].header.stamp.nanosec) == ('base', 1)
    assert (poses[0].pose.position.x, poses[0].pose.position.z) == (0.5, 0.2)
    assert poses[0].pose.orientation.x == 1.0


def test_no_other_publisher_of_a_command_topic_is_accepted(bench: Any) -> None:
    robot = Commander(bench, FRANKA)
    assert robot.intruder() is None
    bench.world.create_publisher(PoseStamped, TOPIC, COMMAND)
    bench.until(robot.intruder, 'the other one')
    assert robot.intruder() == (
        f'/{TOPIC}: got 2 publishers (/bench, /world), expected this node alone; stop the others'
    )
    robot.close()
    bench.until(lambda: bench.node.count_publishers(TOPIC) == 1, 'the other one alone')
    with pytest.raises(
        ConfigError, match=r'got 1 publishers \(/world\), expected this node alone'
    ):
        Commander(bench, FRANKA)


class Server:
    """Stands in for a gripper: the messages of its action come with no package index."""

    def __init__(self) -> None:
        self.is_ready, self.goals = True, list[float]()
        self._answered: Any = None
        self._ended: Any = None

    def server_is_ready(self) -> bool:
        return self.is_ready

    def send_goal_async(self, goal: float) -> Any:
        self.goals.append(goal)
        return SimpleNamespace(add_done_callback=lambda call: setattr(self, '_answered', call))

    def answer(self, accepted: bool) -> None:
        future = SimpleNamespace(add_done_callback=lambda call: setattr(self, '_ended', call))
        handle = SimpleNamespace(accepted=accepted, get_result_async=lambda: future)
        self._answered(SimpleNamespace(result=lambda: handle))

    def end(self, status: int, **result: object) -> None:
        response = SimpleNamespace(status=status, result=SimpleNamespace(**result))
        self._ended(SimpleNamespace(result=lambda: response))


class Hand:
    """A gripper with its server, and the time."""

    def __init__(self) -> None:
        self.server, self.now_s = Server(), 10.0
        self.gripper: Any = None

    def carry_out(self, position: float) -> None:
        self.gripper.send(position)
        self.server.answer(accepted=True)


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    made = Hand()
    monkeypatch.setattr(commander, 'ActionClient', lambda *_: made.server)
    monkeypatch.setattr(commander, 'time', SimpleNamespace(monotonic=lambda: made.now_s))
    owner = SimpleNamespace(own=lambda entity, _: entity)
    made.gripper = GoalGripper(owner, None, 'gripper', lambda position: position)
    return made


def test_goals_wait_for_the_server_and_go_out_once(hand: Hand) -> None:
    hand.server.is_ready = False
    hand.gripper.send(0.08)
    assert not hand.gripper.listens()
    assert hand.gripper.absence() == (
        'gripper: got no action server, expected that of the gripper; start it'
    )
    hand.server.is_ready = True
    assert hand.gripper.absence() is None
    hand.carry_out(0.08)
    hand.gripper.send(0.08)
    assert hand.server.goals == [0.08]
    hand.gripper.send(None)
    hand.gripper.send(0.08)
    assert hand.server.goals == [0.08, 0.08]


def test_refused_goal_is_a_fault_once_and_repeated_a_second_later(hand: Hand) -> None:
    hand.gripper.send(0.08)
    assert not hand.gripper.listens()
    hand.server.answer(accepted=False)
    assert hand.gripper.fault() == (
        'gripper: the goal 0.08 was refused, expected it to be carried out'
    )
    assert hand.gripper.fault() is None
    hand.gripper.send(0.08)
    assert hand.server.goals == [0.08]
    hand.now_s += 1.0
    hand.carry_out(0.08)
    assert hand.server.goals == [0.08, 0.08]
    assert hand.gripper.listens()


@pytest.mark.parametrize(
    ('status', 'result', 'fault'),
    [
        (GoalStatus.STATUS_SUCCEEDED, {'stalled': False}, None),
        (GoalStatus.STATUS_ABORTED, {'stalled': True}, None),
        (GoalStatus.STATUS_ABORTED, {'stalled': False}, 'ended with status 6 without a stall'),
        (GoalStatus.STATUS_CANCELED, {}, 'ended with status 5 without a stall'),
    ],
)
def test_goal_that_ends_early_is_a_grasp_if_it_stalled_and_a_fault_if_not(
    hand: Hand, status: int, result: dict[str, object], fault: str | None
) -> None:
    hand.carry_out(0.0)
    hand.server.end(status, **result)
    text = f'gripper: the goal 0 {fault}, expected it to be carried out'
    assert hand.gripper.fault() == (text if fault else None)


def test_goal_that_a_newer_one_replaced_is_no_fault(hand: Hand) -> None:
    hand.carry_out(0.0)
    ended = hand.server.end
    hand.gripper.send(0.08)
    ended(GoalStatus.STATUS_ABORTED, stalled=False)
    assert hand.gripper.fault() is None
