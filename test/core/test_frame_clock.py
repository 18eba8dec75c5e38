# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The model clock: which image is a row, and when the context must start again."""

import pytest

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
    assert clock.tick(1326 * MS).reason == (
        'missing image: expected one within 0.025 s of a row due 0.226 s ago, got none'
    )
    assert clock.tick(1330 * MS).reason == 'no image'


def test_image_between_two_rows_is_no_row() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    clock.offer(1000 * MS, 1000 * MS)
    clock.tick(1000 * MS)
    clock.offer(1050 * MS, 1050 * MS)
    assert clock.tick(1100 * MS) == FramePick(None)


def test_stale_image_is_no_row_and_breaks_the_context() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    clock.offer(1000 * MS, 1000 * MS)
    assert clock.tick(1250 * MS).reason == ('stale image: expected at most 0.2 s old, got 0.250 s')
    clock.offer(1300 * MS, 1300 * MS)
    assert clock.tick(1300 * MS) == FramePick(1300 * MS, None, True)


def test_no_image_yet() -> None:
    assert FrameClock(10.0, max_age_s=0.2).tick(5) == FramePick(None, 'no image')


def test_clock_that_jumps_back_starts_anew() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    clock.offer(5000 * MS, 5000 * MS)
    clock.tick(5000 * MS)
    clock.offer(0, 1 * MS)
    assert clock.tick(1 * MS) == FramePick(0, None, True)


def test_image_sent_twice_is_one_row() -> None:
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
        'image ahead of the clock: expected at most 0.2 s, got 7.950 s'
    )
    assert clock.offer(1100 * MS, 1100 * MS) is None
    assert clock.tick(1100 * MS) == FramePick(1100 * MS)


def test_a_row_picked_before_the_clock_jumped_back_is_lost() -> None:
    clock = FrameClock(10.0, max_age_s=0.2)
    clock.offer(1000 * MS, 1000 * MS)
    pick = clock.tick(1000 * MS)
    assert not clock.is_lost(pick, 900 * MS)
    assert clock.is_lost(pick, 10 * MS)


def test_the_next_row_is_here_once_an_image_near_its_time_is() -> None:
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
