# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The frame tokenizer."""

from dataclasses import replace

import pytest
import torch

from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig

CONFIG = TokenizerConfig(
    image_size=32,
    patch=8,
    width=32,
    detail_width=16,
    detail_stages=1,
    encoder_blocks=1,
    decoder_blocks=1,
)


def test_tokens_have_the_factored_vocabulary_and_decode_to_frames():
    torch.manual_seed(0)
    model = FrameTokenizer(CONFIG).eval()
    frames = torch.randint(256, (3, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        levels = model.encode(frames)
        drawn = model.decode(model.values(levels))
    assert levels.shape == (3, CONFIG.image_tokens, CONFIG.factors)
    assert levels.min() >= 0
    assert levels.max() < CONFIG.levels
    assert drawn.shape == frames.shape
    assert drawn.dtype == torch.uint8


@pytest.mark.parametrize('stages', [1, 2, 3])
def test_finer_stages_draw_as_many_pixels_from_as_many_tokens(stages):
    config = replace(CONFIG, patch=16, detail_stages=stages)
    model = FrameTokenizer(config).eval()
    frames = torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        levels = model.encode(frames)
        drawn = model.decode(model.values(levels))
    assert levels.shape == (2, 4, config.factors)
    assert drawn.shape == frames.shape


def test_checkpoints_of_one_stage_have_the_names_they_had():
    names = {name for name in FrameTokenizer(CONFIG).state_dict() if '.blocks.' not in name}
    assert names == {
        f'{part}.{layer}.{kind}'
        for part, layers in (
            ('encoder', ('detail', 'embed', 'out')),
            ('decoder', ('embed', 'expand', 'detail', 'out')),
        )
        for layer in layers
        for kind in ('weight', 'bias')
    }


@pytest.mark.parametrize('stages', [0, 4])
def test_stages_that_a_patch_does_not_have_are_refused(stages):
    with pytest.raises(ValueError, match=f'detail_stages: got {stages}, expected 1 to 3'):
        replace(CONFIG, detail_stages=stages)


def test_values_span_minus_one_to_one():
    model = FrameTokenizer(CONFIG)
    values = model.values(torch.arange(CONFIG.levels))
    assert values[0] == -1
    assert values[-1] == 1
    torch.testing.assert_close(values.diff(), torch.full((CONFIG.levels - 1,), 2 / 7))


@torch.no_grad()
def test_continuous_latents_are_what_is_rounded_to_levels():
    torch.manual_seed(0)
    model = FrameTokenizer(CONFIG).eval()
    model.encoder.out.weight *= 30
    frames = torch.randint(256, (3, 32, 32, 3), dtype=torch.uint8)
    latents, levels = model.encode_continuous(frames), model.encode(frames)
    assert latents.abs().max() <= 1
    # Half a step between levels: 1 / (8 - 1).
    assert (latents - model.values(levels)).abs().max() <= 1 / 7 + 1e-6
    assert levels.unique().numel() == CONFIG.levels
    assert model.decode(latents).shape == frames.shape


def test_rounding_lets_gradients_reach_the_encoder():
    model = FrameTokenizer(CONFIG)
    model(torch.rand(2, 3, 32, 32) * 2 - 1).square().mean().backward()
    assert model.encoder.out.weight.grad.abs().sum() > 0
