# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma finetune``, from an imported data set to a bundle that acts, at a tiny size."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step
from hma_ros.network.checkpoint import load_hma, save_hma, save_tokenizer
from hma_ros.network.config import Compat, Domain, HmaConfig, Joints, preset
from hma_ros.network.initial import initialised
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.runtime.world_model import WorldModel

SPEC = load_embodiment('sim_planar')
TOKENS = TokenizerConfig(
    patch=32, factors=6, width=8, detail_width=4, encoder_blocks=1, decoder_blocks=1
)
SIZES = {'layers': 1, 'heads': 2, 'width': 16, 'positions': 16, 'action_tokens': 1}
FACTORS = {'factors': TOKENS.factors, 'factor_size': TOKENS.levels}
JOINTS = Joints(('slide',), (0.0,), (1.0,), 'unknown', (0.0,), (1.0,))
BASE_STEPS = ['--steps', '2', '--windows', '2']
STEPS = [*BASE_STEPS, '--head-steps', '2']


@pytest.fixture(autouse=True)
def _uncompiled(monkeypatch):
    monkeypatch.setattr('torch.compile', lambda function: function)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Write a data set as ``hma data import`` does."""
    folder = tmp_path_factory.mktemp('data') / 'set'
    writer, rng = LeRobotWriter(folder, SPEC, 'push'), np.random.default_rng(0)
    for _ in range(3):
        file = writer.begin()
        for step in range(8):
            frame = rng.integers(256, size=(128, 128, 3)).astype(np.uint8)
            place = np.float32([0.01 * step, 0.05])
            file.add(Step(step, frame, place, place[None]))
        writer.end(file, True)
    writer.commit({'path': 'made up', 'sha256': ''})
    return folder


@pytest.fixture(scope='module')
def run_folder(tmp_path_factory):
    """Write a run as ``hma train`` does, with a robot of its own."""
    folder = tmp_path_factory.mktemp('run')
    torch.manual_seed(0)
    save_hma(
        initialised(
            preset('small', [Domain('old', 1, (0.0,), (1.0,), joints=JOINTS)], **SIZES, **FACTORS)
        ),
        folder / 'model',
    )
    save_tokenizer(FrameTokenizer(TOKENS), folder / 'tokenizer')
    return folder


@pytest.fixture(scope='module')
def authors(tmp_path_factory, write_released):
    """Write a checkpoint of the authors' layout, which was never trained to act."""
    torch.manual_seed(0)
    config = HmaConfig(
        **SIZES,
        **FACTORS,
        window=4,
        predict_actions=False,
        compat=Compat.UPSTREAM,
        domains=(Domain('table', 1, (0.0, 0.0), (1.0, 1.0)), Domain('cup', 2, (0.0,), (1.0,))),
    )
    return write_released(initialised(config), tmp_path_factory.mktemp('authors') / 'base')


def finetune(init, data, out, *words):
    return main(['finetune', '--init', str(init), '--data', str(data), '--out', str(out), *words])


def act(bundle):
    model = WorldModel(bundle, SPEC.stem)
    for frame in np.random.default_rng(0).integers(0, 256, (3, 128, 128, 3)).astype(np.uint8):
        model.observe(frame, None, np.zeros(len(model.stem.joint_names), np.float32))
    assert np.isfinite(model.act()).all()
    return model


def test_a_run_becomes_a_bundle_that_acts_and_resumes(run_folder, data, tmp_path, capsys):
    out, bundle = tmp_path / 'out', tmp_path / 'bundle'
    assert finetune(run_folder, data, out, *STEPS) == 0
    said = capsys.readouterr().out
    assert '3 episodes, 21 steps of sim_planar' in said
    assert 'expected 10 or more for a policy' in said
    (tokens,) = (data / 'tokens').glob('*.npy')
    before = tokens.stat().st_mtime_ns
    assert finetune(run_folder, data, out, *STEPS) == 0
    assert tokens.stat().st_mtime_ns == before
    assert main(['export', str(out), '--out', str(bundle)]) == 0
    assert act(bundle).manifest.reads_joints
    facts = json.loads((out / 'fine_tuned' / 'provenance.json').read_text())
    assert facts['settings']['data']['episodes'] == 3
    assert len(facts['settings']['init']['sha256']) == 64


def test_a_tokenizer_that_does_not_show_the_scene_is_said_before_training(
    run_folder, data, tmp_path, capsys, monkeypatch
):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('hma_ros.training.tokens.encoded_once', stop)
    finetune(run_folder, data, tmp_path / 'out', *STEPS)
    said = capsys.readouterr().out
    assert re.search(r'frame tokenizer: reconstructs these frames at \d+\.\d dB PSNR', said)
    assert 'expected 25 or more: the arm or small things may be missing in every frame' in said


def test_tensorboard_is_refused_at_once_without_its_package(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)
    nowhere = tmp_path / 'nowhere'
    assert finetune(nowhere, nowhere, tmp_path / 'out', '--tensorboard') == 2
    assert 'expected the package; pip install tensorboard' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_other_options_do_not_go_on_with_a_run(run_folder, data, tmp_path, capsys):
    assert finetune(run_folder, data, tmp_path, *STEPS) == 0
    assert finetune(run_folder, data, tmp_path, *STEPS, '--trunk', 'all') == 2
    assert "trunk: got a run with 'lora', expected 'all'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('small', 'words', 'message'),
    [
        (True, ['--trunk', 'all', '--rank', '4'], '--rank: got 4, expected it with --trunk lora'),
        (False, ['--head-steps', '9'], '--head-steps: got 9, expected it with a model of preset'),
        (False, ['--masked-history', '0'], '--masked-history: got 0.0, expected it with a model'),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(
    authors, run_folder, data, tmp_path, capsys, small, words, message
):
    words = ['--tokenizer', str(run_folder / 'tokenizer'), *words]
    assert finetune(run_folder if small else authors, data, tmp_path, *words) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('length', ['1', '100000'])
def test_a_window_is_as_long_as_an_episode_at_most(run_folder, data, tmp_path, capsys, length):
    words = [*STEPS, '--length', length]
    assert finetune(run_folder, data, tmp_path / 'out', *words) == 2
    message = f'--length: got {length}, expected 2 to 7, the steps of the longest episode in'
    assert message in capsys.readouterr().err


def test_augmented_copies_of_the_demonstrations_are_learned_from_too(run_folder, data, tmp_path):
    out = tmp_path / 'out'
    assert finetune(run_folder, data, out, *STEPS, '--augment', '1') == 0
    counts = {len(np.load(path)) for path in (data / 'tokens').glob('*.npy')}
    assert 2 * 24 in counts
    assert json.loads((out / 'provenance.json').read_text())['settings']['augment'] == 1


def test_demonstrations_held_out_tell_how_well_the_others_were_learned(
    run_folder, data, tmp_path, capsys
):
    assert finetune(run_folder, data, tmp_path, *STEPS, '--held-out', '1') == 0
    said = capsys.readouterr().out
    assert '1 episode held out:\n  frames: perplexity ' in said
    assert re.search(r'\n  actions: R2 \S+, and \S+ on episodes learned from', said)
    facts = json.loads((tmp_path / 'provenance.json').read_text())
    assert len(facts['settings']['held_out']) == 1
    assert finetune(run_folder, data, tmp_path / 'none', *STEPS, '--held-out', '3') == 2
    assert '--held-out: got 3 of 3 episodes, expected fewer' in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(run_folder, data, tmp_path, capsys):
    (tmp_path / 'taken').write_text('')
    assert finetune(run_folder, data, tmp_path / 'taken' / 'out', *STEPS) == 2
    text = capsys.readouterr().err
    assert f'hma: error: --out: got {tmp_path}/taken/out, expected a folder that can be' in text


def test_another_tokenizer_does_not_go_on_with_a_run(run_folder, data, tmp_path, capsys):
    """Else a bundle would show what another tokenizer makes of the tokens."""
    assert finetune(run_folder, data, tmp_path / 'out', *STEPS) == 0
    torch.manual_seed(1)
    save_tokenizer(FrameTokenizer(TOKENS), tmp_path / 'other')
    words = [*STEPS, '--tokenizer', str(tmp_path / 'other')]
    assert finetune(run_folder, data, tmp_path / 'out', *words) == 2
    assert 'provenance.json: tokenizer: got a run with' in capsys.readouterr().err


def test_a_model_is_not_replaced_by_what_it_becomes(run_folder, data, capsys):
    weights = (run_folder / 'model' / 'model.safetensors').read_bytes()
    assert finetune(run_folder, data, run_folder, *STEPS) == 2
    assert 'expected another folder than --out' in capsys.readouterr().err
    assert (run_folder / 'model' / 'model.safetensors').read_bytes() == weights


def test_a_bundle_is_not_exported_without_its_tokenizer(run_folder, tmp_path, capsys):
    (tmp_path / 'model').symlink_to(run_folder / 'model')
    (tmp_path / 'tokenizer').symlink_to(tmp_path / 'moved.ckpt')
    assert main(['export', str(tmp_path), '--out', str(tmp_path / 'bundle')]) == 2
    assert 'moved.ckpt: no such file or folder' in capsys.readouterr().err
    assert not (tmp_path / 'bundle').exists()


def test_a_fine_tuned_run_with_a_frozen_trunk_takes_one_robot_more(run_folder, data, tmp_path):
    frozen = [*STEPS, '--trunk', 'frozen']
    assert finetune(run_folder, data, tmp_path / 'one', *frozen) == 0
    assert finetune(tmp_path / 'one', data, tmp_path / 'two', *frozen, '--stem', 'second') == 0
    config = load_hma(tmp_path / 'two' / 'fine_tuned').config
    assert [domain.name for domain in config.domains] == ['old', SPEC.stem, 'second']


def test_a_checkpoint_of_the_authors_becomes_a_bundle_that_acts(
    authors, run_folder, data, tmp_path
):
    words = ['--tokenizer', str(run_folder / 'tokenizer'), '--bundle', str(tmp_path / 'bundle')]
    assert finetune(authors, data, tmp_path / 'out', *words, *BASE_STEPS) == 0
    model = act(tmp_path / 'bundle')
    assert list(model.manifest.stems) == [SPEC.stem]
    assert not model.stem.joint_names


def test_the_data_set_is_no_place_for_the_run(run_folder, data, capsys):
    before = sorted(data.rglob('*'))
    assert finetune(run_folder, data, data / '..' / data.name) == 2
    assert 'which holds data, expected a folder of its own' in capsys.readouterr().err
    assert sorted(data.rglob('*')) == before


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ([], 'got no frame tokenizer, expected one; set --tokenizer'),
        (['--tokenizer', 'nowhere'], 'no such file or folder, expected a frame tokenizer'),
    ],
)
def test_a_checkpoint_without_a_tokenizer_is_refused(
    authors, data, tmp_path, capsys, words, message
):
    assert finetune(authors, data, tmp_path, *words) == 2
    assert message in capsys.readouterr().err


def test_frames_of_another_size_are_refused(run_folder, data, tmp_path, capsys):
    save_hma(load_hma(run_folder / 'model'), tmp_path / 'small' / 'model')
    sizes = replace(TOKENS, image_size=64, patch=16)
    save_tokenizer(FrameTokenizer(sizes), tmp_path / 'small' / 'tokenizer')
    assert finetune(tmp_path / 'small', data, tmp_path / 'out') == 2
    assert 'got [128, 128], expected [64, 64]' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--rate', '0'], 'got 0, expected a number above 0'),
        (['--masked-history', '2'], 'got 2, expected a share in [0, 1]'),
        (['--stem', 'a.b'], "got 'a.b', expected letters, digits and _"),
    ],
)
def test_options_out_of_range_are_refused(words, message, capsys):
    with pytest.raises(SystemExit):
        finetune('hma_sim', Path('data'), Path('out'), *words)
    assert message in capsys.readouterr().err
