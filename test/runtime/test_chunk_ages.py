# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A model whose chunks all come too late for the executor says so once, with the reason."""

import math
from itertools import count

from hma_ros.runtime.chunk_ages import ChunkAges


def test_without_a_chunk_in_time_for_long_the_age_and_the_remedy_are_named() -> None:
    seconds = count()
    ages = ChunkAges(0.5, lambda: float(next(seconds)), 'use threads')
    for _ in range(6):
        assert ages.is_late(2.0)
    for _ in range(4):
        assert ages.fault is None
    assert ages.fault == (
        'no chunk could be followed for 5 s: images are 2.0 s old (median) when the model '
        'decides, expected at most 0.5 s (max_chunk_age_s); use threads'
    )
    assert not ages.is_late(0.4)
    assert ages.fault is None


def test_where_nothing_is_executed_no_chunk_is_late() -> None:
    ages = ChunkAges(math.inf, lambda: 0.0, '')
    assert not ages.is_late(60.0)
    assert ages.fault is None
