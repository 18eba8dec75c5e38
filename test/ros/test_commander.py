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
    with pytest.raises(ConfigError, match=r'got 1 publisher \(/world\), expected this node alone'):
        Commander(bench, FRANKA)


class Server:
    """Stands in for a gripper whose answers come when the test says so."""

    def __init__(self) -> None:
        self.is_ready, self.goals, self.canceled = True, list[float](), list[float]()
        self.is_there = True
        self._answers = list[Any]()
        self._ends = list[Any]()

    def server_is_ready(self) -> bool:
        return self.is_ready

    def send_goal_async(self, goal: float) -> Any:
        self.goals.append(goal)
        return SimpleNamespace(add_done_callback=self._answers.append)

    def answer(self, accepted: bool, number: int = -1) -> None:
        goal = self.goals[number]
        handle = SimpleNamespace(
            accepted=accepted,
            get_result_async=lambda: SimpleNamespace(add_done_callback=self._ends.append),
            cancel_goal_async=lambda: self._cancel(goal),
        )
        self._answers[number](SimpleNamespace(result=lambda: handle))

    def destroy(self) -> None:
        self.is_there = False

    def _cancel(self, goal: float) -> None:
        # rclpy raises there.
        assert self.is_there
        self.canceled.append(goal)

    def end(self, status: int, stalled: bool = False, number: int = -1) -> None:
        response = SimpleNamespace(status=status, result=SimpleNamespace(stalled=stalled))
        self._ends[number](SimpleNamespace(result=lambda: response))


class Hand:
    """A gripper with its server, and the time."""

    def __init__(self) -> None:
        self.server, self.now_s = Server(), 10.0
        self.gripper: Any = None

    def pass_time(self, duration_s: float) -> None:
        self.now_s += duration_s

    def carry_out(self, position: float) -> None:
        self.gripper.send(position)
        self.server.answer(accepted=True)


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    made = Hand()
    monkeypatch.setattr(commander, 'ActionClient', lambda *_: made.server)
    clock = SimpleNamespace(monotonic=lambda: made.now_s, sleep=made.pass_time)
    monkeypatch.setattr(commander, 'time', clock)
    made.gripper = GoalGripper(None, None, 'gripper', lambda position: position)
    return made


def test_goals_go_out_once_and_none_while_one_waits_for_its_answer(hand: Hand) -> None:
    hand.server.is_ready = False
    assert not hand.gripper.listens()
    hand.server.is_ready = True
    hand.gripper.send(0.08)
    assert not hand.gripper.listens()
    hand.server.answer(accepted=True)
    assert hand.gripper.listens()
    hand.gripper.send(0.08)
    assert hand.server.goals == [0.08]
    hand.gripper.send(None)
    hand.gripper.send(0.08)
    assert hand.server.goals == [0.08, 0.08]


def test_refused_goal_is_a_fault_once_and_none_follows_for_a_second(hand: Hand) -> None:
    hand.gripper.send(0.08)
    hand.server.answer(accepted=False)
    assert hand.gripper.fault() == (
        'gripper: the goal 0.08 was refused, expected it to be carried out'
    )
    assert hand.gripper.fault() is None
    assert not hand.gripper.listens()
    hand.now_s += 1.0
    assert hand.gripper.listens()
    hand.carry_out(0.08)
    assert hand.server.goals == [0.08, 0.08]


@pytest.mark.parametrize(
    ('status', 'stalled', 'fault'),
    [
        (GoalStatus.STATUS_SUCCEEDED, False, None),
        (GoalStatus.STATUS_ABORTED, True, None),
        (GoalStatus.STATUS_ABORTED, False, 'ended with status 6 without a stall'),
        (GoalStatus.STATUS_CANCELED, False, 'ended with status 5 without a stall'),
    ],
)
def test_goal_that_ends_early_is_a_grasp_if_it_stalled_and_a_fault_if_not(
    hand: Hand, status: int, stalled: bool, fault: str | None
) -> None:
    hand.carry_out(0.0)
    assert not hand.gripper.has_arrived()
    hand.server.end(status, stalled)
    text = f'gripper: the goal 0 {fault}, expected it to be carried out'
    assert hand.gripper.fault() == (text if fault else None)
    assert hand.gripper.has_arrived() == (fault is None)


def test_goal_that_newer_ones_replaced_is_no_fault_whatever_they_are(hand: Hand) -> None:
    for position in (0.0, 0.08, 0.0):
        hand.carry_out(position)
    hand.server.end(GoalStatus.STATUS_ABORTED, number=0)
    hand.server.end(GoalStatus.STATUS_ABORTED, number=1)
    assert hand.gripper.fault() is None
    hand.server.end(GoalStatus.STATUS_SUCCEEDED)
    assert hand.gripper.has_arrived()


def test_goal_accepted_too_late_is_cancelled(hand: Hand) -> None:
    hand.gripper.send(0.08)
    hand.now_s += 2.0
    assert 'the goal 0.08 got no answer within 2 s' in hand.gripper.fault()
    hand.server.answer(accepted=True)
    assert hand.server.canceled == [0.08]
    assert not hand.gripper.has_arrived()


@pytest.mark.parametrize('is_answered', [True, False])
def test_halt_cancels_the_goal_as_soon_as_it_is_accepted(hand: Hand, is_answered: bool) -> None:
    hand.gripper.send(0.08)
    if is_answered:
        hand.server.answer(accepted=True)
    hand.gripper.halt()
    if not is_answered:
        hand.server.answer(accepted=True)
    assert hand.server.canceled == [0.08]
    if is_answered:
        hand.server.end(GoalStatus.STATUS_CANCELED)
    assert hand.gripper.fault() is None


@pytest.mark.parametrize('newer', ['refused', 'unanswered', 'without a result'])
def test_halt_cancels_an_earlier_goal_that_still_runs(hand: Hand, newer: str) -> None:
    hand.carry_out(0.08)
    if newer == 'without a result':
        hand.now_s += 10.0
        assert 'got no result' in (hand.gripper.fault() or '')
    else:
        hand.gripper.send(0.0)
    if newer == 'refused':
        hand.server.answer(accepted=False)
    hand.gripper.halt()
    hand.gripper.halt()
    assert hand.server.canceled == [0.08]


def test_goal_that_has_ended_is_not_cancelled(hand: Hand) -> None:
    hand.carry_out(0.08)
    hand.server.end(GoalStatus.STATUS_SUCCEEDED)
    hand.gripper.halt()
    assert hand.server.canceled == []


@pytest.mark.parametrize(('age_s', 'wait_s'), [(0.0, 0.3), (0.2, 0.1), (1.0, 0.0)])
def test_client_stays_until_a_cancel_before_is_on_the_wire(
    hand: Hand, age_s: float, wait_s: float
) -> None:
    hand.carry_out(0.08)
    hand.gripper.halt()
    hand.now_s += age_s
    before_s = hand.now_s
    hand.gripper.close()
    assert hand.now_s - before_s == pytest.approx(wait_s)
    assert not hand.server.is_there


@pytest.mark.parametrize('waited_s', [0.0, 5.0])
def test_goal_that_is_accepted_after_the_end_is_cancelled(hand: Hand, waited_s: float) -> None:
    hand.gripper.send(0.08)
    hand.now_s += waited_s
    hand.gripper.fault()
    hand.gripper.close()
    hand.server.answer(accepted=True)
    assert hand.server.canceled == [0.08]
