# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A trunk cut into lanes is the whole trunk."""

from itertools import pairwise

import pytest
import torch

from hma_ros.core.lanes import LANES
from hma_ros.core.rotary import rotations
from hma_ros.core.rows import EMPTY_ROW
from hma_ros.network.paper.config import Diffusion, Injection, Meaning, TimePositions
from hma_ros.network.paper.continuous import ContinuousHma
from hma_ros.network.paper.lanes import EnterPart, LayerPart, LeavePart, has_lanes
from hma_ros.network.paper.parts import StemPart, TrunkPart

BATCH, ROWS = 2, 2
# Double precision; what remains is the order of sums.
TOLERANCE = 1e-10


def feeds_of(model) -> dict[str, torch.Tensor]:
    config, slots = model.config, model.config.rows - 1
    torch.manual_seed(1)
    index = torch.arange(slots - 1, slots - 1 + ROWS)
    feeds = {
        **tokens_of(config),
        'index': index,
        'past_index': torch.tensor([EMPTY_ROW, *range(slots - 1)]),
        **StemPart(model, 'robot')(
            {
                'chunk': torch.randn(BATCH, ROWS, config.domains[0].chunk_size).double(),
                'known': torch.tensor([[True, False], [True, True]]),
                'index': index,
            }
        ),
    }
    if config.time is TimePositions.ROTARY:
        feeds['rotation'] = torch.from_numpy(rotations(index.numpy(), config.head_width)).double()
    kept = (BATCH, config.kept_tokens, config.heads, slots, config.head_width)
    for layer in range(config.layers):
        for what in ('key', 'value'):
            feeds[f'past_{what}_{layer}'] = torch.randn(kept).double()
    return feeds


def tokens_of(config) -> dict[str, torch.Tensor]:
    shape = (BATCH, ROWS, config.image_tokens)
    masked = torch.rand(shape) < 0.5
    if config.diffusion is None:
        return {'tokens': torch.randint(4, (*shape, config.factors)), 'masked': masked}
    return {'tokens': torch.randn(*shape, 4).double(), 'masked': masked}


def run_lanes(model, feeds) -> dict[str, torch.Tensor]:
    state, kept = EnterPart(model)(feeds), {}
    for layer, (block, following) in enumerate(pairwise([*model.blocks, None])):
        part = LayerPart(block, following, 'robot')
        said = [part({**feeds, **state, **own(feeds, state, layer, i)}) for i in range(LANES)]
        state = {
            f'{name}_{lane}': said[lane][f'{name}_next']
            for name in ('x', 'query', 'key', 'value')
            for lane in range(LANES)
            if f'{name}_next' in said[lane]
        }
        for what in ('key', 'value'):
            parts = [lane[f'kept_{what}'] for lane in said]
            kept[f'kept_{what}_{layer}'] = torch.cat(parts, 2)
    return {**LeavePart(model, 'robot')({**feeds, **state}), **kept}


def own(feeds, state, layer: int, lane: int) -> dict[str, torch.Tensor]:
    """What only one lane reads."""
    past = {
        f'past_{what}': feeds[f'past_{what}_{layer}'].chunk(LANES, 1)[lane]
        for what in ('key', 'value')
    }
    x, query = state[f'x_{lane}'], state[f'query_{lane}']
    return {**past, 'x': x, 'query': query, 'layer': torch.tensor([layer])}


def assert_same(model) -> None:
    feeds = feeds_of(model)
    expected = TrunkPart(model, 'robot')(feeds)
    found = run_lanes(model, feeds)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert (found[name] - value).abs().max() <= TOLERANCE * value.abs().max(), name


@pytest.mark.parametrize('time', TimePositions)
@pytest.mark.parametrize('meaning', Meaning)
def test_lanes_together_are_the_trunk(make_model, conditioning, meaning, time):
    model = make_model(positions=4, meaning=meaning, time=time, **conditioning)
    if model.config.injection is Injection.CROSS_ATTENTION:
        # What it keeps of a row is of no token, so of no lane.
        assert not has_lanes(model.config)
        return
    assert has_lanes(model.config)
    assert_same(model)


@pytest.mark.parametrize('meaning', Meaning)
def test_lanes_of_the_continuous_kind(make_model, meaning):
    parts = Diffusion(patch=1, latent_channels=4, width=8, blocks=1, steps=4, mask_steps=2)
    config = make_model(positions=4, meaning=meaning, diffusion=parts).config
    torch.manual_seed(0)
    assert_same(ContinuousHma(config).double().eval().requires_grad_(False))


def test_tokens_that_cannot_be_shared_out_have_no_lanes(make_model):
    assert not has_lanes(make_model(positions=3, action_tokens=2).config)
