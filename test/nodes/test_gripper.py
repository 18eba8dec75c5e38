# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A gripper that takes goals, in another process: what the executor makes of all it can do."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from std_srvs.srv import Trigger

from benchmarks.faults.gripper_process import GripperProcess, has_actions
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.msg import ActionChunk
from hma_ros.ros.chunk_msg import from_actions
from hma_ros.ros.qos import REPORT, SENSOR_OUT
from hma_ros.ros.stamps import to_stamp

pytestmark = [
    pytest.mark.ros,
    pytest.mark.skipif(not has_actions(), reason='control_msgs is not installed'),
]
TYPES = {
    'gripper_command': 'control_msgs/action/GripperCommand',
    'parallel_gripper_command': 'control_msgs/action/ParallelGripperCommand',
}
KINDS = tuple(TYPES)
OPEN, CLOSED = 0.08, 0.0
REPORTS = 'action_executor/executed'


def robot_with(interface: str, folder: Path, interval_s: float = 0.3) -> EmbodimentSpec:
    """Write the simulated Franka with a gripper that takes goals."""
    facts = yaml.safe_load(Path(load_embodiment('sim_franka').path).read_text())
    facts['gripper'] |= {
        'interface': interface,
        'name': 'hand/gripper_cmd',
        'max_effort': 20.0,
        'min_interval_s': interval_s,
    }
    path = folder / 'sim_franka.yaml'
    path.write_text(yaml.safe_dump(facts))
    return load_embodiment(str(path))


class Hand:
    """A Franka that stands still, a model that only opens and closes, and the gripper."""

    def __init__(self, system: Any, spec: EmbodimentSpec) -> None:
        assert spec.gripper is not None
        assert spec.state.pose is not None
        self.system, self.spec, self.wants = system, spec, 1.0
        node = system.node
        self._poses = node.create_publisher(PoseStamped, spec.state.pose.topic, SENSOR_OUT)
        self._chunks = node.create_publisher(ActionChunk, 'world_model/action_chunk', REPORT)
        self._pose = PoseStamped()
        self._pose.header.frame_id = spec.state.pose.frame_id
        place = self._pose.pose.position
        place.x, place.y, place.z = np.mean(
            [spec.limits.lower, spec.limits.upper], axis=0
        ).tolist()
        self._pose.pose.orientation.x, self._pose.pose.orientation.w = 1.0, 0.0
        system.watch(DiagnosticArray, '/diagnostics')
        system.watch(ActionChunk, REPORTS)
        system.watch(PoseStamped, spec.commands[0].topic)
        node.create_timer(0.02, self._measure)
        node.create_timer(spec.rates.frame_dt_s, self._ask)
        self.gripper = GripperProcess(system, spec.gripper)

    def begin(self, **parameters: object) -> Any:
        """Start the gripper and an executor that commands."""
        self.gripper.start()
        return self.command(**parameters)

    def command(self, **parameters: object) -> Any:
        given = {'mode': 'execute', 'discovery_s': 0.3, 'autostart': True, **parameters}
        return self.system.spawn('action_executor', embodiment=self.spec.path, **given)

    def until_event(self, what: str, position: float) -> None:
        """Wait for a new event."""
        before = self.gripper.positions(what).count(position)
        self.system.until(
            lambda: self.gripper.positions(what).count(position) > before, f'{what} {position}'
        )

    def until_fault(self, text: str) -> None:
        def is_told() -> bool:
            message = self.system.last.get('/diagnostics')
            status = message.status[0] if message else DiagnosticStatus()
            return status.level == DiagnosticStatus.ERROR and text in status.message

        self.system.until(is_told, text)

    def until_reported(self, grip: float | None, times: int = 3) -> None:
        """Wait until some reports in turn say so of the gripper; None for unknown."""
        seen, count = 0, self.system.counts.get(REPORTS, 0)

        def is_told() -> bool:
            nonlocal seen, count
            if self.system.counts.get(REPORTS, 0) > count:
                count = self.system.counts[REPORTS]
                message = self.system.last[REPORTS]
                got = message.actions[-1] if message.horizon else None
                seen = seen + 1 if got == grip else 0
            return seen >= times

        self.system.until(is_told, f'reports of {grip}')

    def until_commanded(self, times: int = 20) -> None:
        """Wait for commands of the arm."""
        topic = self.spec.commands[0].topic
        before = self.system.counts.get(topic, 0)
        self.system.until(lambda: self.system.counts.get(topic, 0) > before + times, 'commands')

    def call(self, name: str) -> bool:
        return bool(
            self.system.call(Trigger, f'action_executor/{name}', Trigger.Request()).success
        )

    def now_ns(self) -> int:
        return int(self.system.node.get_clock().now().nanoseconds)

    def _measure(self) -> None:
        self._pose.header.stamp = to_stamp(self.now_ns())
        self._poses.publish(self._pose)

    def _ask(self) -> None:
        actions = np.zeros((self.spec.rates.stride, len(self.spec.action.names)))
        actions[:, -1] = self.wants
        self._chunks.publish(from_actions(self.spec, self.now_ns() - 30_000_000, actions))


@pytest.fixture(params=KINDS)
def hand(request: Any, system: Any, tmp_path: Path) -> Iterator[Hand]:
    made = Hand(system, robot_with(request.param, tmp_path))
    yield made
    made.gripper.close()


@pytest.fixture
def simple_hand(system: Any, tmp_path: Path) -> Iterator[Hand]:
    made = Hand(system, robot_with(KINDS[0], tmp_path))
    yield made
    made.gripper.close()


def test_goals_are_sent_once_and_reached(hand: Hand) -> None:
    hand.begin()
    hand.until_event('succeeded', OPEN)
    hand.until_reported(1.0)
    hand.wants = -1.0
    hand.until_event('succeeded', CLOSED)
    hand.until_reported(-1.0)
    assert hand.gripper.positions('goal') == [OPEN, CLOSED]
    assert {event.effort for event in hand.gripper.events} == {20.0}
    assert hand.gripper.positions('refused', 'aborted', 'superseded', 'canceled') == []


def test_goal_that_stalls_is_a_grasp(hand: Hand) -> None:
    hand.gripper.behave('stall')
    hand.wants = -1.0
    hand.begin()
    hand.until_event('stalled', CLOSED)
    hand.until_reported(-1.0)
    assert 'without a stall' not in hand.system.log('action_executor')
    assert hand.gripper.positions('goal') == [CLOSED]


@pytest.mark.parametrize(
    ('behaviour', 'event', 'fault'),
    [
        ('abort', 'aborted', 'the goal 0.08 ended with status 6 without a stall'),
        ('refuse', 'refused', 'the goal 0.08 was refused'),
    ],
)
def test_goal_that_failed_is_an_error_unknown_to_the_model_and_repeated(
    hand: Hand, behaviour: str, event: str, fault: str
) -> None:
    hand.gripper.behave(behaviour)
    hand.begin()
    hand.until_event(event, OPEN)
    hand.until_fault(fault)
    hand.until_event(event, OPEN)
    # Unknown until one is carried out, also while it is tried again.
    hand.until_reported(None, times=15)
    hand.gripper.behave('reach')
    hand.until_event('succeeded', OPEN)
    hand.until_reported(1.0)
    hand.system.until_logged('action_executor', 'cleared: gripper faults')


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_server_that_dies_before_the_result_is_an_error(
    simple_hand: Hand, number: signal.Signals
) -> None:
    hand = simple_hand
    hand.gripper.behave('creep')
    hand.begin()
    hand.until_event('goal', OPEN)
    hand.gripper.send_signal(number)
    # One that is killed counts as there until its lease is over.
    hand.until_fault('the goal 0.08 ')
    hand.until_reported(None)
    hand.until_commanded()
    hand.gripper.end()
    hand.gripper.behave('reach')
    hand.gripper.start()
    hand.until_event('succeeded', OPEN)
    hand.until_reported(1.0)


def test_server_that_hangs_blocks_nothing(simple_hand: Hand) -> None:
    hand = simple_hand
    hand.begin()
    hand.until_event('succeeded', OPEN)
    hand.gripper.send_signal(signal.SIGSTOP)
    hand.wants = -1.0
    hand.until_fault('the goal 0 got no answer within 2 s')
    # It is asked again and again; the arm is commanded meanwhile, and a stop is answered.
    hand.until_commanded(times=300)
    assert hand.call('stop')
    assert hand.call('resume')
    hand.until_commanded(times=100)
    hand.gripper.send_signal(signal.SIGCONT)
    hand.until_event('succeeded', CLOSED)
    hand.until_reported(-1.0)


def test_goal_without_a_result_is_an_error(simple_hand: Hand) -> None:
    hand = simple_hand
    hand.gripper.behave('creep')
    hand.begin()
    hand.until_event('goal', OPEN)
    hand.until_fault('the goal 0.08 got no result within 10 s')
    hand.until_reported(None)


@pytest.mark.parametrize('other', KINDS)
def test_server_of_the_other_type_is_named(system: Any, tmp_path: Path, other: str) -> None:
    expected = next(kind for kind in KINDS if kind != other)
    hand = Hand(system, robot_with(expected, tmp_path))
    hand.gripper.start(other)
    hand.command()
    hand.until_commanded()
    got, wanted = (TYPES[kind] for kind in (other, expected))
    hand.system.until_logged(
        'action_executor', f'hand/gripper_cmd: got an action server of {got}, expected {wanted}'
    )
    assert hand.gripper.positions('goal') == []
    hand.until_reported(None)
    hand.gripper.end()
    hand.gripper.start()
    hand.until_event('succeeded', OPEN)
    hand.until_reported(1.0)
    hand.gripper.close()


def test_goal_that_a_newer_one_replaces_is_no_error(hand: Hand) -> None:
    hand.gripper.behave('creep')
    hand.begin()
    for position in (OPEN, CLOSED) * 3:
        hand.wants = 1.0 if position == OPEN else -1.0
        hand.until_event('goal', position)
    hand.gripper.behave('reach')
    hand.wants = 1.0
    hand.until_event('succeeded', OPEN)
    hand.until_reported(1.0)
    assert hand.gripper.positions('superseded') == [OPEN, CLOSED] * 3
    assert 'without a stall' not in hand.system.log('action_executor')


def test_stop_cancels_the_goal_and_none_follows_until_resume(hand: Hand) -> None:
    hand.gripper.behave('creep')
    hand.begin()
    hand.until_event('goal', OPEN)
    assert hand.call('stop')
    hand.system.until(lambda: hand.gripper.positions('canceled') == [OPEN], 'a cancelled goal')
    hand.wants = -1.0
    hand.until_reported(None, times=15)
    assert hand.gripper.positions('goal') == [OPEN]
    hand.gripper.behave('reach')
    assert hand.call('resume')
    hand.until_event('succeeded', CLOSED)
    hand.until_reported(-1.0)
    # It was stopped: that is no fault of the gripper.
    assert 'without a stall' not in hand.system.log('action_executor')


@pytest.mark.parametrize('between', ['resume', 'configure'])
def test_interval_counts_on_over_a_stop_and_a_configuration_during_a_goal(
    system: Any, tmp_path: Path, between: str
) -> None:
    interval_s = 5.0
    hand = Hand(system, robot_with(KINDS[0], tmp_path, interval_s))
    hand.gripper.behave('creep')
    hand.begin()
    hand.until_event('goal', OPEN)
    hand.wants = -1.0
    if between == 'resume':
        assert hand.call('stop')
        assert hand.call('resume')
    else:
        for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
            assert system.transition('action_executor', transition)
    hand.until_event('goal', CLOSED)
    first, second = (event for event in hand.gripper.events if event.what == 'goal')
    assert second.heard_s - first.since_s >= interval_s
    # Leaving the goal behind cancels it.
    assert hand.gripper.positions('canceled') == [OPEN]
    hand.gripper.close()


def test_executor_that_ends_cancels_its_goal(simple_hand: Hand) -> None:
    hand = simple_hand
    hand.gripper.behave('creep')
    child = hand.begin()
    hand.until_event('goal', OPEN)
    hand.until_reported(1.0)
    child.send_signal(signal.SIGTERM)
    hand.system.until(lambda: hand.gripper.positions('canceled') == [OPEN], 'a cancelled goal')
    hand.system.until(lambda: child.poll() == 0, 'the end')
