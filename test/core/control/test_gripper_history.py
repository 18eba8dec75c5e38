# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A gripper is closed also when its jaws stand open around what they hold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.core.control.gripper_history import GripperHistory
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import MessageError

FRANKA, KINOVA = load_embodiment('franka').gripper, load_embodiment('kinova_gen3').gripper
assert FRANKA is not None
assert KINOVA is not None
MS = 1_000_000
START = 5_000 * MS
OPEN, CLOSED = 1.0, -1.0


def watch(positions: list[float]) -> list[float | None]:
    """Return the model's value at each of some finger positions in a row."""
    history = GripperHistory(FRANKA, '/jaws', 0.2)
    for index, position in enumerate(positions):
        history.add(START + 50 * index * MS, ['fr3_finger_joint1'], [position])
    return [history.at(START + 50 * index * MS) for index in range(len(positions))]


@pytest.mark.parametrize(
    ('positions', 'values'),
    [
        ([0.04, 0.0], [OPEN, CLOSED]),
        # A cube of 5.4 cm: the fingers stop closer to open than to closed.
        ([0.04, 0.033, 0.027, 0.027], [OPEN, CLOSED, CLOSED, CLOSED]),
        ([0.0, 0.01, 0.027, 0.04], [CLOSED, OPEN, OPEN, OPEN]),
        # Neither end was seen: the nearer one.
        ([0.027, 0.019], [OPEN, CLOSED]),
        # Noise at an open end that does not quite open.
        ([0.0, 0.0361, 0.0355, 0.0361], [CLOSED, OPEN, OPEN, OPEN]),
    ],
)
def test_the_end_that_was_left_last_decides(positions: list[float], values: list[float]) -> None:
    assert watch(positions) == values


def test_a_gripper_that_closes_towards_larger_positions() -> None:
    history = GripperHistory(KINOVA, '/jaws', 0.2)
    for index, position in enumerate([0.0, 0.3, 0.8]):
        history.add(START + 50 * index * MS, ['joint_1', KINOVA.joint or ''], [9.0, position])
    values = [history.at(START + 50 * index * MS) for index in range(3)]
    assert values == [OPEN, CLOSED, CLOSED]


def test_messages_without_the_joint_say_nothing_and_bad_ones_are_refused() -> None:
    history = GripperHistory(FRANKA, '/jaws', 0.2)
    assert not history.add(START, ['fr3_joint1'], [math.nan])
    for positions, text in (([math.nan], 'got nan, expected a finite one'), ([], 'got 0 positi')):
        with pytest.raises(MessageError, match=f"/jaws: position of 'fr3_finger_joint1': {text}"):
            history.add(START, ['fr3_finger_joint1'], positions)
    assert history.at(START) is None


@given(st.lists(st.floats(-0.01, 0.05), min_size=1, max_size=30))
def test_it_is_always_one_of_the_two_and_right_at_the_ends(positions: list[float]) -> None:
    for position, value in zip(positions, watch(positions), strict=True):
        assert value in (OPEN, CLOSED)
        if position >= 0.037:
            assert value == OPEN
        if position <= 0.003:
            assert value == CLOSED
