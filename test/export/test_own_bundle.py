# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bundles of what `hma train` makes."""

import shutil

import numpy as np
import pytest
import torch

from hma_ros.core.embodiment.stem_spec import StemSpec
from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.export.bundle import (
    CODEC_TOLERANCES,
    STORED_HALF,
    TOLERANCES,
    check_part,
    export_bundle,
    own_options,
)
from hma_ros.export.bundle_weights import read_bundle_model
from hma_ros.export.tokenizer_graphs import codec_parts
from hma_ros.network.config import Domain, Joints, preset
from hma_ros.network.frames import make_codec
from hma_ros.network.initial import initialised
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import read_facts, write_facts
from hma_ros.runtime.world_model import WorldModel

TOKENS = TokenizerConfig(
    image_size=32, patch=8, width=16, detail_width=8, encoder_blocks=1, decoder_blocks=1
)
ROBOT = StemSpec(
    action_names=('x', 'y'),
    stride=2,
    frame_hz=5.0,
    embodiment='sim_planar',
    trained_on='simulation',
    lower=(-1.0, -1.0),
    upper=(1.0, 1.0),
    joint_names=('left', 'right'),
    joint_motion='last',
)
JOINTS = Joints(
    ROBOT.joint_names, (0.5, 0.5), (0.1, 0.1), 'last', (0.0, 0.0), (0.3, 0.3), state_size=3
)
STEM = Domain('two_axes', 2, (0.0, 1.0), (1.0, 2.0), ROBOT, JOINTS)
SIZES = {'heads': 2, 'width': 32, 'layers': 1, 'positions': TOKENS.image_tokens}


def network():
    config = preset('small', [STEM], **SIZES, factors=TOKENS.factors, factor_size=TOKENS.levels)
    return initialised(config).eval().requires_grad_(False)


def tokens():
    torch.manual_seed(1)
    return FrameTokenizer(TOKENS).eval()


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    torch.manual_seed(0)
    model, tokenizer = network(), tokens()
    folder = tmp_path_factory.mktemp('run') / 'bundle'
    export_bundle(model, folder, own_options(tokenizer, model.config))
    return model, folder


def image(seed=1):
    return np.random.default_rng(seed).integers(256, size=(32, 32, 3)).astype(np.uint8)


def test_half_precision_is_proven_and_recorded(exported, tmp_path):
    model, tokenizer = exported[0], tokens()
    folder = export_bundle(model, tmp_path / 'new', own_options(tokenizer, model.config, 'fp16'))
    manifest = Manifest.read(folder)
    assert manifest.precision == 'fp16'
    assert manifest.parity['least_agreement'] > 0.95
    world = WorldModel(folder, 'two_axes')
    world.observe(image(), None, np.array([0.4, 0.5]))
    assert world.imagine(None, 1).frames.dtype == np.uint8


def test_rounding_of_stored_weights_is_tolerated_and_nothing_else(exported):
    parity = Manifest.read(exported[1]).parity
    assert parity['tolerated_relative_error'] == STORED_HALF.error
    assert parity['largest_relative_error'] > 1e-5
    assert STORED_HALF.error < TOLERANCES['fp16'].error


def test_manifest_records_the_proof_and_the_origin(exported):
    manifest = Manifest.read(exported[1])
    robot = manifest.robots['two_axes']
    assert robot == ROBOT
    assert manifest.parity['least_agreement'] > 0.98
    assert 0 < manifest.parity['largest_relative_error'] < 2e-2
    assert manifest.precision == 'fp32'
    assert (manifest.action_delay, manifest.drawing, manifest.time) == (1, 'expected', 'lag')


def test_bundle_runs(exported):
    world = WorldModel(exported[1], 'two_axes')
    world.observe(image(), None, np.array([0.4, 0.5]))
    assert world.imagine(None, 2).frames.shape == (2, 32, 32, 3)


def test_joints_move_the_policy_only_where_they_are_measured(exported):
    world, chunks = WorldModel(exported[1], 'two_axes'), []
    for joints in (np.array([0.4, 0.5]), np.array([0.6, 0.5]), None):
        world.reset()
        world.observe(image(), None, joints)
        chunks.append(world.act())
    assert np.abs(chunks[0] - chunks[1]).max() > 0.1
    assert np.abs(chunks[0] - chunks[2]).max() > 0


def test_graphs_of_another_network_are_refused(exported):
    torch.manual_seed(2)
    other = make_codec(FrameTokenizer(TOKENS), exported[0].config)
    decoder, path = codec_parts(other)[1], exported[1] / 'decoder.onnx'
    with pytest.raises(BundleError, match=r'relative error .* \(at most'):
        check_part(decoder, path, CODEC_TOLERANCES['decoder'])


def test_a_policy_that_reads_joints_needs_its_robot():
    model = network()
    bare = Domain('two_axes', 2, STEM.mean, STEM.std, joints=JOINTS)
    config = preset('small', [bare], **SIZES, factors=TOKENS.factors, factor_size=TOKENS.levels)
    object.__setattr__(model, 'config', config)
    options = own_options(FrameTokenizer(TOKENS).eval(), config)
    with pytest.raises(ConfigError, match="stem 'two_axes': got no robot"):
        export_bundle(model, 'unused', options)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'window': 9}, r'layers_two_axes\.json: lag_bias of 4 lags, expected 9'),
        ({'frames': {'tokenizer': 'levels', 'image_size': 48, 'latent_scale': 1.0}}, 'encoder'),
        ({'factor_size': 3}, r"leave_two_axes\.onnx: output 'logits'"),
        ({'action_delay': 2}, 'action_delay 2, expected one of'),
    ],
)
def test_graphs_that_the_manifest_contradicts_are_refused(exported, tmp_path, change, message):
    folder = shutil.copytree(exported[1], tmp_path / 'changed')
    write_facts(folder, {**read_facts(folder), **change})
    with pytest.raises(BundleError, match=message):
        WorldModel(folder, 'two_axes')


def test_weights_that_the_exporter_folded_are_not_guessed(exported):
    with pytest.raises(BundleError, match=r'missing .*qkv\.weight.*folds small .*--torch'):
        read_bundle_model(exported[1])
