# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Perplexity and accuracy of predicted tokens."""

import numpy as np
import pytest
import torch

from hma_ros.core.generation.likelihood import score_tokens

TOKENS_SF = np.array([[0, 2], [1, 1], [3, 0]])


def logits_of(odds_SFV: np.ndarray, offset: float = 0.0) -> np.ndarray:
    return np.log(odds_SFV).astype(np.float32) + np.float32(offset)


def test_without_knowledge_every_value_is_as_likely() -> None:
    score = score_tokens(logits_of(np.full((3, 2, 4), 0.25)), TOKENS_SF)
    assert np.exp(score.entropy_nats) == pytest.approx(4**2)


@pytest.mark.parametrize('offset', [0.0, -300.0, 1000.0])
def test_a_token_is_right_only_with_all_its_factors(offset: float) -> None:
    odds = np.full((3, 2, 4), 0.1)
    np.put_along_axis(odds, TOKENS_SF[..., None], 0.7, -1)
    odds[2, 1] = [0.1, 0.7, 0.1, 0.1]
    score = score_tokens(logits_of(odds, offset), TOKENS_SF)
    assert score.accuracy == pytest.approx(2 / 3)
    assert score.entropy_nats == pytest.approx(-(5 * np.log(0.7) + np.log(0.1)) / 3, rel=1e-4)


def test_it_is_the_cross_entropy_of_torch() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(5, 3, 8)).astype(np.float32)
    tokens = generator.integers(0, 8, (5, 3))
    entropy = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits).flatten(0, 1), torch.from_numpy(tokens).flatten(), reduction='sum'
    )
    assert score_tokens(logits, tokens).entropy_nats == pytest.approx(float(entropy) / 5, rel=1e-5)
