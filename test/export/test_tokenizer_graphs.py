# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The published tokenizers compute the same in onnxruntime."""

import numpy as np
import onnxruntime
import torch
from diffusers import AutoencoderKLTemporalDecoder

from hma_ros.export.graphs import write_graph
from hma_ros.export.tokenizer_graphs import magvit2_parts, svd_parts
from hma_ros.network.magvit2 import Magvit2, Magvit2Config
from hma_ros.network.svd_vae import SvdVae


def run(part, folder):
    """What torch and onnxruntime make of the same inputs, of one picture and of several."""
    write_graph(part, folder / f'{part.name}.onnx')
    session = onnxruntime.InferenceSession(folder / f'{part.name}.onnx')
    assert [output.name for output in session.get_outputs()] == part.outputs
    for batch in (1, 2):
        inputs = {name: value[:batch] for name, value in part.inputs.items()}
        with torch.no_grad():
            expected = part.module(*inputs.values()).numpy()
        (found,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        yield found, expected


def assert_equal_pictures(drawn, expected):
    assert drawn.dtype == np.uint8
    # A value that lies on a whole number may be truncated to either side of it.
    assert np.abs(drawn.astype(int) - expected).max() <= 1
    assert (drawn == expected).mean() > 0.99


def test_magvit2_graphs_compute_what_the_network_computes(tmp_path):
    torch.manual_seed(0)
    config = Magvit2Config(image_size=16, width=32, multipliers=(1, 2), blocks=1)
    encoder, decoder = magvit2_parts(Magvit2(config).eval())
    for ids, expected in run(encoder, tmp_path):
        assert ids.dtype == np.int64
        np.testing.assert_array_equal(ids, expected)
    for drawn, expected in run(decoder, tmp_path):
        assert_equal_pictures(drawn, expected)


def test_svd_graphs_compute_what_the_network_computes(tmp_path):
    torch.manual_seed(0)
    autoencoder = AutoencoderKLTemporalDecoder(
        down_block_types=('DownEncoderBlock2D',) * 2, block_out_channels=(32, 32)
    )
    encoder, decoder = svd_parts(SvdVae(autoencoder).eval(), image_size=16)
    for latents, expected in run(encoder, tmp_path):
        assert latents.dtype == np.float32
        np.testing.assert_allclose(latents, expected, rtol=1e-4, atol=1e-5)
    for drawn, expected in run(decoder, tmp_path):
        assert_equal_pictures(drawn, expected)
