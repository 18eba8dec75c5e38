# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The masking schedule."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.core.generation.masking import (
    keep_most_confident,
    masked_after,
    most_likely,
    sample_tokens,
    unmask_all_again,
    unmask_new,
)


def test_schedule_of_the_published_model():
    assert [masked_after(step, 2, 256) for step in range(2)] == [182, 0]
    assert [masked_after(step, 4, 256) for step in range(4)] == [237, 182, 98, 0]


@given(st.integers(1, 12), st.integers(1, 300))
def test_schedule_falls_to_nothing(steps, tokens):
    left = [masked_after(step, steps, tokens) for step in range(steps)]
    assert left[-1] == 0
    assert all(0 <= after <= before <= tokens for before, after in itertools.pairwise(left))


def test_least_confident_stay_masked_known_stay_known():
    confidence = np.array([[0.9, 0.1, 0.5, 0.2]])
    masked = np.array([[True, True, True, False]])
    assert keep_most_confident(confidence, masked, 2).tolist() == [[False, True, True, False]]
    assert keep_most_confident(confidence, masked, 4).tolist() == masked.tolist()
    assert not keep_most_confident(confidence, masked, 0).any()


def test_the_likeliest_tokens_and_how_likely_they_are():
    odds = np.array([[[[1.0, 3.0], [4.0, 1.0]]]], np.float32)
    tokens, probability = most_likely(np.log(odds) + 100)
    assert tokens.tolist() == [[[1, 0]]]
    np.testing.assert_allclose(probability, [[0.75 * 0.8]], rtol=1e-5)


def counts(steps):
    return [step.shape[1] for step in steps]


def test_the_published_model_samples_again_what_it_has_unmasked():
    order = np.arange(16)[None]
    assert counts(unmask_all_again(order, 2)) == [5, 16]
    assert counts(unmask_all_again(order, 4)) == [2, 5, 10, 16]
    assert counts(unmask_all_again(order, 8)) == [1, 2, 3, 5, 8, 10, 13, 16]
    assert counts(unmask_all_again(np.arange(256)[None], 2)) == [75, 256]


def test_new_tokens_are_the_difference_between_steps():
    assert counts(unmask_new(np.arange(16)[None], 4)) == [2, 3, 5, 6]
    first, second = unmask_new(np.array([[3, 1, 0, 2], [0, 1, 2, 3]]), 2)
    assert first.tolist() == [[0, 2], [2, 3]]
    assert second.tolist() == [[1, 3], [0, 1]]


@given(st.integers(1, 40), st.integers(1, 30))
def test_each_token_is_sampled_once(steps, tokens):
    order = np.stack([np.random.default_rng(seed).permutation(tokens) for seed in range(2)])
    unmasked = list(unmask_new(order, steps))
    assert all(step.size for step in unmasked)
    assert len(unmasked) <= steps
    assert (np.sort(np.concatenate(unmasked, 1), 1) == np.arange(tokens)).all()


def test_tokens_are_drawn_as_often_as_the_model_says():
    odds = np.array([0.5, 0.3, 0.2])
    logits = np.broadcast_to(np.log(odds).astype(np.float32), (1, 20_000, 1, 3))
    chosen, probability = sample_tokens(logits, 1.0, np.random.default_rng(0))
    shares = np.bincount(chosen.ravel(), minlength=3) / chosen.size
    np.testing.assert_allclose(shares, odds, atol=0.02)
    np.testing.assert_allclose(probability[0], odds[chosen[0, :, 0]], rtol=1e-6)


def test_at_a_low_temperature_the_most_likely_are_drawn():
    logits = np.random.default_rng(1).normal(size=(2, 16, 2, 8)).astype(np.float32)
    chosen, _ = sample_tokens(logits, 1e-6, np.random.default_rng(0))
    np.testing.assert_array_equal(chosen, logits.argmax(-1))
