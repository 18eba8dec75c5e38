# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The masking schedule."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.core.masking import keep_most_confident, masked_after


def test_schedule_of_the_published_model():
    assert [masked_after(step, 2, 256) for step in range(2)] == [182, 0]
    assert [masked_after(step, 4, 256) for step in range(4)] == [237, 182, 98, 0]


@given(st.integers(1, 12), st.integers(1, 300))
def test_schedule_falls_to_nothing(steps, tokens):
    left = [masked_after(step, steps, tokens) for step in range(steps)]
    assert left[-1] == 0
    assert all(0 <= after <= before <= tokens for before, after in itertools.pairwise(left))


def test_least_confident_tokens_stay_masked_and_known_ones_are_never_masked_again():
    confidence = np.array([[0.9, 0.1, 0.5, 0.2]])
    masked = np.array([[True, True, True, False]])
    assert keep_most_confident(confidence, masked, 2).tolist() == [[False, True, True, False]]
    assert keep_most_confident(confidence, masked, 4).tolist() == masked.tolist()
    assert not keep_most_confident(confidence, masked, 0).any()
