# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The plan: read by time, joined without a jump, held past its end; and what was commanded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.action_space import Targets, targets_from_actions
from hma_ros.core.control.chunk_plan import ChunkPlan
from hma_ros.core.control.command_history import CommandHistory
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import LateError, MessageError

FRANKA, PLANAR = load_embodiment('sim_franka'), load_embodiment('sim_planar')
MS = 1_000_000


def to(*points: list[float], gripper: list[float] | None = None) -> Targets:
    positions = np.array(points, np.float64)
    return Targets(
        positions,
        None if gripper is None else np.array(gripper),
        np.zeros(positions.shape, np.bool_),
    )


def test_holds_until_the_first_chunk() -> None:
    plan = ChunkPlan([0.1, 0.2], max_age_s=1.0)
    np.testing.assert_array_equal(plan.target(123), [0.1, 0.2])
    assert plan.expired(123)
    assert plan.gripper(123) is None


def test_step_is_reached_at_its_end_on_a_straight_line() -> None:
    plan = ChunkPlan([0.0], max_age_s=1.0)
    plan.accept(1000 * MS, 0.1, [0.0], to([1.0], [3.0]), 1000 * MS, [0.0])
    times = [1000, 1050, 1100, 1150, 1200, 5000]
    values = [plan.target(time * MS)[0] for time in times]
    np.testing.assert_allclose(values, [0.0, 0.5, 1.0, 2.0, 3.0, 3.0])
    assert not plan.expired(1199 * MS)
    assert plan.expired(1200 * MS)


def test_late_chunk_joins_where_the_robot_is_and_ends_on_time() -> None:
    plan = ChunkPlan([0.0], max_age_s=1.0)
    plan.accept(0, 0.1, [0.0], to([1.0], [2.0]), joins_ns=80 * MS, joins_at_D=[0.0])
    assert plan.target(80 * MS)[0] == 0.0
    np.testing.assert_allclose(plan.target(140 * MS), [1.0])  # a constant speed to the end
    np.testing.assert_allclose(plan.target(200 * MS), [2.0])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 199), st.floats(-1, 1), st.integers(0, 2**32 - 1))
def test_joining_never_jumps(late_ms: int, commanded: float, seed: int) -> None:
    plan = ChunkPlan([0.0], max_age_s=1.0)
    points = np.random.default_rng(seed).uniform(-1, 1, (2, 1))
    plan.accept(0, 0.1, [0.0], to(*points.tolist()), late_ms * MS, [commanded])
    assert abs(plan.target(late_ms * MS)[0] - commanded) < 1e-12
    assert abs(plan.target(200 * MS)[0] - points[-1, 0]) < 1e-12


def test_gripper_follows_the_step() -> None:
    plan = ChunkPlan([0.0], max_age_s=1.0)
    plan.accept(0, 0.1, [0.0], to([0.0], [0.0], gripper=[1.0, -1.0]), 0, [0.0])
    assert [plan.gripper(time * MS) for time in (0, 99, 100, 900)] == [1.0, 1.0, -1.0, -1.0]


@pytest.mark.parametrize(
    ('now_ms', 'kind', 'text'),
    [
        (1900, LateError, 'got a stamp 0.900 s old, expected at most 0.5 s'),
        (400, MessageError, 'got a stamp 0.600 s ahead of the clock, expected at most 0.5 s'),
        (1250, LateError, 'got one that ended 0.050 s ago, expected one that ends in the future'),
    ],
)
def test_chunk_of_the_wrong_time_is_refused(
    now_ms: int, kind: type[MessageError], text: str
) -> None:
    with pytest.raises(MessageError) as error:
        ChunkPlan([7.0], max_age_s=0.5).check(1000 * MS, 0.1, 2, now_ms * MS)
    assert (type(error.value), str(error.value)) == (kind, f'action chunk: {text}')


def test_newest_stamp_wins_until_stamps_are_forgotten() -> None:
    plan = ChunkPlan([0.0], max_age_s=1.0)
    plan.accept(100 * MS, 0.1, [0.0], to([1.0]), 100 * MS, [0.0])
    for stamp_ms in (100, 60):
        with pytest.raises(LateError, match='before the one that is followed, expected a newer'):
            plan.check(stamp_ms * MS, 0.1, 1, 100 * MS)
    plan.hold([0.0])
    with pytest.raises(LateError):
        plan.check(60 * MS, 0.1, 1, 100 * MS)
    plan.check(101 * MS, 0.1, 1, 100 * MS)
    plan.forget_stamps()
    plan.check(60 * MS, 0.1, 1, 100 * MS)


def followed() -> ChunkPlan:
    """One step to 1.0, with an open gripper, joined late."""
    plan = ChunkPlan([0.0], max_age_s=1.0)
    plan.accept(0, 0.1, [0.0], to([1.0], gripper=[1.0]), 40 * MS, [0.0])
    return plan


def test_added_steps_leave_the_first_as_they_are() -> None:
    plan, alone = followed(), followed()
    plan.check(0, 0.1, 2, 60 * MS)
    plan.extend(0.1, to([1.0], [3.0], gripper=[1.0, -1.0]), 60 * MS)
    for time in range(40, 101, 10):
        assert plan.target(time * MS) == alone.target(time * MS)
    values = [plan.target(time * MS)[0] for time in (150, 200, 900)]
    np.testing.assert_allclose(values, [2.0, 3.0, 3.0])
    assert [plan.gripper(time * MS) for time in (99, 100)] == [1.0, -1.0]
    assert not plan.expired(199 * MS)


def test_steps_added_after_the_end_are_joined_without_a_jump() -> None:
    plan = followed()
    plan.extend(0.1, to([1.0], [3.0], gripper=[1.0, -1.0]), 150 * MS)
    np.testing.assert_allclose(plan.target(150 * MS), [1.0])
    np.testing.assert_allclose(plan.target(200 * MS), [3.0])


@pytest.mark.parametrize(
    'other', [to([2.0], [3.0], gripper=[1.0, 1.0]), to([1.0], [3.0], gripper=[-1.0, 1.0])]
)
def test_steps_that_are_followed_are_never_changed(other: Targets) -> None:
    plan, alone = followed(), followed()
    with pytest.raises(MessageError, match='with other steps; expected the same 1 steps, then'):
        plan.extend(0.1, other, 60 * MS)
    assert plan.target(90 * MS) == alone.target(90 * MS)


def test_nothing_is_added_to_a_chunk_that_was_dropped() -> None:
    plan = followed()
    plan.hold([0.4])
    with pytest.raises(MessageError, match='stamped as a chunk that was dropped'):
        plan.check(0, 0.1, 2, 60 * MS)


def test_chunk_that_comes_before_its_time_waits_for_it() -> None:
    plan = ChunkPlan([7.0], max_age_s=0.5)
    plan.accept(1000 * MS, 0.1, [7.0], to([8.0], [9.0]), 990 * MS, [7.0])
    targets = [plan.target(time * MS)[0] for time in (990, 1000, 1100, 1200)]
    assert targets == [7.0, 7.0, 8.0, 9.0]


def test_hold_drops_the_chunk() -> None:
    plan = ChunkPlan([0.0], max_age_s=1.0)
    plan.accept(0, 0.1, [0.0], to([1.0], gripper=[1.0]), 0, [0.0])
    plan.hold([0.4])
    assert plan.target(50 * MS)[0] == 0.4
    assert plan.gripper(50 * MS) is None


def test_history_reports_the_actions_really_commanded() -> None:
    history = CommandHistory(FRANKA, span_s=2.0)
    base, actions = [0.5, 0.0, 0.2], [[0.01, 0.0, 0.002, 1.0], [0.0, -0.01, 0.0, -1.0]]
    plan = ChunkPlan(base, max_age_s=1.0)
    plan.accept(0, 0.05, base, targets_from_actions(FRANKA, base, actions), 0, base)
    for time in range(0, 101 * MS, 10 * MS):
        history.record(time, plan.target(time), plan.gripper(time))
    np.testing.assert_allclose(history.executed(0, 2), actions, atol=1e-12)


def test_history_interpolates_between_commands() -> None:
    history = CommandHistory(PLANAR, span_s=1.0)
    history.record(0, [0.0, 0.0], None)
    history.record(100 * MS, [0.1, -0.2], None)
    np.testing.assert_allclose(history.target(25 * MS), [0.025, -0.05])
    np.testing.assert_allclose(history.target(900 * MS), [0.1, -0.2])
    np.testing.assert_allclose(history.target(-5), [0.0, 0.0])


def test_history_does_not_guess_what_it_does_not_know() -> None:
    history = CommandHistory(PLANAR, span_s=1.0)
    assert history.executed(0, 1) is None
    history.record(50 * MS, [0.0, 0.0], None)
    history.record(150 * MS, [0.1, 0.0], None)
    assert history.executed(0, 1) is None  # began before the first command
    assert history.executed(100 * MS, 1) is None  # not over yet
    assert history.executed(50 * MS, 1) is not None


def test_history_without_a_gripper_command_is_unknown() -> None:
    history = CommandHistory(FRANKA, span_s=1.0)
    history.record(0, [0.5, 0, 0.2], None)
    history.record(50 * MS, [0.5, 0, 0.2], None)
    assert history.executed(0, 1) is None


def test_history_forgets_what_is_older_than_its_span_only() -> None:
    history = CommandHistory(PLANAR, span_s=0.2)
    for step in range(100):
        history.record(step * 10 * MS, [step * 0.001, 0.0], None)
    assert history.covers(790 * MS, 990 * MS)
    assert not history.covers(700 * MS, 990 * MS)


def test_a_command_replaces_those_that_are_not_before_it() -> None:
    history = CommandHistory(PLANAR, span_s=1.0)
    for time, slide in ((0, 0.0), (50, 0.0), (58, 0.1), (54, 0.2), (54, 0.3), (94, 0.3)):
        history.record(time * MS, [slide, 0.0], None)
    for time, slide in ((50, 0.0), (52, 0.15), (57, 0.3), (70, 0.3)):
        np.testing.assert_allclose(history.target(time * MS), [slide, 0.0])
