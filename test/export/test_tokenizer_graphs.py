# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frame tokenizers compute the same in onnxruntime, and give what the trunk takes."""

import numpy as np
import onnx
import onnxruntime
import torch
from diffusers import AutoencoderKLTemporalDecoder

from hma_ros.export.tokenizer_graphs import codec_parts
from hma_ros.network.config import Diffusion, HmaConfig
from hma_ros.network.frames import make_codec
from hma_ros.network.magvit2 import Magvit2, Magvit2Config
from hma_ros.network.svd_vae import SvdVae


def run(part, folder):
    """What torch and onnxruntime make of the same inputs, of one image and of several."""
    onnx.save(part.graph(), folder / f'{part.name}.onnx')
    session = onnxruntime.InferenceSession(folder / f'{part.name}.onnx')
    assert [output.name for output in session.get_outputs()] == list(part.outputs())
    for batch in (1, 2):
        inputs = {name: value[:batch] for name, value in part.inputs.items()}
        with torch.no_grad():
            (expected,) = (value.numpy() for value in part.module(inputs).values())
        (found,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        yield found, expected


def assert_equal_images(drawn, expected):
    assert drawn.dtype == np.uint8
    # A value that lies on a whole number may be truncated to either side of it.
    assert np.abs(drawn.astype(int) - expected).max() <= 1
    assert (drawn == expected).mean() > 0.99


def sizes(**changes):
    return HmaConfig(layers=1, heads=1, width=8, window=4, **changes)


def test_magvit2_graphs_compute_what_the_network_computes(tmp_path):
    torch.manual_seed(0)
    config = Magvit2Config(image_size=16, width=32, multipliers=(1, 2), blocks=1)
    encoder, decoder = codec_parts(make_codec(Magvit2(config).eval(), sizes(positions=64)))
    for factors, expected in run(encoder, tmp_path):
        assert (factors.dtype, factors.shape[1:]) == (np.int64, (64, 2))
        np.testing.assert_array_equal(factors, expected)
    for drawn, expected in run(decoder, tmp_path):
        assert_equal_images(drawn, expected)


def test_svd_graphs_compute_what_the_network_computes(tmp_path):
    torch.manual_seed(0)
    autoencoder = AutoencoderKLTemporalDecoder(
        down_block_types=('DownEncoderBlock2D',) * 2, block_out_channels=(32, 64)
    )
    config = sizes(
        positions=256, diffusion=Diffusion(2, 4, width=8, blocks=1, steps=10, mask_steps=2)
    )
    encoder, decoder = codec_parts(make_codec(SvdVae(autoencoder).eval(), config))
    for patches, expected in run(encoder, tmp_path):
        assert (patches.dtype, patches.shape[1:]) == (np.float32, (64, 16))
        np.testing.assert_allclose(patches, expected, rtol=1e-4, atol=1e-5)
    for drawn, expected in run(decoder, tmp_path):
        assert_equal_images(drawn, expected)
