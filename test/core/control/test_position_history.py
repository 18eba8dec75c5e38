# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Positions by name and stamp, as drivers really send them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.position_history import PositionHistory
from hma_ros.core.control.track import KEPT_NS, KEPT_SAMPLES, Track
from hma_ros.core.errors import MessageError

MS = 1_000_000
START = 5_000 * MS
NAMES = ('a', 'b', 'c')


@pytest.fixture
def history() -> PositionHistory:
    return PositionHistory(NAMES, '/joint_states', 0.2)


def test_collects_a_vector_over_several_messages(history: PositionHistory) -> None:
    assert history.add(START, ('gripper', 'b', 'a'), [9, 1, 0]) == (0, 1)
    assert history.newest() is None
    assert history.add(START + 5 * MS, ('c',), [2]) == (2,)
    values, oldest_ns, oldest = history.newest() or (None, 0, '')
    np.testing.assert_array_equal(values, [0, 1, 2])
    assert (oldest_ns, oldest) == (START, 'a')


def test_messages_about_other_joints_are_ignored_whatever_they_hold(
    history: PositionHistory,
) -> None:
    for positions in ([math.nan, 1.0], [], [1.0]):
        assert history.add(START, ('finger', 'wheel'), positions) == ()
    assert history.newest() is None


@pytest.mark.parametrize(
    ('names', 'positions', 'text'),
    [
        (NAMES, [], "/joint_states: position of 'a': got 0 positions for 3 names, expected one"),
        (('c', 'x'), [1.0], "position of 'c': got 1 positions for 2 names"),
        (('x', 'b'), [0.0, math.nan], "position of 'b': got nan, expected a finite one"),
        (('b', 'b'), [0.0, 1.0], "position of 'b': got several in one message, expected one"),
    ],
)
def test_bad_positions_are_refused_with_topic_and_joint(
    history: PositionHistory, names: tuple[str, ...], positions: list[float], text: str
) -> None:
    with pytest.raises(MessageError, match=text):
        history.add(START, names, positions)
    assert history.newest_stamps() == [None] * 3


def test_between_two_samples_it_interpolates_and_beside_them_the_nearest_stands(
    history: PositionHistory,
) -> None:
    history.add(START, NAMES, [0, 0, 0])
    history.add(START + 100 * MS, NAMES, [1, 2, 3])
    np.testing.assert_allclose(history.at(START + 25 * MS), [0.25, 0.5, 0.75])
    np.testing.assert_array_equal(history.at(START - 200 * MS), [0, 0, 0])
    np.testing.assert_array_equal(history.at(START + 300 * MS), [1, 2, 3])
    assert np.isnan(history.interpolated(START + 101 * MS)).all()
    with pytest.raises(MessageError, match=r"'a': got the nearest -0.201 s from a frame"):
        history.at(START + 301 * MS)


def test_a_gap_is_not_bridged(history: PositionHistory) -> None:
    history.add(START, NAMES, [0, 0, 0])
    history.add(START + 300 * MS, NAMES, [3, 3, 3])
    assert np.isnan(history.interpolated(START + 150 * MS)).all()
    np.testing.assert_array_equal(history.at(START + 140 * MS), [0, 0, 0])
    np.testing.assert_array_equal(history.at(START + 160 * MS), [3, 3, 3])


def test_a_missing_joint_is_named_with_those_that_were_heard(history: PositionHistory) -> None:
    history.add(START, ('a', 'b'), [0, 0])
    text = r"/joint_states: position of 'c': got none \(only of a, b\), expected one within 0.2 s"
    with pytest.raises(MessageError, match=text):
        history.at(START)
    assert not history.reaches(START)
    history.add(START, ('c',), [0])
    assert history.reaches(START)
    assert not history.reaches(START + 1)


def test_a_continuous_joint_takes_the_shorter_way_round() -> None:
    history = PositionHistory(('a', 'b'), '/joint_states', 0.2, [True, False])
    history.add(START, ('a', 'b'), [3.1, 3.1])
    history.add(START + 100 * MS, ('a', 'b'), [-3.1, -3.1])
    at_pi = history.at(START + 50 * MS)
    assert math.cos(at_pi[0]) == pytest.approx(-1.0)
    assert at_pi[1] == pytest.approx(0.0)
    assert history.at(START + 90 * MS)[0] == pytest.approx(-3.1 - 0.1 * (2 * math.pi - 6.2))


def test_a_clock_set_back_leaves_nothing_of_before(history: PositionHistory) -> None:
    history.add(START, NAMES, [1, 1, 1])
    history.add(START - 100 * MS, ('a',), [0])
    assert history.newest_stamps() == [START - 100 * MS, None, None]


def test_messages_that_overtake_each_other_are_put_in_order(history: PositionHistory) -> None:
    for offset in (0, 20, 10):
        history.add(START + offset * MS, NAMES, [offset] * 3)
    np.testing.assert_array_equal(history.at(START + 15 * MS), [15, 15, 15])
    assert history.newest_stamps() == [START + 20 * MS] * 3


def test_publishers_of_different_joints_may_have_different_clocks(
    history: PositionHistory,
) -> None:
    for tick in range(4):
        history.add(START + tick * MS, ('a', 'b'), [1, 2], 'arm')
        history.add(START + (tick - 150) * MS, ('c',), [3], 'gripper')
    assert history.conflict is None
    np.testing.assert_array_equal(history.at(START), [1, 2, 3])


@pytest.mark.parametrize('offset_ms', [0, 1, 500])
def test_two_publishers_of_one_joint_are_reported_and_nothing_is_known(
    history: PositionHistory, offset_ms: int
) -> None:
    for tick in range(3):
        stamp = START + 10 * tick * MS
        history.add(stamp, NAMES, [0, 0, 0], 'driver')
        history.add(stamp + offset_ms * MS, ('b',), [1], 'ghost')
    text = "/joint_states: 'b': got positions from 2 publishers, expected 1; stop one of them"
    assert history.conflict is not None
    assert history.conflict.startswith(text)
    assert history.newest() is None
    with pytest.raises(MessageError, match='got positions from 2 publishers'):
        history.at(START)
    for tick in range(1, 30):
        history.add(START + 1000 * MS + 100 * tick * MS, NAMES, [0, 0, 0], 'driver')
    assert history.conflict is None
    assert history.newest() is not None


def test_three_publishers_in_turn_are_reported(history: PositionHistory) -> None:
    for tick in range(6):
        history.add(START + tick * MS, NAMES, [0, 0, 0], f'driver {tick % 3}')
    assert history.conflict is not None


def test_a_driver_that_was_started_again_is_no_conflict(history: PositionHistory) -> None:
    for tick in range(6):
        history.add(START + tick * MS, NAMES, [0, 0, 0], 'old' if tick < 3 else 'new')
    assert history.conflict is None
    np.testing.assert_array_equal(history.at(START), [0, 0, 0])


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8_000), st.floats(-9.0, 9.0)), min_size=1, max_size=60),
    st.integers(0, 8_000),
)
def test_whatever_comes_values_stay_within_the_samples_around_the_moment(
    samples: list[tuple[int, float]], moment_ms: int
) -> None:
    history = PositionHistory(('a',), '/joint_states', 0.2)
    sent: dict[int, float] = {}
    for stamp, value in samples:
        if sent and stamp < max(sent) - 50:
            sent.clear()
        sent[stamp] = value
        history.add(stamp * MS, ('a',), [value])
    near = {stamp: value for stamp, value in sent.items() if abs(stamp - moment_ms) <= 200}
    try:
        found = float(history.at(moment_ms * MS)[0])
    except MessageError:
        # What is older than two seconds may be forgotten.
        assert all(stamp * MS < max(sent) * MS - KEPT_NS for stamp in near)
    else:
        assert min(near.values()) - 1e-9 <= found <= max(near.values()) + 1e-9


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(-40 * MS, 400 * MS), min_size=1, max_size=20))
def test_memory_is_bounded_in_time_and_number(steps: list[int]) -> None:
    track, stamp = Track(is_continuous=False), START
    for index in range(2 * KEPT_SAMPLES):
        stamp += steps[index % len(steps)] // 1000
        track.add(stamp, 0.0)
        assert len(track._stamps) == len(track._values) <= KEPT_SAMPLES
    newest = track.newest
    assert newest is not None
    track.add(newest[0] + 2 * KEPT_NS, 0.0)
    assert track.nearest(0) == (newest[0] + 2 * KEPT_NS, 0.0)
