# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Open-MAGVIT2 against arrays that the published implementation computed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from hma_ros.core.errors import ConfigError
from hma_ros.network.factors import join_factors, split_ids
from hma_ros.network.magvit2 import (
    Magvit2,
    Magvit2Config,
    draw_frames,
    load_magvit2,
    scale_frames,
)

GOLDEN = Path(__file__).parents[1] / 'data' / 'magvit2' / 'tiny.npz'
TINY = Magvit2Config(image_size=16, width=32, multipliers=(1, 2), blocks=1)


@pytest.fixture(scope='module')
def golden():
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope='module')
def weights(golden):
    prefix = 'weights/'
    return {k.removeprefix(prefix): v.float() for k, v in golden.items() if k.startswith(prefix)}


@pytest.fixture(scope='module')
def model(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp('magvit2') / 'tiny.safetensors'
    save_file(weights, path)
    return load_magvit2(path, TINY)


@torch.no_grad()
def test_ids_are_those_of_the_published_implementation(model, golden):
    latents = model.encoder(scale_frames(golden['frames'], torch.float32))
    torch.testing.assert_close(latents, golden['latents'], rtol=1e-4, atol=1e-4)
    assert torch.equal(model.encode(golden['frames']), golden['ids'])


@torch.no_grad()
def test_images_are_those_of_the_published_implementation(model, golden):
    drawn = model.decode(golden['ids'])
    # A value that lies on a whole number may fall on either side of it on another machine.
    assert (drawn.int() - golden['drawn'].int()).abs().max() <= 1
    assert (drawn == golden['drawn']).float().mean() > 0.995
    assert torch.equal(draw_frames(golden['output']), golden['drawn'])


def test_factors_are_those_of_the_published_implementation(golden):
    assert torch.equal(split_ids(golden['ids']), golden['factors'])
    assert torch.equal(join_factors(golden['factors']), golden['ids'])


def test_the_first_factor_is_the_remainder():
    assert split_ids(torch.tensor([3 * 512 + 7])).tolist() == [[7, 3]]
    assert split_ids(torch.tensor(6), base=2, factors=4).tolist() == [0, 1, 1, 0]


@given(st.integers(0, 2**18 - 1), st.sampled_from([(2, 18), (8, 6), (64, 3), (512, 2)]))
def test_joining_undoes_splitting(token, vocabulary):
    base, factors = vocabulary
    split = split_ids(torch.tensor([token]), base, factors)
    assert split.max() < base
    assert join_factors(split, base).tolist() == [token]


def test_drawn_frames_are_clamped_and_truncated():
    frames = torch.tensor([-1.5, -1.0, 0.0, 0.999, 1.0, 1.5]).view(1, 1, 1, 6)
    assert draw_frames(frames).flatten().tolist() == [0, 0, 127, 254, 255, 255]


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_frames_are_scaled_as_if_in_double_precision(dtype):
    levels = torch.arange(256, dtype=torch.uint8)
    expected = torch.from_numpy(np.arange(256) / 255.0 * 2 - 1.0).to(dtype)
    scaled = scale_frames(levels.view(1, 1, 256, 1), dtype)
    assert torch.equal(scaled.flatten(), expected)


def test_the_defaults_are_the_published_sizes():
    config = Magvit2Config()
    assert (config.grid, config.image_tokens, config.factor_size) == (16, 256, 512)
    with torch.device('meta'):
        model = Magvit2(config)
    assert sum(p.numel() for p in model.parameters()) == 65_490_709
    names = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert len(names) == 175
    assert names['encoder.down.4.block.0.nin_shortcut.weight'] == (512, 256, 1, 1)
    assert names['encoder.down.3.downsample.bias'] == (256,)
    assert names['decoder.up.1.upsample.conv1.weight'] == (512, 128, 3, 3)
    assert names['decoder.conv_in.bias'] == (512,)
    assert 'decoder.up.0.upsample.conv1.weight' not in names


def test_a_lightning_checkpoint_is_read_and_its_raw_weights_are_used(tmp_path, weights, golden):
    training = {
        'loss.discriminator.main.0.weight': torch.zeros(1),
        'model_ema.decay': torch.tensor(0.999),
        'model_ema.encoderconv_inweight': torch.zeros_like(weights['encoder.conv_in.weight']),
    }
    state = {'epoch': 3, 'state_dict': weights | training, 'optimizer_states': [{'state': {}}]}
    torch.save(state, tmp_path / 'tiny.ckpt')
    model = load_magvit2(tmp_path / 'tiny.ckpt', TINY)
    with torch.no_grad():
        assert torch.equal(model.encode(golden['frames']), golden['ids'])


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, weights):
    state = {'state_dict': weights, 'hyper_parameters': {'training_args': Path('/')}}
    torch.save(state, tmp_path / 'tiny.ckpt')
    with pytest.raises(ConfigError, match=r'tiny\.ckpt: holds more than tensors.*safetensors'):
        load_magvit2(tmp_path / 'tiny.ckpt', TINY)


def test_every_wrong_name_and_shape_is_named(tmp_path, weights):
    wrong = dict(weights)
    del wrong['decoder.conv_out.bias'], wrong['encoder.mid_block.0.norm1.weight']
    wrong['encoder.conv_in.weight'] = torch.zeros(32, 1, 3, 3)
    wrong['quantize.project_in.weight'] = torch.zeros(1)
    save_file(wrong, tmp_path / 'wrong.safetensors')
    with pytest.raises(ConfigError, match=r'wrong\.safetensors') as error:
        load_magvit2(tmp_path / 'wrong.safetensors', TINY)
    for name in (
        'decoder.conv_out.bias',
        'encoder.mid_block.0.norm1.weight',
        'encoder.conv_in.weight',
        'quantize.project_in.weight',
    ):
        assert name in str(error.value)


@pytest.mark.parametrize('content', [b'', b'no checkpoint', None], ids=['empty', 'text', 'none'])
@pytest.mark.parametrize('name', ['magvit2.ckpt', 'magvit2.safetensors'])
def test_an_unreadable_file_is_named(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=name):
        load_magvit2(tmp_path / name, TINY)


def test_a_checkpoint_without_a_state_dict_is_refused(tmp_path, weights):
    torch.save(weights, tmp_path / 'bare.ckpt')
    with pytest.raises(ConfigError, match=r'bare\.ckpt.*state_dict'):
        load_magvit2(tmp_path / 'bare.ckpt', TINY)


def test_another_model_names_option_and_format(tmp_path, weights):
    save_file({'trunk.weight': torch.zeros(2)}, tmp_path / 'other.safetensors')
    message = r'unexpected trunk.weight; .*; correct --tokenizer: expected Open-MAGVIT2'
    with pytest.raises(ConfigError, match=message):
        load_magvit2(tmp_path / 'other.safetensors', TINY)


def test_what_is_no_whole_checkpoint_says_so(tmp_path, weights):
    text, half = tmp_path / 'text.ckpt', tmp_path / 'half.ckpt'
    text.write_text('epoch: 3\n')
    with pytest.raises(ConfigError, match=r'got no file of torch.save, expected a Lightning'):
        load_magvit2(text, TINY)
    torch.save({'state_dict': weights}, half)
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    with pytest.raises(ConfigError, match=r'got a truncated or damaged file.*download or copy it'):
        load_magvit2(half, TINY)
