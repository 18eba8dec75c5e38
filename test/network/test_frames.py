# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frames as HMA takes them."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.patches import patchify as patchify_array
from hma_ros.network.checkpoint import save_tokenizer
from hma_ros.network.config import Diffusion, HmaConfig
from hma_ros.network.frames import load_codec, make_codec, patchify, unpatchify
from hma_ros.network.magvit2 import Magvit2, Magvit2Config
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig

MAGVIT2 = Magvit2Config(image_size=16, width=32, multipliers=(1, 2), blocks=1)
OWN = TokenizerConfig(
    image_size=32, patch=8, factors=3, levels=4, width=8, detail_width=4, encoder_blocks=1
)
PARTS = Diffusion(patch=2, latent_channels=3, width=8, blocks=1, steps=10, mask_steps=2)


def config(**changes):
    return HmaConfig(**{'layers': 1, 'heads': 1, 'width': 8, 'window': 4, **changes})


@pytest.fixture(scope='module')
def frames():
    torch.manual_seed(1)
    return torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8)


def test_factor_0_is_in_the_lowest_digits(frames):
    torch.manual_seed(0)
    tokenizer = Magvit2(MAGVIT2).eval()
    codec = make_codec(tokenizer, config(positions=64))
    with torch.no_grad():
        ids = tokenizer.encode(frames[:, :16, :16])
        factors = codec.encode(frames[:, :16, :16])
        assert factors.shape == (2, 64, 2)
        torch.testing.assert_close(factors[..., 0], ids % 512)
        torch.testing.assert_close(factors[..., 1], ids // 512)
        torch.testing.assert_close(codec.decode(factors), tokenizer.decode(ids))


def test_levels_and_latents_of_our_tokenizer(frames):
    torch.manual_seed(0)
    tokenizer = FrameTokenizer(OWN).eval()
    levels = make_codec(tokenizer, config(positions=16, factors=3, factor_size=4))
    latents = make_codec(tokenizer, config(positions=16, diffusion=PARTS), latent_scale=2.5)
    with torch.no_grad():
        torch.testing.assert_close(levels.encode(frames), tokenizer.encode(frames))
        values = tokenizer.encode_continuous(frames)
        patches = latents.encode(frames)
        expected = patchify_array(2.5 * values.unflatten(1, (4, 4)).numpy(), 2)
        np.testing.assert_allclose(patches, expected)
        assert (latents.decode(patches).int() - tokenizer.decode(values)).abs().max() <= 1
    assert (levels.name, latents.name, latents.latent_scale) == ('levels', 'values', 2.5)


def test_patches_are_those_of_the_data_sets():
    pixels = torch.randn(2, 4, 4, 3)
    patches = patchify(pixels, 2)
    np.testing.assert_array_equal(patches, patchify_array(pixels.numpy(), 2))
    torch.testing.assert_close(unpatchify(patches, 2), pixels)


@pytest.mark.parametrize(
    ('wanted', 'message'),
    [
        ({'positions': 16}, 'got 64 tokens.*expected 16 tokens of 2 factors of 512'),
        ({'positions': 32}, 'positions: got 32, expected a square'),
        ({'positions': 64, 'factor_size': 64}, '2 factors of 512.*2 factors of 64,'),
        ({'positions': 64, 'diffusion': PARTS}, '64 tokens.*64 latents of 3 channels'),
    ],
)
def test_what_does_not_fit_is_refused_with_both(wanted, message):
    with pytest.raises(ConfigError, match=message):
        make_codec(Magvit2(MAGVIT2), config(**wanted))


def test_the_kind_of_file_tells_the_tokenizer(tmp_path):
    torch.manual_seed(0)
    save_tokenizer(FrameTokenizer(OWN), tmp_path / 'own')
    codec = load_codec(tmp_path / 'own', config(positions=16, factors=3, factor_size=4))
    assert codec.name == 'levels'
    save_file(Magvit2(MAGVIT2).state_dict(), tmp_path / 'magvit2.safetensors')
    # Its sizes are those of the file, and compared with what the model takes.
    with pytest.raises(ConfigError, match='got .* tokens of'):
        load_codec(tmp_path / 'magvit2.safetensors', config(positions=256))
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ConfigError, match='expected a copy of the folder vae'):
        load_codec(tmp_path / 'empty', config(positions=16, diffusion=PARTS))
