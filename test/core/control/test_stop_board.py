# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Reasons to stop are kept for each publisher and entry, and taken back only by whoever may."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.stop_board import StopBoard
from hma_ros.core.embodiment.spec import StopSpec

S = 1_000_000_000
BUTTON = StopSpec('button', 'std_msgs/msg/Bool', 'data', (True,), 'emergency stop')
MANDATORY = StopSpec('button', 'std_msgs/msg/Bool', 'data', (True,), 'stop', mandatory=True)
BEATING = StopSpec('button', 'std_msgs/msg/Bool', 'data', (True,), 'stop', heartbeat_s=0.5)
PRESSED = '/button: emergency stop (data = True)'


def board(*stops: StopSpec) -> StopBoard:
    return StopBoard(stops, [f'/{stop.topic}' for stop in stops])


def test_a_value_that_stops_is_the_reason_until_its_publisher_takes_it_back() -> None:
    stops = board(BUTTON)
    assert stops.reason is None
    assert stops.take(0, True, 'a', 1) == PRESSED
    assert stops.reason == stops.refusal(2) == PRESSED
    assert stops.take(0, False, 'a', 3) is None
    assert stops.reason is stops.refusal(3) is None


def test_two_buttons_on_one_topic_are_two_buttons() -> None:
    stops = board(BUTTON)
    stops.take(0, True, 'a', 1)
    stops.take(0, True, 'b', 2)
    stops.take(0, False, 'b', 3)
    assert stops.reason == PRESSED
    stops.take(0, False, 'a', 4)
    assert stops.reason is None


@pytest.mark.parametrize('order', list(permutations(range(2))))
def test_two_entries_on_one_field_are_two_entries(order: tuple[int, ...]) -> None:
    entries = (
        StopSpec('mode', 'std_msgs/msg/Int8', 'data', (1, 2), 'protective stop'),
        StopSpec('mode', 'std_msgs/msg/Int8', 'data', (3,), 'emergency stop'),
    )
    stops = board(*(entries[index] for index in order))

    def say(value: int) -> str | None:
        for index in range(2):
            stops.take(index, value, 'robot', 1)
        return stops.reason

    assert say(0) is None
    assert say(3) == '/mode: emergency stop (data = 3)'
    assert say(2) == '/mode: protective stop (data = 2)'
    assert say(0) is None


@pytest.mark.parametrize('is_renewed', [False, True])
def test_a_publisher_that_died_leaves_its_reason_until_a_newer_one_says_otherwise(
    is_renewed: bool,
) -> None:
    stops = board(BUTTON)
    stops.take(0, False, 'b', 1)
    stops.take(0, True, 'a', 2)
    stops.forget_dead(0, ['b'], 3)
    gone = f'{PRESSED}; its publisher is gone, restart it'
    assert stops.reason == gone
    if is_renewed:
        previous, stops = stops, board(BUTTON)
        stops.begin(previous)
    stops.take(0, False, 'b', 3)
    stops.forget_dead(0, ['b'], 3)
    assert stops.reason == gone  # b is another button
    stops.take(0, False, 'c', 4)
    stops.forget_dead(0, ['a', 'c'], 4)
    assert stops.reason == gone  # a is still there
    stops.forget_dead(0, ['c'], 5)
    assert stops.reason is None


def test_a_button_that_was_there_is_not_newer_because_it_speaks_or_comes_back_later() -> None:
    stops = board(BUTTON)
    stops.forget_dead(0, ['a', 'b'], 1)
    stops.take(0, True, 'a', 2)
    stops.forget_dead(0, ['b'], 3)
    stops.take(0, False, 'b', 4)
    stops.forget_dead(0, ['b'], 5)
    assert stops.reason is not None
    stops.forget_dead(0, [], 6)
    stops.take(0, False, 'b', 7)
    stops.forget_dead(0, ['b'], 8)
    assert stops.reason is not None
    stops.forget_dead(0, ['b', 'c'], 9)
    stops.take(0, False, 'c', 10)
    stops.forget_dead(0, ['b', 'c'], 11)
    assert stops.reason is None


@pytest.mark.parametrize('stop', [MANDATORY, BEATING])
def test_what_must_speak_is_waited_for(stop: StopSpec) -> None:
    stops = board(stop)
    assert stops.refusal(1) == (
        '/button: got no message that says "no stop", expected one before a motion (mandatory); '
        'start its publisher'
    )
    stops.take(0, False, 'a', 2)
    assert stops.refusal(2) is None
    stops.forget_dead(0, [], 3)
    assert stops.refusal(2) is not None


def test_silence_beyond_the_heartbeat_is_a_reason() -> None:
    stops = board(BUTTON, BEATING)
    assert stops.silence(100 * S) is None  # nothing was heard yet: that is a refusal
    stops.take(1, False, 'a', 0)
    assert stops.silence(S // 2) is None
    assert stops.silence(S) == stops.refusal(S)
    assert stops.silence(S) == (
        '/button: got no message for 1.00 s from one that was heard, expected one every 0.5 s '
        '(heartbeat_s)'
    )
    stops.take(1, False, 'a', S)
    assert stops.silence(S) is None


def test_reasons_outlive_a_configuration_and_clearances_do_not() -> None:
    old, new = board(MANDATORY, BUTTON), board(BUTTON, MANDATORY)
    old.take(0, False, 'a', 1)
    old.take(1, True, 'a', 1)
    new.begin(old)
    # Both entries are of the same topic, field and values: both keep the reason.
    assert new.reason == PRESSED
    for index in range(2):
        new.take(index, False, 'a', 2)
    assert new.refusal(2) is None
    again = board(MANDATORY)
    again.begin(new)
    assert 'got no message' in str(again.refusal(2))
    again.begin(None)


def test_reasons_of_other_topics_are_not_taken_over() -> None:
    old = board(StopSpec('other', 'std_msgs/msg/Bool', 'data', (True,), 'other'))
    old.take(0, True, 'a', 1)
    new = board(BUTTON)
    new.begin(old)
    assert new.reason is None


EVENTS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from('abc'), st.sampled_from([0, 1, 2])), max_size=40
)


@settings(deadline=None)
@given(EVENTS, st.sets(st.integers(0, 40)))
def test_no_reason_is_forgotten(events: list[tuple[int, str, int]], renewed: set[int]) -> None:
    """Whoever said stop last is a reason, whatever others say and however often one configures."""
    entries = tuple(StopSpec(f't{k}', 'a/msg/B', 'data', (1, 2), 'why') for k in range(2))
    stops, said = board(*entries), {}
    for count, (index, publisher, value) in enumerate(events):
        stops.take(index, value, publisher, count)
        said[index, publisher] = value
        if count in renewed:
            previous, stops = stops, board(*entries)
            stops.begin(previous)
        assert (stops.reason is not None) == any(said.values())
