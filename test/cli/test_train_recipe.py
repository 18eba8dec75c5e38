# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The recipe of the shipped bundle at a tiny size, from the simulator to a model that acts."""

import json
from functools import partial

import numpy as np
import pytest

from hma_ros.cli import train_recipe
from hma_ros.cli.main import main
from hma_ros.network.checkpoint import load_hma
from hma_ros.network.tokenizer import TokenizerConfig
from hma_ros.runtime.manifest_file import read_facts, write_facts
from hma_ros.runtime.world_model import WorldModel

STEM = 'planar_push'
FEW = {
    'EPISODES': {'expert': 2, 'random': 1},
    'ITERATIONS': 1,
    'ITERATION_EPISODES': 1,
    'ITERATION_STEPS': 2,
    'HEAD_STEPS': 2,
}

FEW_BLOCKS = {'encoder_blocks': 1, 'decoder_blocks': 1}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Train with as little as there can be; return the words to go on with, and the folder."""
    pytest.importorskip('hma_ros.sim')
    root = tmp_path_factory.mktemp('recipe')
    words = ['--data', str(root / 'data'), '--embodiments', 'sim_planar', '--workers', '1']
    words += ['--windows', '1', '--steps', '2', '--layers', '1', '--heads', '2', '--width', '16']
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('torch.compile', lambda function: function)
        small = partial(TokenizerConfig, width=16, detail_width=8, **FEW_BLOCKS)
        patch.setattr('hma_ros.training.tokenizer.TokenizerConfig', small)
        for name, value in FEW.items():
            patch.setattr(train_recipe, name, value)
        out = ['--out', str(root / 'run'), '--bundle', str(root / 'bundle')]
        assert main(['train', 'all', *out, '--tokenizer-steps', '2', *words]) == 0
        yield words, root


def drive(bundle):
    """Let a bundle see a few frames; return it."""
    model = WorldModel(bundle, STEM)
    for frame in np.random.default_rng(0).integers(0, 256, (3, 128, 128, 3)).astype(np.uint8):
        model.observe(frame, None, np.zeros(len(model.stem.joint_names), np.float32))
    return model


def test_the_bundle_acts_and_imagines(run):
    _, root = run
    model = drive(root / 'bundle')
    assert model.manifest.reads_joints
    assert np.isfinite(model.act()).all()
    assert model.imagine(None, 2).frames.shape == (2, 128, 128, 3)
    # Trained on its own frames, by what led to them.
    assert model.manifest.temperature == 0.5
    assert model.stem.anchor == ('joint_x', 'joint_y')
    assert (root / 'run' / 'dagger' / 'sim_planar' / 'iteration_1').exists()
    again = root / 'again'
    assert main(['export', str(root / 'run'), '--out', str(again)]) == 0
    first, second = (read_facts(folder)['stems'] for folder in (root / 'bundle', again))
    assert first == second


@pytest.mark.parametrize(
    'kind',
    [
        ['--preset', 'base', '--window', '3'],
        ['--kind', 'continuous', '--head-width', '16', '--head-blocks', '1', '--patch', '2'],
        ['--passive'],
    ],
    ids=['discrete', 'continuous', 'small without a policy'],
)
def test_other_kinds_learn_from_the_same_episodes(run, tmp_path, kind):
    words, root = run
    out = ['--out', str(tmp_path / 'run'), '--bundle', str(tmp_path / 'bundle')]
    shared = ['--tokenizer', str(root / 'run' / 'tokenizer')]
    assert main(['train', 'model', *out, *shared, *words, *kind]) == 0
    model = drive(tmp_path / 'bundle')
    # Nobody waits for joints that are not read.
    assert not model.stem.joint_names
    is_passive = '--passive' in kind
    assert bool(model.manifest.policy_refusal) == is_passive
    rollout = model.imagine(None, 2)
    assert rollout.frames.shape == (2, 128, 128, 3)
    # Without a policy it imagines whatever is done.
    assert (rollout.actions is None) == is_passive


def test_each_part_alone_goes_on_in_the_same_folder(run, tmp_path):
    words, root = run
    shared = ['--out', str(tmp_path), '--tokenizer', str(root / 'run' / 'tokenizer'), *words]
    assert main(['train', 'model', *shared, '--self-forced', '0', '--no-anchor']) == 0
    on = ['--steps', '3', '--self-forced', '1', '--self-forced-from', '2', '--no-anchor']
    assert main(['train', 'model', *shared, *on]) == 0
    assert not load_hma(tmp_path / 'model').config.anchor
    log = (tmp_path / 'model' / 'log.jsonl').read_text()
    assert [json.loads(line)['step'] for line in log.splitlines()] == [2, 3]


def test_a_trained_model_learns_more(run, tmp_path):
    words, root = run
    sizes = ['--layers', '--heads', '--width']
    kept = words[: words.index(sizes[0])]
    out = ['--out', str(tmp_path / 'more'), '--bundle', str(tmp_path / 'bundle')]
    assert main(['train', 'all', '--init', str(root / 'run'), *out, *kept]) == 0
    before, after = (load_hma(folder / 'model') for folder in (root / 'run', tmp_path / 'more'))
    assert after.config == before.config
    changed = [
        name
        for name, value in after.state_dict().items()
        if not value.equal(before.state_dict()[name])
    ]
    assert any('decoder.layers' in name for name in changed)
    model = drive(tmp_path / 'bundle')
    assert model.manifest.temperature == 0.5
    assert np.isfinite(model.act()).all()


def test_a_bundle_that_learns_more_imagines_as_before(run, tmp_path):
    words, root = run
    kept = words[: words.index('--layers')]
    first, second = tmp_path / 'first', tmp_path / 'second'
    chosen = {'mask_steps': 3, 'temperature': 0.25, 'unmasking': 'random', 'guidance': 1.5}
    assert main(['export', str(root / 'run'), '--out', str(first), '--torch']) == 0
    write_facts(first, {**read_facts(first), **chosen})
    out = ['--out', str(tmp_path / 'more'), '--bundle', str(second)]
    assert main(['train', 'all', '--init', str(first), *out, *kept, '--self-forced', '1']) == 0
    facts = read_facts(second)
    assert {name: facts[name] for name in chosen} == chosen


@pytest.mark.parametrize(
    ('words', 'sentence'),
    [
        (['--layers', '2'], '--layers: got 2 with --init'),
        (['--passive'], '--passive: got True with --init'),
        (['--kind', 'continuous'], '--kind: got continuous with --init'),
        (['--no-anchor'], '--anchor: got False with --init'),
        (['--embodiments', 'sim_ur5e'], "sim_ur5e: stem: got 'ur5e_push', expected one of planar"),
    ],
)
def test_what_a_trained_model_has_settled_is_refused(run, tmp_path, capsys, words, sentence):
    kept, root = run
    shared = ['--init', str(root / 'run'), '--out', str(tmp_path / 'more'), *kept[:2]]
    assert main(['train', 'model', *shared, *words]) == 2
    assert sentence in capsys.readouterr().err
