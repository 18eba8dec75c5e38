# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the discrete model is not shown in training, or shown wrong."""

import pytest
import torch

from hma_ros.training.latent_masking import LatentMasking
from hma_ros.training.token_masking import UPSTREAM_TOKENS, TokenMasking, draw_tokens

FACTORS = torch.zeros(4000, 6, 16, 2, dtype=torch.int64)
SIZE = 512


def draw(masking, factors=FACTORS, seed=0):
    return draw_tokens(factors, SIZE, masking, torch.Generator().manual_seed(seed))


def test_upstream_masks_steps_as_often_as_measured():
    draws = draw(UPSTREAM_TOKENS)
    share = draws.masked_BTS.float().mean((0, 2))
    # Measured on the authors' code with six steps (hma_model.md, sec. 5).
    assert share.tolist() == pytest.approx([0, 0.506, 0.511, 0.512, 0.579, 0.638], abs=0.015)


def test_upstream_ruins_visible_tokens_of_later_steps():
    shares = []
    for seed in range(60):
        draws = draw(UPSTREAM_TOKENS, FACTORS[:100], seed)
        wrong = (draws.seen_BTSF != 0).any(-1) & ~draws.masked_BTS
        shares.append(wrong.sum((0, 2)) / (~draws.masked_BTS).sum((0, 2)))
    mean = torch.stack(shares).mean(0)
    assert mean[0] == pytest.approx(0.18, abs=0.03)
    assert mean[5] == pytest.approx(0.29, abs=0.04)


def test_corrected_draws_one_share_for_each_window():
    draws = draw(TokenMasking(corruption=0.2))
    shares = (draws.seen_BTSF != 0).float().mean((1, 2, 3))
    assert shares.mean() == pytest.approx(0.1, abs=0.01)
    assert shares.std() > 0.05
    assert shares.max() < 0.3


def test_upstream_draws_one_share_for_the_batch():
    unprompted = TokenMasking(rates=LatentMasking(prompted=0.0), shared=True, ruined=True)
    shares = (draw(unprompted).seen_BTSF != 0).float().mean((1, 2, 3))
    assert shares.std() < 0.05


def test_without_corruption_nothing_is_replaced():
    assert (draw(TokenMasking(corruption=0.0)).seen_BTSF == 0).all()


def test_actions_are_asked_for_in_half_of_the_steps():
    asked = draw(TokenMasking()).asked_BT.float()
    assert asked.mean() == pytest.approx(0.5, abs=0.02)
    # The share differs from window to window: 1/3 of variance 1/12 over pure chance.
    assert asked.mean(1).std() > 0.3


def test_short_windows_have_no_prompt():
    draws = draw(UPSTREAM_TOKENS, FACTORS[:, :3])
    assert draws.masked_BTS[:, 1:].any(-1).float().mean() > 0.9
