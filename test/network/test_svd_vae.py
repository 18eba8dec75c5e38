# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The SVD autoencoder against the published procedure, done by hand on its parts."""

import socket
import sys

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder
from safetensors.torch import load_file, save_file

from hma_ros.core.errors import ConfigError
from hma_ros.network.svd_vae import load_svd_vae

SIZE = 32


@pytest.fixture
def published(tmp_path):
    """A folder laid out like the published one, with random weights."""
    torch.manual_seed(0)
    autoencoder = AutoencoderKLTemporalDecoder(
        down_block_types=('DownEncoderBlock2D',) * 2, block_out_channels=(32, 64)
    )
    # As initialised, moments and images hardly vary.
    for layer in (autoencoder.quant_conv, autoencoder.decoder.time_conv_out):
        torch.nn.init.normal_(layer.weight, std=0.7)
    # The library gives the time blocks no say at first.
    for name, parameter in autoencoder.named_parameters():
        if name.endswith('mix_factor'):
            torch.nn.init.normal_(parameter)
    autoencoder.save_pretrained(tmp_path / 'vae')
    return tmp_path


@pytest.fixture
def frames():
    return torch.randint(256, (3, SIZE, SIZE, 3), dtype=torch.uint8)


def by_hand(folder):
    return AutoencoderKLTemporalDecoder.from_pretrained(
        folder, subfolder='vae', low_cpu_mem_usage=False
    ).eval()


@torch.no_grad()
def test_latents_are_the_scaled_mean_of_the_posterior(published, frames):
    parts = by_hand(published)
    scaled = torch.from_numpy(frames.numpy() / 255.0 * 2 - 1).float().movedim(-1, 1)
    moments = parts.quant_conv(parts.encoder(scaled))
    model = load_svd_vae(published)
    latents = model.encode(frames)
    torch.testing.assert_close(latents, moments[:, :4] * 0.18215)
    assert latents.shape[1:] == (model.latent_channels, *[SIZE // model.pixels] * 2)
    assert latents.std() > 0.02
    assert torch.equal(latents, model.encode(frames))


@torch.no_grad()
def test_each_frame_is_drawn_on_its_own_from_clamped_latents(published):
    parts, model = by_hand(published), load_svd_vae(published)
    latents = torch.randn(3, 4, SIZE // 2, SIZE // 2)
    latents[0, 0, :4] = 0.18215 * 70
    latents[1, 1, :4] = -0.18215 * 70
    drawn = model.decode(latents)
    for latent, image in zip(latents, drawn, strict=True):
        clamped = (latent[None] / 0.18215).clamp(-25, 25)
        output = parts.decoder(clamped, image_only_indicator=torch.zeros(1, 1), num_frames=1)
        expected = ((output[0].clamp(-1, 1) + 1) * 127.5).movedim(0, -1).numpy()
        assert np.abs(image.numpy() - np.floor(expected)).max() <= 1
        assert (image.numpy() == np.floor(expected)).mean() > 0.99
    assert drawn.unique().numel() > 100


def test_the_folder_of_the_autoencoder_itself_is_read_too(published, frames):
    whole, part = load_svd_vae(published), load_svd_vae(published / 'vae')
    with torch.no_grad():
        assert torch.equal(whole.encode(frames), part.encode(frames))


def test_no_network_is_used(published, monkeypatch):
    def refuse(*_):
        raise AssertionError('a connection was tried')

    monkeypatch.setattr(socket.socket, 'connect', refuse)
    monkeypatch.setattr(socket, 'getaddrinfo', refuse)
    load_svd_vae(published)
    with pytest.raises(ConfigError):
        load_svd_vae('stabilityai/stable-video-diffusion-img2vid')


@pytest.mark.parametrize('name', ['config.json', 'diffusion_pytorch_model.safetensors'])
def test_an_incomplete_folder_is_refused_with_what_it_lacks(published, name):
    (published / 'vae' / name).unlink()
    with pytest.raises(ConfigError, match=f'lacks {name}.*stable-video-diffusion'):
        load_svd_vae(published)


def without_bias(tensors):
    del tensors['quant_conv.bias']


def with_another(tensors):
    tensors['quant_conv.other'] = torch.zeros(1)


def of_another_shape(tensors):
    tensors['quant_conv.bias'] = torch.zeros(3)


@pytest.mark.parametrize('spoil', [without_bias, with_another, of_another_shape])
def test_wrong_weights_are_named(published, spoil):
    path = published / 'vae' / 'diffusion_pytorch_model.safetensors'
    tensors = load_file(path)
    spoil(tensors)
    save_file(tensors, path, metadata={'format': 'pt'})
    with pytest.raises(ConfigError, match=r'quant_conv\.(bias|other)'):
        load_svd_vae(published)


@pytest.mark.parametrize('name', ['config.json', 'diffusion_pytorch_model.safetensors'])
def test_a_spoiled_file_is_refused(published, name):
    (published / 'vae' / name).write_bytes(b'spoiled')
    with pytest.raises(ConfigError, match=str(published)):
        load_svd_vae(published)


def test_without_diffusers_the_error_says_how_to_get_it(published, monkeypatch):
    monkeypatch.setitem(sys.modules, 'diffusers', None)
    with pytest.raises(ConfigError, match=r'diffusers.*pip install diffusers'):
        load_svd_vae(published)
