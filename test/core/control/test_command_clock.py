# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The time between two commands is never longer than it was, whatever timer and clocks do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.command_clock import SHORTEST_PERIOD, CommandClock, Tick

MS = 1_000_000
PERIOD = 10 * MS
ROS = 10**18


def started(is_simulated: bool = False) -> CommandClock:
    clock = CommandClock(PERIOD, is_simulated)
    assert clock.tick(ROS, 0) == Tick(ROS + PERIOD, 0.01)
    return clock


def both(clock: CommandClock, passed_ms: float) -> Tick | None:
    """Tick where both clocks have gone on as far since the start."""
    return clock.tick(ROS + round(passed_ms * MS), round(passed_ms * MS))


def rest(clock: CommandClock, passed_ms: float) -> None:
    """Have a command at rest."""
    tick = both(clock, passed_ms)
    assert tick is not None
    assert clock.settled(tick, is_at_rest=True) == tick


def test_each_tick_on_time_is_one_period() -> None:
    clock = started()
    for count in range(1, 100):
        assert both(clock, 10 * count) == Tick(ROS + (count + 1) * PERIOD, 0.01)


@pytest.mark.parametrize('late_ms', [6, 14, 16, 34, 200])
def test_a_tick_counts_the_time_that_passed(late_ms: int) -> None:
    assert both(started(), late_ms) == Tick(ROS + PERIOD + late_ms * MS, late_ms / 1000)


def test_a_tick_right_after_a_late_one_sends_nothing() -> None:
    clock = started()
    assert both(clock, 16) is not None
    assert both(clock, 17.5) is None
    assert both(clock, 20) is None
    assert both(clock, 30) == Tick(ROS + 4 * PERIOD, 0.014)


def test_a_command_without_a_stamp_counts_from_when_it_was_sent() -> None:
    clock = started()
    assert clock.sent(3 * MS) == 0.003
    assert both(clock, 7) is None
    assert both(clock, 10) == Tick(ROS + 2 * PERIOD, 0.007)


def test_a_long_pause_is_an_interruption() -> None:
    clock = started()
    assert both(clock, 250) == Tick(ROS + 260 * MS, 0.25)
    assert both(clock, 550) == Tick(ROS + 560 * MS, 0.3, 'no command was due for 0.30 s')


@pytest.mark.parametrize('is_simulated', [False, True])
@pytest.mark.parametrize('jump_s', [490, -3])
def test_a_jump_that_a_pause_does_not_explain_is_named_too(
    is_simulated: bool, jump_s: int
) -> None:
    tick = started(is_simulated).tick(ROS + jump_s * 1000 * MS, 300 * MS, paused_s=0.3)
    assert tick is not None
    assert tick.interruption is not None
    assert tick.interruption.startswith(f'the clock jumped by {jump_s:+d}.') or (
        tick.interruption.startswith('the clock jumped by +489.7')
    )
    assert tick.interruption.endswith(', and this process did not run for 0.30 s')


def test_a_pause_of_this_process_is_named_as_such() -> None:
    reason = 'this process did not run for 3.00 s'
    # Stopped by a signal: both clocks went on. Suspended with its machine: ROS time alone did.
    for steady_ms in (3000, 20):
        tick = started().tick(ROS + 3000 * MS, steady_ms * MS, paused_s=3.0)
        assert tick is not None
        assert tick.interruption == reason
    assert both(started(), 20).interruption is None
    tick = started().tick(ROS + 20 * MS, 20 * MS, paused_s=3.0)
    assert tick is not None
    assert tick.interruption is None


def test_a_simulation_that_leaves_out_time_is_a_jump_of_the_clock() -> None:
    tick = started(is_simulated=True).tick(ROS + 490_000 * MS, 20 * MS)
    assert tick is not None
    assert tick.interruption == 'the clock jumped by +490.000 s'


@pytest.mark.parametrize('jump_ms', [-3000, -150, -20, 20, 90, 3000, 10**9])
@pytest.mark.parametrize('passed_ms', [10, 40])
def test_a_jump_is_an_interruption_and_the_time_is_that_of_the_steady_clock(
    jump_ms: int, passed_ms: int
) -> None:
    ros_ns = ROS + (passed_ms + jump_ms) * MS
    tick = started().tick(ros_ns, passed_ms * MS)
    reason = f'the clock jumped by {jump_ms / 1000:+.3f} s'
    assert tick == Tick(ros_ns + PERIOD, passed_ms / 1000, reason)


def test_a_jump_right_after_a_command_waits_for_the_next_one() -> None:
    clock = started()
    assert clock.tick(ROS + 1000 * MS, 2 * MS) is None
    tick = clock.tick(ROS + 1008 * MS, 10 * MS)
    assert tick is not None
    assert tick.elapsed_s == 0.01
    assert tick.interruption == 'the clock jumped by +0.998 s'


@pytest.mark.parametrize('correction_ms', [-5, 5])
def test_a_small_correction_of_the_clock_is_left_until_the_robot_rests(correction_ms: int) -> None:
    clock = started()
    for count in range(1, 100):
        tick = clock.tick(ROS + (10 * count + correction_ms) * MS, 10 * count * MS)
        assert tick == Tick(ROS + (count + 1) * PERIOD, 0.01)
    assert tick is not None
    # Not yet: the command before may have moved.
    assert clock.settled(tick, is_at_rest=True) == tick
    tick = clock.tick(ROS + (1000 + correction_ms) * MS, 1000 * MS)
    assert tick == Tick(ROS + 1010 * MS, 0.01)
    assert clock.settled(tick, is_at_rest=True) == Tick(ROS + (1010 + correction_ms) * MS, 0.01)
    # From there stamps and steady clock go on side by side again.
    tick = clock.tick(ROS + (1010 + correction_ms) * MS, 1010 * MS)
    assert tick == Tick(ROS + (1020 + correction_ms) * MS, 0.01)
    assert clock.settled(tick, is_at_rest=True) == tick


def test_stamps_never_go_back_at_rest() -> None:
    clock = started()
    rest(clock, 10)
    tick, last_ns = clock.tick(ROS + 11 * MS, 20 * MS), ROS + 2 * PERIOD
    assert tick is not None
    assert last_ns < clock.settled(tick, is_at_rest=True).reach_ns == ROS + 25 * MS


def test_noise_of_reading_two_clocks_is_no_correction() -> None:
    clock = started()
    rest(clock, 10)
    tick = clock.tick(ROS + 22 * MS, 20 * MS)
    assert tick is not None
    assert clock.settled(tick, is_at_rest=True) == tick
    # The second clock was read 30 ms after the first.
    tick = clock.tick(ROS + 30 * MS, 60 * MS, noise_ns=30 * MS)
    assert tick == Tick(ROS + 70 * MS, 0.04)
    assert clock.settled(tick, is_at_rest=True) == tick


def test_stamps_go_on_when_the_executor_is_activated_anew() -> None:
    clock = CommandClock(PERIOD, False, previous=started())
    tick = clock.tick(ROS + 3005 * MS, 3000 * MS)
    assert tick == Tick(ROS + 3010 * MS, 3.0)
    jumped = CommandClock(PERIOD, False, previous=clock)
    assert jumped.tick(ROS + 10**12, 6000 * MS) == Tick(ROS + 10**12 + PERIOD, 3.0)


def test_the_time_since_the_last_command_is_that_of_the_simulation() -> None:
    clock = CommandClock(PERIOD, True, previous=started(is_simulated=True))
    assert clock.tick(ROS + 500 * MS, 9000 * MS) == Tick(ROS + 510 * MS, 0.5)
    back = CommandClock(PERIOD, True, previous=clock)
    assert back.tick(ROS, 9999 * MS) == Tick(ROS + PERIOD, 0.01)


def test_a_clock_that_runs_away_is_a_jump_in_the_end() -> None:
    clock, reasons = started(), []
    for count in range(1, 30):
        tick = clock.tick(ROS + 11 * count * MS, 10 * count * MS)
        assert tick is not None
        reasons.append(tick.interruption)
    assert reasons[:10] == [None] * 10
    assert any(reasons)


@pytest.mark.parametrize('factor', [0.01, 0.5, 1.0, 20.0])
def test_simulated_time_goes_at_any_speed(factor: float) -> None:
    clock = started(is_simulated=True)
    for count in range(1, 50):
        tick = clock.tick(ROS + count * PERIOD, round(count * PERIOD / factor))
        assert tick == Tick(ROS + (count + 1) * PERIOD, 0.01)


def test_simulated_time_that_stands_sends_nothing_and_back_is_an_interruption() -> None:
    clock = started(is_simulated=True)
    assert clock.tick(ROS, 10**12) is None
    tick = clock.tick(ROS - 500 * MS, 10**12)
    assert tick == Tick(ROS - 490 * MS, 0.01, 'the clock jumped by -0.500 s')


def test_forced_commands_follow_the_last_one_a_period_apart() -> None:
    clock = started()
    both(clock, 10)
    assert clock.wait_s(14 * MS) == pytest.approx(0.006)
    assert clock.wait_s(50 * MS) == 0.0
    assert clock.force(20 * MS) == Tick(ROS + 3 * PERIOD, 0.01)
    assert clock.force(35 * MS) == Tick(ROS + 4 * PERIOD + 5 * MS, 0.015)
    assert CommandClock(PERIOD, False).force(5).elapsed_s == 0.01


def test_a_start_waits_until_clock_reaches_the_stamps_of_coming_to_rest() -> None:
    halted = started(is_simulated=True)
    for count in range(1, 6):
        assert halted.force(count * PERIOD) == Tick(ROS + (count + 1) * PERIOD, 0.01)
    clock = CommandClock(PERIOD, True, previous=halted)
    assert clock.tick(ROS + 20 * MS, 1000 * MS) is None
    assert clock.tick(ROS + 49 * MS, 1029 * MS) is None
    assert clock.tick(ROS + 54 * MS, 1034 * MS) is None
    assert clock.tick(ROS + 60 * MS, 1040 * MS) == Tick(ROS + 7 * PERIOD, 0.01)
    # From there /clock that goes back has jumped.
    tick = clock.tick(ROS + 40 * MS, 1050 * MS)
    assert tick == Tick(ROS + 5 * PERIOD, 0.01, 'the clock jumped by -0.020 s')


def test_clock_that_starts_again_after_coming_to_rest_is_not_waited_for() -> None:
    halted = started(is_simulated=True)
    halted.force(PERIOD)
    clock = CommandClock(PERIOD, True, previous=halted)
    assert clock.tick(ROS - 500 * MS, 0) == Tick(ROS - 490 * MS, 0.01)


def test_a_forced_command_follows_one_that_was_sent_late_a_period_later() -> None:
    clock = started()
    clock.sent(4 * MS)
    assert clock.wait_s(10 * MS) == pytest.approx(0.004)
    assert clock.force(14 * MS) == Tick(ROS + 24 * MS, 0.01)


TICKS = st.lists(
    st.tuples(
        st.floats(0.0, 40.0),
        st.one_of(st.just(0.0), st.floats(-9.0, 9.0), st.floats(-5000.0, 5000.0)),
        st.booleans(),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(TICKS)
def test_commands_are_never_nearer_in_time_than_they_say(
    ticks: list[tuple[float, float, bool]],
) -> None:
    clock, steady_ns, ros_ns, sent_ns, reach_ns = started(), 0, ROS, 0, ROS + PERIOD
    was_at_rest = False
    for passed_ms, jump_ms, is_at_rest in ticks:
        steady_ns += round(passed_ms * MS)
        ros_ns += round((passed_ms + jump_ms) * MS)
        tick = clock.tick(ros_ns, steady_ns)
        if tick is None:
            continue
        elapsed_ns = tick.elapsed_s * 1e9
        assert elapsed_ns >= SHORTEST_PERIOD * PERIOD - 1
        assert elapsed_ns <= steady_ns - sent_ns + 1
        if tick.interruption is None:
            # Stamps and the steady clock go on side by side.
            assert elapsed_ns == pytest.approx(tick.reach_ns - reach_ns, abs=1)
        settled = clock.settled(tick, is_at_rest)
        # Two commands that rest are as far apart in time as they like.
        assert settled == tick or (is_at_rest and was_at_rest)
        tick, was_at_rest = settled, is_at_rest
        if tick.interruption is None:
            assert tick.reach_ns > reach_ns
        sent_ns, reach_ns = steady_ns, tick.reach_ns
