# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A late model still finds each step, in order, with what was executed before it."""

from unittest.mock import Mock

import numpy as np
import pytest

from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment import load_embodiment
from hma_ros.runtime.step_queue import MOST_WAITING, StepQueue

MS = 1_000_000
START = 5_000 * MS
PLANAR = load_embodiment('sim_planar')
PERIOD = round(1000 * PLANAR.rates.frame_dt_s) * MS
ACTIONS = np.full((PLANAR.rates.stride, 2), 0.5)


class Robot:
    """A camera at the rate of the clock, and a queue that nobody empties."""

    def __init__(self, *, has_reporter: bool = False, reads_joints: bool = False) -> None:
        self.report = Mock()
        self.measured = StateHistory(PLANAR)
        self.queue = StepQueue(
            PLANAR, self.measured, reads_joints, lambda: has_reporter, 0.05, 'camera', self.report
        )

    def see(self, index: int, now_ns: int | None = None) -> None:
        stamp = START + index * PERIOD
        self.queue.offer(stamp, f'image {index}', index, stamp if now_ns is None else now_ns)

    def poll(self, index: int, late_ms: int) -> None:
        self.queue.poll(START + index * PERIOD + late_ms * MS)


def test_steps_that_wait_are_taken_in_order_each_after_the_one_before() -> None:
    robot = Robot()
    for index in range(4):
        robot.see(index)
    taken = [robot.queue.take() for _ in range(4)]
    assert [step.image for step in taken if step] == [f'image {index}' for index in range(4)]
    assert [step.before_ns for step in taken if step] == [
        None,
        *(START + index * PERIOD for index in range(3)),
    ]
    assert robot.queue.take() is None
    assert robot.queue.dropped() == 0


def test_an_image_before_the_end_of_its_step_waits_for_what_is_executed_until_then() -> None:
    robot = Robot(has_reporter=True)
    robot.see(0)
    # At less than twice the rate of the clock, the image nearest to a step may be much older.
    early = START + PERIOD - 25 * MS
    robot.queue.offer(early, 'early', 1.0, START + PERIOD)
    robot.queue.poll(START + PERIOD + 40 * MS)
    assert robot.queue.is_waiting
    robot.queue.executed(START, ACTIONS, START + PERIOD + 45 * MS)
    robot.queue.take()
    step = robot.queue.take()
    assert step is not None
    assert (step.stamp_ns, step.origin) == (early, 'reported')


def test_a_step_waits_for_the_report_of_what_was_executed_and_has_it() -> None:
    robot = Robot(has_reporter=True)
    robot.see(0)
    robot.see(1)
    assert len(robot.queue) == 1
    assert robot.queue.is_waiting
    robot.queue.executed(START, ACTIONS, START + PERIOD)
    assert not robot.queue.is_waiting
    robot.queue.take()
    step = robot.queue.take()
    assert step is not None
    assert step.origin == 'reported'
    np.testing.assert_array_equal(step.executed, ACTIONS.astype(np.float32))


@pytest.mark.filterwarnings('error')
def test_what_no_float32_holds_is_infinite_and_warns_of_nothing() -> None:
    robot = Robot(has_reporter=True)
    robot.see(0)
    robot.queue.executed(START, ACTIONS * 1e300, START + PERIOD)
    robot.see(1)
    robot.poll(1, 1)
    robot.queue.take()
    step = robot.queue.take()
    assert step is not None
    assert step.executed is not None
    assert np.isinf(step.executed).all()


def test_what_does_not_come_in_time_is_unknown_and_never_zero() -> None:
    robot = Robot(has_reporter=True)
    robot.see(0)
    robot.see(1)
    robot.poll(1, late_ms=49)
    assert len(robot.queue) == 1
    robot.poll(1, late_ms=50)
    robot.queue.take()
    step = robot.queue.take()
    assert step is not None
    assert (step.executed, step.origin) == (None, 'unknown')


def warned(robot: Robot, kind: str) -> list[str]:
    calls = robot.report.warning.call_args_list
    return [call.args[1] for call in calls if call.args[0] == kind]


def test_steps_whose_actions_all_stay_unknown_name_what_is_silent() -> None:
    robot = Robot()
    for index in range(8):
        robot.see(index)
        robot.poll(index, 60)
    assert not warned(robot, 'no known action')
    robot.see(8)
    robot.poll(8, 60)
    (text,) = warned(robot, 'no known action')
    source = PLANAR.state.sources[0]
    assert text.startswith('the last 8 steps: got no known action, expected one each')
    assert text.endswith(f'no state of {", ".join(source.message_names)} on {source.topic}')
    robot.queue.executed(START + 8 * PERIOD, ACTIONS, START + 9 * PERIOD)
    robot.see(9)
    robot.poll(9, 60)
    robot.report.cleared.assert_called_with('no known action')


def test_of_a_model_that_reads_joints_a_frame_without_them_says_why() -> None:
    robot = Robot(reads_joints=True)
    robot.see(0)
    robot.poll(0, late_ms=50)
    step = robot.queue.take()
    assert step is not None
    assert step.joints is None
    assert 'got none, expected one' in step.missing


def test_joints_at_the_stamp_come_with_the_step() -> None:
    robot = Robot(reads_joints=True)
    robot.see(0)
    count = len(PLANAR.state.joints)
    robot.measured.add_joints(0, START, PLANAR.state.joints, np.full(count, 0.25))
    robot.poll(0, late_ms=1)
    step = robot.queue.take()
    assert step is not None
    np.testing.assert_array_equal(step.joints, np.full(count, 0.25, np.float32))


def test_more_than_fit_are_dropped_and_the_newest_is_kept() -> None:
    robot = Robot()
    for index in range(MOST_WAITING + 1):
        robot.see(index)
    assert robot.queue.dropped() == MOST_WAITING
    assert robot.queue.dropped() == 0
    step = robot.queue.take()
    assert step is not None
    assert step.image == f'image {MOST_WAITING}'
    assert robot.queue.take() is None


def test_a_gap_begins_a_new_context() -> None:
    robot = Robot()
    robot.see(0)
    robot.see(3)
    robot.poll(3, late_ms=0)
    robot.see(4)
    steps = [robot.queue.take(), robot.queue.take()]
    assert [step.before_ns for step in steps if step] == [None, None]
    assert robot.report.warning.call_args.args[0] == 'missed steps'


def test_steps_from_before_a_jump_back_of_the_clock_are_forgotten() -> None:
    robot = Robot()
    for index in range(40, 43):
        robot.see(index)
    robot.see(0)
    assert [step.image for step in iter(robot.queue.take, None)] == ['image 0']


@pytest.mark.parametrize('age', [-100, 100])
def test_a_stale_image_and_one_of_the_future_are_reported(age: int) -> None:
    robot = Robot()
    robot.see(0, START + age * PERIOD)
    assert robot.queue.take() is None
    assert robot.report.warning.call_args.args[0] == 'missed steps'


def test_however_many_images_of_a_step_are_stale_it_is_missed_once() -> None:
    robot = Robot()
    for index in range(40):
        now_ns = START + index * PERIOD // 4
        robot.queue.offer(now_ns - 100 * PERIOD, 'stale', 0.0, now_ns)
    assert robot.report.warning.call_count == 10


def test_a_stale_image_beside_good_ones_misses_no_step() -> None:
    robot = Robot()
    for index in range(10):
        robot.see(index)
        now_ns = START + index * PERIOD + PERIOD // 2
        robot.queue.offer(now_ns - 100 * PERIOD, 'stale', 0.0, now_ns)
    assert len(robot.queue) == 10
    assert not warned(robot, 'missed steps')


def test_an_image_pushed_out_while_its_step_waited_is_reported() -> None:
    robot = Robot(has_reporter=True)
    robot.see(0)
    robot.see(1)
    for offset in range(1, 20):
        stamp = START + PERIOD + offset * MS
        robot.queue.offer(stamp, 'other', 0.0, stamp)
    robot.queue.executed(START, ACTIONS, START + PERIOD + 20 * MS)
    assert robot.report.error.call_args.args[0] == 'dropped steps'
    step = robot.queue.take()
    assert step is not None
    assert step.image == 'image 0'
    assert robot.queue.take() is None


def test_a_process_that_was_held_up_loses_no_step() -> None:
    robot = Robot(reads_joints=True)
    names = PLANAR.state.joints

    def measure(index: int) -> None:
        stamp = START + index * PERIOD
        robot.measured.add_joints(0, stamp, names, np.zeros(len(names)))

    measure(0)
    robot.see(0)
    now_ns = START + 3 * PERIOD + 150 * MS
    # Images are taken before the joints that came with them.
    for index in range(1, 4):
        stamp = START + index * PERIOD
        robot.queue.offer(stamp, f'image {index}', 0, now_ns, waited_ns=now_ns - stamp)
    for index in range(1, 5):
        measure(index)
    robot.queue.poll(now_ns + 10 * MS)
    steps = [robot.queue.take() for _ in range(4)]
    assert [step is not None and (step.image, step.missing) for step in steps] == [
        (f'image {index}', '') for index in range(4)
    ]
    robot.report.warning.assert_not_called()


@pytest.mark.parametrize('wait_s', [0.05, 0.12, 0.25])
def test_waiting_for_reports_that_never_come_does_not_add_up(wait_s: float) -> None:
    report = Mock()
    queue = StepQueue(PLANAR, StateHistory(PLANAR), False, lambda: True, wait_s, 'camera', report)
    late_ns = []
    for now_ns in range(START, START + 100 * PERIOD, 10 * MS):
        if (now_ns - START) % PERIOD == 0:
            queue.offer(now_ns, 'image', 0, now_ns)
        queue.poll(now_ns)
        while (step := queue.take()) is not None:
            late_ns.append(now_ns - step.stamp_ns)
    assert len(late_ns) > 90
    assert max(late_ns) <= wait_s * 1e9 + PERIOD
    report.error.assert_not_called()


def test_the_position_of_the_tool_stands_behind_the_joints() -> None:
    franka, report = load_embodiment('sim_franka'), Mock()
    measured = StateHistory(franka)
    queue = StepQueue(franka, measured, True, lambda: False, 0.05, 'camera', report, True)
    names = franka.state.joints
    for offset in (-MS, MS):
        measured.add_joints(0, START + offset, names, np.full(len(names), 0.25))
    queue.offer(START, 'image', 0, START)
    assert queue.is_waiting
    for offset in (-MS, MS):
        measured.add_tool(START + offset, [0.5, 0.1, 0.2], [1.0, 0.0, 0.0, 0.0])
    queue.poll(START + 2 * MS)
    step = queue.take()
    assert step is not None
    np.testing.assert_allclose(step.joints, [*[0.25] * len(names), 0.5, 0.1, 0.2], rtol=1e-6)
    queue.offer(START + 4 * PERIOD, 'image', 0, START + 4 * PERIOD)
    queue.poll(START + 4 * PERIOD + 60 * MS)
    step = queue.take()
    assert step is not None
    assert step.missing
