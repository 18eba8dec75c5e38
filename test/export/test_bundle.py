# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Export proves itself."""

import shutil

import numpy as np
import pytest
import torch

from hma_ros.core.errors import BundleError
from hma_ros.export.bundle import export_bundle, prove
from hma_ros.export.graphs import bundle_parts
from hma_ros.network.hma import Hma, StemConfig
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.network.trunk import TrunkConfig
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import read_facts, write_facts
from hma_ros.runtime.world_model import WorldModel

TOKENS = TokenizerConfig(
    image_size=32, width=16, detail_width=8, encoder_blocks=1, decoder_blocks=1
)
TRUNK = TrunkConfig(width=32, layers=2, head_width=16, image_tokens=TOKENS.image_tokens)


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    torch.manual_seed(0)
    stem = StemConfig(
        'two_axes',
        'sim_planar',
        'simulation',
        ('x', 'y'),
        2,
        5.0,
        (0.0, 1.0),
        (1.0, 2.0),
        (-1.0, -1.0),
        (1.0, 1.0),
        ('left', 'right'),
        (0.5, 0.5),
        (0.1, 0.1),
        'last',
        (0.0, 0.0),
        (0.3, 0.3),
        state_size=3,
    )
    model, folder = Hma(TRUNK, [stem]).eval(), tmp_path_factory.mktemp('bundle')
    export_bundle(model, FrameTokenizer(TOKENS).eval(), folder)
    return model, folder


def test_half_precision_is_proven_and_recorded(exported, tmp_path):
    torch.manual_seed(3)
    tokenizer = FrameTokenizer(TOKENS).eval()
    folder = export_bundle(exported[0], tokenizer, tmp_path / 'new', precision='fp16')
    manifest = Manifest.read(folder)
    assert manifest.precision == 'fp16'
    assert manifest.parity['least_agreement'] > 0.98
    model = WorldModel(folder, 'two_axes', threads=1)
    model.observe(np.full((32, 32, 3), 90, np.uint8), None, np.array([0.4, 0.5]))
    assert model.imagine(None, 1).frames.dtype == np.uint8


def test_manifest_records_the_proof_and_the_origin(exported):
    manifest = Manifest.read(exported[1])
    assert manifest.stem('two_axes').trained_on == 'simulation'
    assert manifest.parity['least_agreement'] > 0.98
    assert 0 < manifest.parity['largest_relative_error'] < 2e-2
    assert manifest.precision == 'fp32'
    assert manifest.stem('two_axes').stride == 2
    assert manifest.stem('two_axes').joint_names == ('left', 'right')


def test_bundle_runs(exported):
    torch.manual_seed(1)
    model = WorldModel(exported[1], 'two_axes', threads=1)
    picture = torch.randint(256, (32, 32, 3), dtype=torch.uint8).numpy()
    model.observe(picture, None, np.array([0.4, 0.5]))
    assert model.imagine(None, 2).frames.shape == (2, 32, 32, 3)


def test_graphs_of_another_network_are_refused(exported):
    torch.manual_seed(2)
    other = Hma(TRUNK, list(exported[0].stem_configs.values())).eval()
    with pytest.raises(BundleError, match=r'relative error .* \(at most'):
        prove(bundle_parts(other, FrameTokenizer(TOKENS), 4)[2], exported[1])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'window': 9}, r"trunk\.onnx: input 'past' .*, expected"),
        ({'image_size': 48}, r"encoder\.onnx: input 'frames'"),
        ({'levels': 3}, r"trunk\.onnx: output 'logits'"),
    ],
)
def test_graphs_that_the_manifest_contradicts_are_refused(exported, tmp_path, change, message):
    folder = shutil.copytree(exported[1], tmp_path / 'changed')
    write_facts(folder, {**read_facts(folder), **change})
    with pytest.raises(BundleError, match=message):
        WorldModel(folder, 'two_axes', threads=1)
