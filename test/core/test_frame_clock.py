# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The model clock: which image is a step, and when the context must start again."""

import itertools
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hma_ros.core.frame_clock import FrameClock, FramePick

MS = 1_000_000


def run(clock: FrameClock, stamps_ms: list[int], delay_ms: int = 5) -> list[FramePick]:
    """Offer each image when it arrives and tick every 5 ms; return what was not empty."""
    picks, arrivals = [], {stamp + delay_ms: stamp for stamp in stamps_ms}
    for now in range(0, max(stamps_ms) + 600, 1):
        if now in arrivals:
            clock.offer(arrivals[now] * MS, now * MS)
        if now % 5 == 0 and now >= min(arrivals):
            picks.append(clock.tick(now * MS))
    return [pick for pick in picks if pick.stamp_ns is not None]


def stamps(picks: list[FramePick]) -> list[int]:
    return [pick.stamp_ns // MS for pick in picks if pick.stamp_ns is not None]


def test_camera_at_the_model_rate_gives_every_image() -> None:
    picks = run(FrameClock(10.0, max_age_s=0.2), [1000, 1100, 1200, 1300])
    assert stamps(picks) == [1000, 1100, 1200, 1300]
    assert [pick.restarts for pick in picks] == [True, False, False, False]


def test_faster_camera_is_sampled_not_swallowed() -> None:
    picks = run(FrameClock(10.0, max_age_s=0.2), list(range(1000, 1401, 20)))
    assert stamps(picks) == [1000, 1100, 1200, 1300, 1400]


@pytest.mark.parametrize('jitter', [-3, 3])
def test_thirty_hertz_camera_with_jitter_keeps_the_grid(jitter: int) -> None:
    camera = [1000] + [1000 + index * 100 // 3 + jitter * (index % 2) for index in range(1, 13)]
    picks = run(FrameClock(10.0, max_age_s=0.2), camera)
    assert all(
        abs(got - want) <= 3
        for got, want in zip(stamps(picks), [1000, 1100, 1200, 1300, 1400], strict=True)
    )


def test_gap_restarts_the_context() -> None:
    picks = run(FrameClock(10.0, max_age_s=0.2), [1000, 1100, 1400, 1500])
    assert stamps(picks) == [1000, 1100, 1400, 1500]
    assert [pick.restarts for pick in picks] == [True, False, True, False]


def test_missing_image_is_reported() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    clock.offer(1000 * MS, 1000 * MS)
    assert clock.tick(1010 * MS) == FramePick(1000 * MS, None, True)
    assert clock.tick(1090 * MS) == FramePick(None)
    assert clock.tick(2170 * MS) == FramePick(None)
    assert clock.tick(2176 * MS).reason == (
        'missing image: got none within 0.075 s of a step due 1.076 s ago, expected one'
    )
    assert clock.tick(2180 * MS).reason == 'no image'


def test_a_step_waits_for_the_image_that_is_nearer() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    clock.offer(1000 * MS, 1000 * MS)
    clock.tick(1000 * MS)
    clock.offer(1050 * MS, 1050 * MS)
    assert clock.tick(1100 * MS) == FramePick(None)
    clock.offer(1100 * MS, 1110 * MS)
    assert clock.tick(1110 * MS) == FramePick(1100 * MS)


def test_stale_image_is_no_step_and_breaks_the_context() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    clock.offer(1000 * MS, 1000 * MS)
    assert (
        clock.tick(1250 * MS).reason == 'stale image: got one 0.250 s old, expected at most 0.2 s'
    )
    clock.offer(1300 * MS, 1300 * MS)
    assert clock.tick(1300 * MS) == FramePick(1300 * MS, None, True)


def test_stamps_of_another_clock_are_named() -> None:
    now_ns = 1_800_000_000_000 * MS
    for stamp in (5 * MS, 2 * now_ns):
        assert 'compare use_sim_time' in str(FrameClock(10.0, 0.2).offer(stamp, now_ns))
    assert 'use_sim_time' not in str(FrameClock(10.0, 0.2).offer(now_ns - 900 * MS, now_ns))


def test_one_image_of_long_ago_is_refused_and_does_no_harm() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    clock.offer(1000 * MS, 1000 * MS)
    clock.tick(1000 * MS)
    for wrong in (0, 500 * MS):
        assert 'stale image' in str(clock.offer(wrong, 1050 * MS))
    clock.offer(1100 * MS, 1100 * MS)
    assert clock.tick(1100 * MS) == FramePick(1100 * MS)


def test_no_image_yet() -> None:
    assert FrameClock(10.0, max_age_s=0.2).tick(5) == FramePick(None, 'no image')


def test_clock_that_jumps_back_starts_anew() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    clock.offer(5000 * MS, 5000 * MS)
    clock.tick(5000 * MS)
    clock.offer(0, 1 * MS)
    assert clock.tick(1 * MS) == FramePick(0, None, True)


def test_image_sent_twice_is_one_step() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    for _ in range(2):
        clock.offer(1000 * MS, 1000 * MS)
    assert clock.tick(1001 * MS).stamp_ns == 1000 * MS
    assert clock.tick(1002 * MS) == FramePick(None)


def test_image_far_ahead_of_the_clock_is_refused_and_does_no_harm() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    assert clock.offer(1000 * MS, 1000 * MS) is None
    assert clock.tick(1000 * MS) == FramePick(1000 * MS, None, True)
    assert clock.offer(9000 * MS, 1050 * MS) == (
        'image ahead of the clock: got 7.950 s, expected at most 0.2 s'
    )
    assert clock.offer(1100 * MS, 1100 * MS) is None
    assert clock.tick(1100 * MS) == FramePick(1100 * MS)


def test_a_step_picked_before_the_clock_jumped_back_is_lost() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    clock.offer(1000 * MS, 1000 * MS)
    pick = clock.tick(1000 * MS)
    assert not clock.is_lost(pick, 900 * MS)
    assert clock.is_lost(pick, 10 * MS)


def test_the_next_step_is_here_once_an_image_near_its_time_is() -> None:
    clock = FrameClock(10.0, 0.5)
    assert not clock.has_next()
    clock.offer(0, 0)
    clock.tick(0)
    assert not clock.has_next()
    clock.offer(60 * MS, 60 * MS)
    assert not clock.has_next()
    clock.offer(80 * MS, 80 * MS)
    assert clock.has_next()
    assert clock.tick(130 * MS).stamp_ns == 80 * MS
    assert not clock.has_next()


def camera_stamps(
    rate_hz: float, count: int, phase: float = 0.0, jitter: tuple[float, ...] = (0.0,)
) -> list[int]:
    """Return stamps in ns; phase and jitter are parts of the spacing, jitter repeats."""
    spacing_ns = 1e9 / rate_hz
    return [
        round(1e9 + (index + phase + jitter[index % len(jitter)]) * spacing_ns)
        for index in range(count)
    ]


def played(
    clock: FrameClock, stamps_ns: list[int], delay_ns: int = 0
) -> tuple[list[int], list[FramePick]]:
    """Offer each image ``delay_ns`` after its stamp and tick every 5 ms, as the node does."""
    taken, waiting = [], list(stamps_ns)
    refused = []
    for now in range(stamps_ns[0], stamps_ns[-1] + delay_ns + 5 * MS, 5 * MS):
        while waiting and waiting[0] + delay_ns <= now:
            clock.offer(waiting.pop(0), now)
        while (pick := clock.tick(now)).stamp_ns is not None:
            taken.append(pick)
        if pick.reason not in (None, 'no image'):
            refused.append(pick)
    return [pick.stamp_ns or 0 for pick in taken], [*taken, *refused]


JITTERS = st.lists(st.floats(-0.25, 0.25), min_size=1, max_size=40).map(tuple)


@settings(deadline=None, max_examples=150)
@given(
    rate_hz=st.floats(10.0, 60.0) | st.sampled_from([10.0, 12.0, 12.5, 15.0, 16.0, 20.0, 29.97]),
    phase=st.floats(0.0, 1.0),
    jitter=JITTERS,
    delay_ms=st.integers(0, 150),
)
@example(rate_hz=12.0, phase=0.0, jitter=(0.0,), delay_ms=5)
@example(rate_hz=15.0, phase=0.0, jitter=(0.0,), delay_ms=5)
@example(rate_hz=16.0, phase=0.0, jitter=(0.0,), delay_ms=5)
def test_a_camera_that_keeps_up_never_starts_a_new_context(
    rate_hz: float, phase: float, jitter: tuple[float, ...], delay_ms: int
) -> None:
    stamps_ns = camera_stamps(rate_hz, round(12 * rate_hz), phase, jitter)
    taken, picks = played(FrameClock(10.0, max_age_s=0.5), stamps_ns, delay_ms * MS)
    assert [pick.restarts for pick in picks] == [True] + [False] * (len(picks) - 1)
    assert [pick.reason for pick in picks if pick.reason] == []
    assert len(set(taken)) == len(taken)
    assert taken == sorted(taken)
    # Each lies within half a spacing and its jitter from its time: two of them within twice that.
    within_ns = (1.0 + 4 * max(abs(part) for part in jitter)) * 1e9 / rate_hz
    assert all(abs(b - a - 100 * MS) <= within_ns + MS for a, b in pairwise(taken))
    assert len(taken) == pytest.approx(120, abs=3)


@settings(deadline=None, max_examples=100)
@given(
    rate_hz=st.floats(10.0, 60.0) | st.sampled_from([12.0, 15.0, 16.0]),
    phase=st.floats(0.0, 1.0),
    delay_ms=st.integers(0, 150),
)
def test_every_step_takes_the_nearest_image(rate_hz: float, phase: float, delay_ms: int) -> None:
    stamps_ns = camera_stamps(rate_hz, round(6 * rate_hz), phase)
    taken, _ = played(FrameClock(10.0, max_age_s=0.5), stamps_ns, delay_ms * MS)
    half_ns = 0.5e9 / rate_hz
    for step, stamp in enumerate(taken):
        assert abs(stamp - (taken[0] + step * 100 * MS)) <= half_ns + MS


@settings(deadline=None, max_examples=50)
@given(
    rate_hz=st.floats(9.3, 10.0), jitter=st.lists(st.floats(-0.05, 0.05), min_size=1).map(tuple)
)
def test_behind_a_camera_that_is_a_little_slower_every_image_is_a_step(
    rate_hz: float, jitter: tuple[float, ...]
) -> None:
    stamps_ns = camera_stamps(rate_hz, 200, 0.0, jitter)
    taken, picks = played(FrameClock(10.0, max_age_s=0.5), stamps_ns, 20 * MS)
    assert taken == stamps_ns
    assert sum(pick.restarts for pick in picks) == 1


@pytest.mark.parametrize('rate_hz', [2.0, 5.0, 7.0, 8.0, 8.9])
def test_a_camera_that_is_too_slow_is_refused_with_both_rates(rate_hz: float) -> None:
    clock = FrameClock(10.0, max_age_s=0.5)
    taken, picks = played(clock, camera_stamps(rate_hz, 100), 20 * MS)
    assert len(taken) <= 6
    assert picks[-1].reason == (
        f'camera too slow: got {rate_hz:.1f} images per second, expected at least 10 '
        '(rates.frame_hz); raise the rate of the camera'
    )
    later = [stamp + 100_000 * MS for stamp in camera_stamps(30.0, 200)]
    again, _ = played(clock, later, 20 * MS)
    assert len(again) > 40


@settings(deadline=None, max_examples=50)
@given(
    rate_hz=st.floats(25.0, 60.0),
    dropped=st.sets(st.integers(1, 600).map(lambda index: 4 * index)),
    doubled=st.sets(st.integers(1, 600)),
)
def test_a_fast_camera_may_drop_an_image_or_send_one_twice(
    rate_hz: float, dropped: set[int], doubled: set[int]
) -> None:
    stamps_ns = camera_stamps(rate_hz, round(10 * rate_hz))
    sent = [
        stamp
        for index, stamp in enumerate(stamps_ns)
        for _ in range(0 if index in dropped else 2 if index in doubled else 1)
    ]
    taken, picks = played(FrameClock(10.0, max_age_s=0.5), sent, 20 * MS)
    assert sum(pick.restarts for pick in picks) == 1
    assert len(set(taken)) == len(taken)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-500, 500), min_size=1, max_size=60))
def test_stamps_of_any_order_give_each_image_at_most_once(steps_ms: list[int]) -> None:
    clock, now, stamp = FrameClock(10.0, max_age_s=0.5), 10_000 * MS, 10_000 * MS
    taken: list[int] = []
    fresh: set[int] = set()
    for step in steps_ms:
        stamp, now = stamp + step * MS, now + 33 * MS
        if clock.offer(stamp, now) is None:
            assert abs(stamp - now) <= 500 * MS
            fresh.add(stamp)
        pick = clock.tick(now)
        if pick.stamp_ns is not None:
            assert pick.stamp_ns in fresh
            if not pick.restarts:
                assert pick.stamp_ns > taken[-1]
            taken.append(pick.stamp_ns)


@pytest.mark.parametrize('held_up_ms', [150, 350, 800])
def test_a_process_that_was_held_up_finds_every_step(held_up_ms: int) -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    for ms in range(0, 1001, 100):
        clock.offer(ms * MS, ms * MS)
        assert clock.tick(ms * MS).stamp_ns == ms * MS
    now_ns = (1090 + held_up_ms) * MS
    # Whether somebody looks before the images are taken, or only after.
    assert clock.tick(now_ns) == FramePick(None)
    waiting = list(range(1100, 1090 + held_up_ms, 100))
    for ms in waiting:
        assert clock.offer(ms * MS, ms * MS) is None
    assert [clock.tick(now_ns) for _ in waiting] == [FramePick(ms * MS) for ms in waiting]


@pytest.mark.parametrize('held_up_ms', [100, 150, 300])
def test_after_a_hold_up_steps_are_as_far_apart_as_before(held_up_ms: int) -> None:
    """With a camera that is quicker than the clock, whoever looks after each image."""
    clock, taken = FrameClock(10.0, max_age_s=0.2), list[int]()
    stamps = [index * 33 * MS for index in range(90)]
    begin, end = stamps[60] + 1 * MS, stamps[60] + held_up_ms * MS
    for stamp in stamps:
        now = end if begin <= stamp < end else stamp
        assert clock.offer(stamp, now, now - stamp) is None
        pick = clock.tick(now)
        if pick.stamp_ns is not None:
            assert not (pick.restarts and taken)
            taken.append(pick.stamp_ns)
    assert {later - sooner for sooner, later in itertools.pairwise(taken)} <= {
        66 * MS,
        99 * MS,
        132 * MS,
    }
    assert abs((taken[-1] - taken[0]) / (len(taken) - 1) - 100 * MS) < 2 * MS
