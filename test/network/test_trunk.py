# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The trunk: what may see what, and that a cached row equals the whole sequence."""

import pytest
import torch

from hma_ros.network.trunk import Trunk, TrunkConfig
from hma_ros.training.objective import layout

CONFIG = TrunkConfig(
    width=32,
    layers=2,
    head_width=16,
    window=3,
    image_tokens=4,
    action_tokens=2,
    factors=2,
    levels=4,
)


@pytest.fixture
def trunk():
    torch.manual_seed(0)
    trunk = Trunk(CONFIG).eval()
    for block in trunk.blocks:
        torch.nn.init.normal_(block.temporal.lag_bias)
    return trunk


def draw(rows, batch=2):
    tokens = torch.randint(CONFIG.levels, (batch, rows, CONFIG.image_tokens, CONFIG.factors))
    modulation = torch.randn(batch, rows, CONFIG.layers, 2, CONFIG.width)
    return tokens, modulation


def causal(rows):
    lag = torch.arange(rows)[:, None] - torch.arange(rows)[None]
    return lag, (lag >= 0) & (lag < CONFIG.window)


def run(trunk, tokens, modulation):
    visible = torch.zeros(tokens.shape[:3], dtype=torch.bool)
    previous = torch.cat([tokens[:, :1], tokens[:, :-1]], 1)
    return trunk(trunk.embed(tokens, previous, visible), modulation, *causal(tokens.shape[1]))


def stream(trunk, tokens, modulation):
    """Row by row with a sliding cache."""
    batch, kept = len(tokens), CONFIG.window - 1
    past = torch.zeros(
        CONFIG.layers, 2, batch, CONFIG.row_tokens, CONFIG.heads, kept, CONFIG.head_width
    )
    bias = torch.full((batch, kept), float('-inf'))
    outputs = []
    for row in range(tokens.shape[1]):
        own, before = tokens[:, row : row + 1], tokens[:, max(row - 1, 0) : max(row, 1)]
        x = trunk.embed(own, before, torch.zeros(own.shape[:3], dtype=torch.bool))
        x, new = trunk.step(x, modulation[:, row], past, bias)
        past = torch.cat([past[..., 1:, :], new], -2)
        bias = torch.cat([bias[:, 1:], torch.zeros(batch, 1)], 1)
        outputs.append(x)
    return torch.cat(outputs, 1)


@torch.no_grad()
def test_sliding_cache_equals_the_whole_sequence_far_beyond_the_window(trunk):
    tokens, modulation = draw(rows=40)
    whole, streamed = run(trunk, tokens, modulation), stream(trunk, tokens, modulation)
    torch.testing.assert_close(streamed, whole, atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_a_row_does_not_see_later_rows(trunk):
    tokens, modulation = draw(rows=5)
    changed = tokens.clone()
    changed[:, 3] = (changed[:, 3] + 1) % CONFIG.levels
    before, after = run(trunk, tokens, modulation), run(trunk, changed, modulation)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3])


@torch.no_grad()
def test_an_action_moves_its_own_row_and_none_before_it(trunk):
    tokens, modulation = draw(rows=5)
    changed = modulation.clone()
    changed[:, 2] += 1.0
    before, after = run(trunk, tokens, modulation), run(trunk, tokens, changed)
    torch.testing.assert_close(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2], after[:, 2])


@torch.no_grad()
def test_a_masked_token_does_not_leak_into_the_embedding(trunk):
    tokens, _ = draw(rows=1)
    masked = torch.ones(tokens.shape[:3], dtype=torch.bool)
    other = (tokens + 1) % CONFIG.levels
    torch.testing.assert_close(
        trunk.embed(tokens, tokens, masked), trunk.embed(other, tokens, masked)
    )


@torch.no_grad()
def test_training_layout_predicts_each_frame_as_the_robot_imagines_it(trunk):
    """A masked row of the training layout equals one masked pass on a cache of clean rows."""
    rows = CONFIG.window
    tokens, modulation = draw(rows=rows + 1)
    lag, allowed = layout(rows, CONFIG.window)
    levels = torch.cat([tokens[:, :rows], tokens[:, 1:]], 1)
    first = torch.cat([tokens[:, :1], tokens[:, : rows - 1]], 1)
    previous = torch.cat([first, tokens[:, :rows]], 1)
    masked = torch.zeros(levels.shape[:3], dtype=torch.bool)
    masked[:, rows:] = True
    doubled = torch.cat([modulation[:, :rows], modulation[:, 1:]], 1)
    trained = trunk(trunk.embed(levels, previous, masked), doubled, lag, allowed)[:, -1:]

    batch, kept = len(tokens), CONFIG.window - 1
    past = torch.zeros(
        CONFIG.layers, 2, batch, CONFIG.row_tokens, CONFIG.heads, kept, CONFIG.head_width
    )
    bias = torch.full((batch, kept), float('-inf'))
    for row in range(rows):
        own, before = tokens[:, row : row + 1], first[:, row : row + 1]
        x = trunk.embed(own, before, torch.zeros(own.shape[:3], dtype=torch.bool))
        _, new = trunk.step(x, modulation[:, row], past, bias)
        past = torch.cat([past[..., 1:, :], new], -2)
        bias = torch.cat([bias[:, 1:], torch.zeros(batch, 1)], 1)
    hidden = torch.ones(own.shape[:3], dtype=torch.bool)
    x = trunk.embed(tokens[:, rows:], tokens[:, rows - 1 : rows], hidden)
    imagined, _ = trunk.step(x, modulation[:, rows], past, bias)
    torch.testing.assert_close(imagined, trained, atol=2e-5, rtol=1e-5)
