# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A model whose chunks all come too late for the executor says so once, with the reason."""

import math

from hma_ros.runtime.chunk_ages import ChunkAges


class Late:
    """A model whose chunks are late, and the time."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.ages = ChunkAges(0.5, lambda: self.now_s, 'use threads')

    def go_on(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_s += 1.0
            assert self.ages.is_late(2.0)


def test_without_a_chunk_in_time_for_long_the_age_and_the_remedy_are_named() -> None:
    late = Late()
    late.go_on(5)
    assert late.ages.fault is None
    late.go_on(1)
    assert late.ages.fault == (
        'no chunk could be followed for 5 s: images are 2.0 s old (median) when the model '
        'decides, expected at most 0.5 s (max_chunk_age_s); use threads; or the camera delivers '
        'late, or stamps by another clock'
    )
    assert not late.ages.is_late(0.4)
    assert late.ages.fault is None


def test_a_camera_that_is_silent_is_no_fault_of_the_model() -> None:
    late = Late()
    late.go_on(1)
    late.now_s += 6.0
    assert late.ages.fault is None
    late.go_on(6)
    assert late.ages.fault is not None
    late.now_s += 6.0
    assert late.ages.fault is None


def test_where_nothing_is_executed_no_chunk_is_late() -> None:
    ages = ChunkAges(math.inf, lambda: 0.0, '')
    assert not ages.is_late(60.0)
    assert ages.fault is None
