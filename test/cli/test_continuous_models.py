# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Continuous models through the commands: trained, exported, measured, fine-tuned, acting."""

import json

import numpy as np
import pytest
import torch

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.data.episodes import Episode, EpisodeWriter
from hma_ros.network.checkpoint import load_hma, save_tokenizer
from hma_ros.network.config import Compat, Diffusion, Domain, HmaConfig
from hma_ros.network.initial import initialised
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.runtime.world_model import WorldModel

SPEC = load_embodiment('sim_planar')
SIDE = 128
TOKENS = TokenizerConfig(
    patch=32, factors=4, width=8, detail_width=4, encoder_blocks=1, decoder_blocks=1
)
SIZES = ['--layers', '1', '--heads', '2', '--width', '16', '--window', '3', '--action-tokens', '1']
DIFFUSION = ['--patch', '2', '--head-width', '8', '--head-blocks', '1']
STEPS = ['--steps', '30', '--windows', '2']


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr('torch.compile', lambda function: function)
    monkeypatch.setattr('hma_ros.training.run._LOG_EVERY', 1)


def write_episodes(folder, side, count=2, steps=9):
    """Write episodes of a moving square, as ``hma generate`` does."""
    names = SPEC.action.names, SPEC.state.joints
    with EpisodeWriter(folder / 'shard_00', SPEC.name, 10.0, 1, *names) as writer:
        for number in range(count):
            frames = np.full((steps + 1, side, side, 3), 40 * number, np.uint8)
            for step, frame in enumerate(frames):
                frame[: side // 4, step * side // 16 :][:, : side // 4] = 255
            joints = np.linspace([0.0, 0.0], [0.1, 0.05], steps + 1, dtype=np.float32)
            actions = joints[1:, None]
            writer.add(Episode(frames, actions, actions, joints, joints, 'expert', 0, True))
    return folder


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    for split in ('train', 'val'):
        write_episodes(folder / SPEC.name / split, SIDE)
    return folder


@pytest.fixture(scope='module')
def trained(data, tmp_path_factory):
    """Train from nothing, with the network in the bundle; ``run``, ``bundle``, ``tokenizer``."""
    folder = tmp_path_factory.mktemp('trained')
    torch.manual_seed(0)
    save_tokenizer(FrameTokenizer(TOKENS), folder / 'tokenizer')
    words = ['--data', str(data), '--embodiments', SPEC.name, '--torch']
    for option in ('tokenizer', 'bundle'):
        words += [f'--{option}', str(folder / option)]
    out = ['--out', str(folder / 'run')]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('torch.compile', lambda function: function)
        patch.setattr('hma_ros.training.run._LOG_EVERY', 1)
        model = ['train', 'model', '--kind', 'continuous']
        assert main([*model, *words, *SIZES, *DIFFUSION, *STEPS, *out]) == 0
    return folder


def losses(run):
    lines = map(json.loads, (run / 'model' / 'log.jsonl').read_text().splitlines())
    return [sum(value for name, value in line.items() if '/' in name) for line in lines]


def act(bundle, side=SIDE):
    model = WorldModel(bundle, SPEC.stem)
    for frame in np.random.default_rng(0).integers(0, 256, (3, side, side, 3)).astype(np.uint8):
        model.observe(frame, None)
    assert np.isfinite(model.act()).all()
    rollout = model.imagine(None, 2)
    assert rollout.frames.shape == (2, side, side, 3)
    assert rollout.actions is not None
    assert not model.manifest.policy_refusal
    # The node does not wait for joints that the model does not read.
    assert not model.stem.joint_names
    return model


def test_it_is_trained_from_nothing_and_its_bundle_acts(trained):
    found = losses(trained / 'run')
    assert np.mean(found[-5:]) < np.mean(found[:5])
    manifest = act(trained / 'bundle').manifest
    assert (manifest.kind, manifest.frames.tokenizer) == ('continuous', 'values')


def test_its_predictions_are_measured(trained, data, tmp_path, capsys):
    words = ['--bundle', str(trained / 'bundle'), '--data', str(data), '--steps', '2']
    words += ['--trials', '1', '--horizon', '2', '--out', str(tmp_path / 'measured.json')]
    assert main(['evaluate', 'prediction', *words]) == 0
    assert SPEC.name in capsys.readouterr().out


@pytest.mark.parametrize('source', ['run', 'bundle'])
def test_it_is_fine_tuned_to_one_robot_more(trained, data, tmp_path, source):
    words = ['--init', str(trained / source), '--data', str(data / SPEC.name / 'train')]
    words += ['--trunk', 'frozen', '--stem', 'second', '--out', str(tmp_path)]
    assert main(['finetune', *words, '--steps', '2', '--windows', '2']) == 0
    config = load_hma(tmp_path / 'model').config
    assert [domain.name for domain in config.domains] == [SPEC.stem, 'second']
    assert config.diffusion is not None


def test_it_is_trained_further(trained, data, tmp_path):
    words = [
        '--init',
        str(trained / 'bundle'),
        '--data',
        str(data),
        '--out',
        str(tmp_path / 'run'),
    ]
    words += ['--embodiments', SPEC.name, '--steps', '2', '--windows', '2']
    assert main(['train', 'model', *words]) == 0
    assert load_hma(tmp_path / 'run' / 'model').config.diffusion is not None


def test_a_checkpoint_of_the_authors_is_fine_tuned_with_the_svd_autoencoder(
    tmp_path, write_released
):
    from diffusers import AutoencoderKLTemporalDecoder

    torch.manual_seed(0)
    blocks = {'down_block_types': ('DownEncoderBlock2D',) * 2, 'block_out_channels': (32, 64)}
    AutoencoderKLTemporalDecoder(**blocks).save_pretrained(tmp_path / 'svd' / 'vae')
    parts = Diffusion(patch=2, latent_channels=4, width=16, blocks=1, steps=10, mask_steps=2)
    sizes = {'layers': 1, 'heads': 2, 'width': 16, 'window': 4, 'positions': 256}
    config = HmaConfig(
        **sizes,
        action_tokens=1,
        predict_actions=False,
        compat=Compat.UPSTREAM,
        domains=(Domain('table', 1, (0.0, 0.0), (1.0, 1.0)),),
        diffusion=parts,
    )
    checkpoint = write_released(initialised(config), tmp_path / 'hma-base-cont')
    # Two levels halve a frame once: 16 x 16 latents.
    data = write_episodes(tmp_path / 'data', 32)
    words = ['--init', str(checkpoint), '--tokenizer', str(tmp_path / 'svd'), '--data', str(data)]
    words += ['--out', str(tmp_path / 'run'), '--bundle', str(tmp_path / 'bundle')]
    assert main(['finetune', *words, *STEPS, '--trunk', 'all']) == 0
    found = losses(tmp_path / 'run')
    assert np.mean(found[-5:]) < np.mean(found[:5])
    assert act(tmp_path / 'bundle', 32).manifest.frames.tokenizer == 'svd'
