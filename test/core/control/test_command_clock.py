# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Commands lie on a grid of whole periods, whatever the timer and the clocks do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.command_clock import CommandClock, Tick

MS = 1_000_000
PERIOD = 10 * MS
ROS = 10**18


def started(is_simulated: bool = False) -> CommandClock:
    clock = CommandClock(PERIOD, is_simulated)
    assert clock.tick(ROS, 0) == Tick(ROS + PERIOD, 1)
    return clock


def both(clock: CommandClock, passed_ms: float) -> Tick | None:
    """Tick where both clocks have gone on as far since the start."""
    return clock.tick(ROS + round(passed_ms * MS), round(passed_ms * MS))


def test_each_tick_on_time_is_one_period() -> None:
    clock = started()
    for count in range(1, 100):
        assert both(clock, 10 * count) == Tick(ROS + (count + 1) * PERIOD, 1)


@pytest.mark.parametrize(('late_ms', 'periods'), [(14, 1), (16, 2), (34, 3), (200, 20)])
def test_a_late_tick_counts_the_periods(late_ms: int, periods: int) -> None:
    assert both(started(), late_ms) == Tick(ROS + (periods + 1) * PERIOD, periods)


def test_a_tick_right_after_a_late_one_sends_nothing() -> None:
    clock = started()
    assert both(clock, 16) is not None
    assert both(clock, 17.5) is None
    assert both(clock, 20) is None
    assert both(clock, 30) == Tick(ROS + 4 * PERIOD, 1)


def test_a_long_pause_is_an_interruption() -> None:
    clock = started()
    assert both(clock, 250) == Tick(ROS + 260 * MS, 25)
    tick = both(clock, 250 + 300)
    assert tick == Tick(ROS + 560 * MS, 30, 'no command was due for 0.30 s')


@pytest.mark.parametrize('jump_ms', [-3000, -150, 150, 3000, 10**9])
@pytest.mark.parametrize('passed_ms', [10, 40])
def test_a_jump_is_an_interruption_and_the_periods_are_those_of_the_steady_clock(
    jump_ms: int, passed_ms: int
) -> None:
    ros_ns = ROS + (passed_ms + jump_ms) * MS
    tick = started().tick(ros_ns, passed_ms * MS)
    assert tick == Tick(
        ros_ns + PERIOD, passed_ms // 10, f'the clock jumped by {jump_ms / 1000:+.3f} s'
    )


def test_a_small_correction_of_the_clock_is_followed() -> None:
    clock, corrected_ms = started(), 0.0
    for count in range(1, 200):
        corrected_ms += 0.5
        ros_ns = ROS + round((10 * count + corrected_ms) * MS)
        tick = clock.tick(ros_ns, 10 * count * MS)
        assert tick is not None
        assert tick.interruption is None
        assert abs(tick.reach_ns - PERIOD - ros_ns) <= PERIOD // 2


@pytest.mark.parametrize('factor', [0.01, 0.5, 1.0, 20.0])
def test_simulated_time_goes_at_any_speed(factor: float) -> None:
    clock = started(is_simulated=True)
    for count in range(1, 50):
        tick = clock.tick(ROS + count * PERIOD, round(count * PERIOD / factor))
        assert tick == Tick(ROS + (count + 1) * PERIOD, 1)


def test_simulated_time_that_stands_sends_nothing_and_back_is_an_interruption() -> None:
    clock = started(is_simulated=True)
    assert clock.tick(ROS, 10**12) is None
    tick = clock.tick(ROS - 500 * MS, 10**12)
    assert tick == Tick(ROS - 490 * MS, 1, 'the clock jumped by -0.500 s')


def test_forced_commands_follow_the_last_one_a_period_apart() -> None:
    clock = started()
    both(clock, 10)
    assert clock.wait_s(14 * MS) == pytest.approx(0.006)
    assert clock.wait_s(50 * MS) == 0.0
    assert clock.force(20 * MS) == Tick(ROS + 3 * PERIOD, 1)
    assert clock.force(30 * MS) == Tick(ROS + 4 * PERIOD, 1)
    assert CommandClock(PERIOD, False).force(5).periods == 1


TICKS = st.lists(
    st.tuples(st.floats(0.0, 40.0), st.one_of(st.just(0.0), st.floats(-5000.0, 5000.0))),
    max_size=60,
)


@settings(deadline=None)
@given(TICKS)
def test_commands_are_never_nearer_in_time_than_they_say(ticks: list[tuple[float, float]]) -> None:
    """Between two commands at least half a period passes, and about what ``periods`` says."""
    clock, steady_ns, ros_ns, sent_ns, reach_ns = started(), 0, ROS, 0, ROS + PERIOD
    for passed_ms, jump_ms in ticks:
        steady_ns += round(passed_ms * MS)
        ros_ns += round((passed_ms + jump_ms) * MS)
        tick = clock.tick(ros_ns, steady_ns)
        if tick is None:
            continue
        assert tick.periods >= 1
        if tick.interruption is None:
            assert tick.reach_ns == reach_ns + tick.periods * PERIOD
            assert steady_ns - sent_ns >= PERIOD // 2
        else:
            assert tick.periods == max((steady_ns - sent_ns) // PERIOD, 1) or not jump_ms
        sent_ns, reach_ns = steady_ns, tick.reach_ns
