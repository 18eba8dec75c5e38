# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma imagine``: what its data sets hold, what learns from them, and what it refuses."""

import itertools
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import InferenceError
from hma_ros.core.file_hash import sha256
from hma_ros.data.episodes import Episode, EpisodeWriter
from hma_ros.data.imported_episodes import open_episodes
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step
from hma_ros.network.checkpoint import save_hma, save_tokenizer
from hma_ros.network.config import Compat, Domain, Joints, TimePositions, preset
from hma_ros.network.initial import initialised
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.runtime.manifest_file import read_facts, write_facts
from hma_ros.runtime.world_model import WorldModel

SPEC = load_embodiment('sim_planar')
OBSERVED, STEPS, ROWS = 3, 4, 9


@pytest.fixture(autouse=True)
def _uncompiled(monkeypatch):
    monkeypatch.setattr('torch.compile', lambda function: function)


def frame(rng):
    return rng.integers(256, size=(128, 128, 3)).astype(np.uint8)


@pytest.fixture(scope='module')
def imported(tmp_path_factory):
    """Write a data set as ``hma data import`` does: two long episodes and a short one."""
    folder, rng = tmp_path_factory.mktemp('data') / 'set', np.random.default_rng(0)
    writer = LeRobotWriter(folder, SPEC, 'push the block')
    for rows in (ROWS, OBSERVED, ROWS):
        file = writer.begin()
        for step in range(rows):
            joints = np.float32([0.01 * step, 0.05])
            file.add(Step(step, frame(rng), joints, joints[None] + np.float32(0.002)))
        writer.end(file, True)
    writer.commit({'path': 'made up', 'sha256': ''})
    return folder


def write_generated(folder, split, names=('x', 'y'), stride=1, robot='sim_planar', joints=2):
    """Write two episodes as ``hma generate`` does, with states that are not the joints."""
    rng, states = np.random.default_rng(1), ('a', 'b', 'c', 'd')
    shard = folder / robot / split / 'shard_00'
    with EpisodeWriter(shard, robot, 10.0 * stride, stride, names, states) as writer:
        for seed in range(2):
            chunks = rng.uniform(-0.1, 0.1, (ROWS, stride, len(names))).astype(np.float32)
            writer.add(
                Episode(
                    np.stack([frame(rng) for _ in range(ROWS + 1)]),
                    chunks,
                    chunks / 2,
                    rng.uniform(-0.1, 0.1, (ROWS + 1, joints)).astype(np.float32),
                    rng.normal(size=(ROWS + 1, len(states))).astype(np.float32),
                    'expert',
                    seed,
                    True,
                )
            )
    return folder


@pytest.fixture(scope='module')
def generated(tmp_path_factory):
    return write_generated(tmp_path_factory.mktemp('generated'), 'train')


def imagine(bundle, data, out, *words):
    counts = ['--observed', str(OBSERVED), '--steps', str(STEPS)]
    where = ['--bundle', str(bundle), '--data', str(data), '--out', str(out)]
    return main(['imagine', *where, *counts, *map(str, words)])


def frames_of(episode):
    return np.stack(list(episode.frames))


def test_imagined_frames_follow_the_true_ones_in_the_format_of_an_import(
    make_random_bundle, imported, tmp_path, capsys
):
    bundle = make_random_bundle()
    assert imagine(bundle, imported, tmp_path / 'out') == 0
    said = capsys.readouterr().out
    assert '2 episodes, 12 steps, of which 8 lead to imagined frames' in said
    assert 'left out: 1 episode' in said
    recorded, _, _ = open_episodes(imported)
    made, _ = open_episodes(tmp_path / 'out')
    true, imagined = frames_of(recorded), frames_of(made)
    assert len(imagined) == OBSERVED + STEPS
    np.testing.assert_array_equal(imagined[:OBSERVED], true[:OBSERVED])
    differs = (imagined[OBSERVED:] != true[OBSERVED : OBSERVED + STEPS]).mean((1, 2, 3))
    assert (differs > 0.5).all()
    np.testing.assert_array_equal(made.actions, recorded.actions[: made.steps])
    np.testing.assert_array_equal(made.labels, made.actions)
    np.testing.assert_array_equal(made.joints[:OBSERVED], recorded.joints[:OBSERVED])
    # They are sent to absolute positions.
    np.testing.assert_array_equal(made.joints[OBSERVED:], made.actions[OBSERVED - 1 :, -1])


def test_a_data_set_says_that_it_is_synthetic_and_whose(
    make_random_bundle, imported, tmp_path, capsys
):
    bundle, out = make_random_bundle(), tmp_path / 'out'
    assert imagine(bundle, imported, out) == 0
    (source,) = json.loads((out / 'meta/hma/import.json').read_text())['sources']
    known = source['synthetic']
    assert known['manifest_sha256'] == sha256(bundle / 'manifest.json')
    assert (known['source'], known['observed']) == (str(imported), OBSERVED)
    assert [item['copy'] for item in known['beginnings']] == [0, 0]
    assert known['beginnings'][1]['recorded'].endswith('file-002.parquet')
    capsys.readouterr()
    main(['data', 'inspect', str(out)])
    assert f'synthetic: after 3 true frames each, imagined by {bundle}' in capsys.readouterr().out
    assert 'synthetic' in (out / 'inspect.html').read_text()


def test_copies_have_actions_near_the_recorded_ones_within_the_bounds(
    make_random_bundle, imported, tmp_path
):
    bundle = make_random_bundle()
    for name, words in (('a', ()), ('b', ()), ('c', ('--seed', 1)), ('d', ('--noise', 100))):
        words = ('--copies', 2, '--episodes', 1, *words)
        assert imagine(bundle, imported, tmp_path / name, *words) == 0
    first, again, other, far = (list(open_episodes(tmp_path / name)) for name in 'abcd')
    plain, changed = (item.actions for item in first)
    np.testing.assert_array_equal(plain[: OBSERVED - 1], changed[: OBSERVED - 1])
    assert (plain[OBSERVED - 1 :] != changed[OBSERVED - 1 :]).all()
    assert (frames_of(first[0])[OBSERVED:] != frames_of(first[1])[OBSERVED:]).any()
    np.testing.assert_array_equal(changed, again[1].actions)
    np.testing.assert_array_equal(frames_of(first[1]), frames_of(again[1]))
    assert (changed[OBSERVED - 1 :] != other[1].actions[OBSERVED - 1 :]).all()
    stem = WorldModel(bundle, SPEC.stem).stem
    assert np.abs(far[1].actions).max() == np.float32(max(stem.upper))


@pytest.mark.parametrize('kind', ['discrete', 'continuous'])
@pytest.mark.parametrize('source', ['imported', 'generated'])
def test_a_policy_acts_in_what_it_imagines(kind, source, make_random_bundle, request, tmp_path):
    data, bundle = request.getfixturevalue(source), make_random_bundle(kind)
    assert imagine(bundle, data, tmp_path / 'out', '--actions', 'policy', '--steps', 12) == 0
    recorded, made = next(iter(open_episodes(data))), next(iter(open_episodes(tmp_path / 'out')))
    # It goes on behind the end of the recording.
    assert made.steps == OBSERVED - 1 + 12
    assert (made.actions[OBSERVED - 1] != recorded.actions[OBSERVED - 1]).any()
    np.testing.assert_array_equal(made.labels[OBSERVED - 1 :], made.actions[OBSERVED - 1 :])


def test_nobody_knows_the_state_of_imagined_frames(make_random_bundle, generated, tmp_path):
    assert imagine(make_random_bundle(), generated, tmp_path / 'out', '--steps', 100) == 0
    recorded, made = next(iter(open_episodes(generated))), next(iter(open_episodes(tmp_path)))
    assert made.kind == 'imagined'
    # All recorded actions are used, and no more.
    assert made.steps == recorded.steps
    np.testing.assert_array_equal(made.states[:OBSERVED], recorded.states[:OBSERVED])
    assert np.isnan(made.states[OBSERVED:]).all()
    np.testing.assert_array_equal(made.labels[: OBSERVED - 1], recorded.labels[: OBSERVED - 1])
    np.testing.assert_array_equal(made.labels[OBSERVED - 1 :], recorded.actions[OBSERVED - 1 :])


def write_run(folder):
    """Write a run of preset small, whose heads also learn the state."""
    tokens = TokenizerConfig(
        patch=32, factors=6, width=8, detail_width=4, encoder_blocks=1, decoder_blocks=1
    )
    torch.manual_seed(0)
    joints = Joints(('joint_x', 'joint_y'), (0.0,) * 2, (1.0,) * 2, 'last', (0.0,) * 2, (1.0,) * 2)
    stem = Domain(SPEC.stem, 1, (0.0, 0.0), (0.1, 0.1), joints=joints)
    sizes = {'layers': 1, 'heads': 2, 'width': 16, 'positions': 16, 'action_tokens': 1}
    factors = {'factors': tokens.factors, 'factor_size': tokens.levels}
    save_hma(initialised(preset('small', [stem], **sizes, **factors)), folder / 'model')
    save_tokenizer(FrameTokenizer(tokens), folder / 'tokenizer')
    return folder


@pytest.mark.parametrize('source', ['imported', 'generated'])
def test_a_model_is_fine_tuned_to_recorded_and_imagined_episodes(
    source, make_random_bundle, request, tmp_path, capsys
):
    data, out = request.getfixturevalue(source), tmp_path / 'out'
    assert imagine(make_random_bundle(), data, out) == 0
    init = write_run(tmp_path / 'init')
    words = ['--init', init, '--data', data, out, '--out', tmp_path / 'run', '--steps', 2]
    words += ['--windows', 2, '--head-steps', 2, '--length', 4]
    assert main(['finetune', *map(str, words)]) == 0
    count = len(open_episodes(data)) + len(open_episodes(out))
    said = capsys.readouterr().out
    assert f'{data}, {out}: {count} episodes' in said
    assert f'synthetic: after {OBSERVED} true frames each, imagined by' in said
    facts = json.loads((tmp_path / 'run/provenance.json').read_text())['settings']['data']
    (known,) = facts['synthetic']
    assert (known['source'], known['observed']) == (str(data), OBSERVED)
    lines = (tmp_path / 'run/model/log.jsonl').read_text().splitlines()
    losses = [value for line in lines for value in json.loads(line).values()]
    assert np.isfinite([value for value in losses if isinstance(value, float)]).all()


def test_it_takes_the_place_of_episodes_in_training_and_evaluation(
    make_random_bundle, generated, tmp_path, capsys
):
    bundle, words = make_random_bundle(), ['--embodiments', 'sim_planar', '--steps', '2']
    assert imagine(bundle, generated, tmp_path / 'train') == 0
    words += ['--windows', '2', '--out', str(tmp_path / 'run'), '--init', str(bundle)]
    assert main(['train', 'model', '--data', str(tmp_path / 'train'), *words]) == 0
    held_out = write_generated(tmp_path / 'held_out', 'val') / 'sim_planar' / 'val'
    assert imagine(bundle, held_out, tmp_path / 'val') == 0
    words = ['--bundle', str(bundle), '--steps', '2', '--trials', '1', '--horizon', '2']
    assert main(['evaluate', 'prediction', '--data', str(tmp_path / 'val'), *words]) == 0
    said = capsys.readouterr()
    assert '| sim_planar |' in said.out
    assert 'such frames are no truth' in said.err
    assert str(held_out) in said.err
    assert main(['evaluate', 'prediction', '--data', str(tmp_path / 'held_out'), *words]) == 0
    assert 'synthetic' not in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--observed', 50], '--observed: got 50 frames, expected fewer, as the longest episode'),
        (['--steps', 129, '--actions', 'policy'], '--steps: got 129, expected 1 to 127'),
        (['--noise', 1], '--noise: got 1.0 with --actions recorded --copies 1, expected it with'),
        (['--copies', 2, '--noise', 0], '--copies: got 2, expected 1'),
        (['--copies', 2, '--actions', 'policy'], 'temperature 0, so all copies would be equal'),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    words, message, make_random_bundle, imported, tmp_path, capsys
):
    assert imagine(make_random_bundle(), imported, tmp_path / 'out', *words) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--noise', -1], '--noise: got -1, expected a number of at least 0'),
        (['--noise', 'inf'], '--noise: got inf, expected a number of at least 0'),
        (['--seed', -1], '--seed: got -1, expected at least 0'),
    ],
)
def test_numbers_out_of_range_are_refused(words, message, tmp_path, capsys):
    with pytest.raises(SystemExit, match='2'):
        imagine('any', tmp_path, tmp_path / 'out', *words)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('kind', ['discrete', 'continuous'])
@pytest.mark.parametrize('words', [['--noise', 0], ['--actions', 'policy']])
def test_copies_of_equal_actions_differ_where_chance_decides(
    kind, words, make_random_bundle, imported, tmp_path
):
    bundle = shutil.copytree(make_random_bundle(kind), tmp_path / 'bundle')
    facts = read_facts(bundle)
    write_facts(bundle, {**facts, 'temperature': 3.0, 'mask_steps': 4})
    words = ['--copies', 3, '--episodes', 1, *words]
    for name in ('out', 'again'):
        assert imagine(bundle, imported, tmp_path / name, *words) == 0
    copies = [frames_of(episode) for episode in open_episodes(tmp_path / 'out')]
    assert len(copies) == 3
    for first, second in itertools.combinations(copies, 2):
        np.testing.assert_array_equal(first[:OBSERVED], second[:OBSERVED])
        assert (first[OBSERVED:] != second[OBSERVED:]).any()
    for one, same in zip(copies, open_episodes(tmp_path / 'again'), strict=True):
        np.testing.assert_array_equal(one, frames_of(same))


@pytest.mark.parametrize(
    ('folder', 'split'),
    [
        ('val/mine/sim_planar', 'train'),
        ('train/mine/val', 'val'),
        ('mine/val/shard_00', 'val'),
        ('val/sim_planar/train', 'train'),
    ],
)
def test_the_split_is_that_of_the_folder_given_not_of_those_above_it(
    folder, split, make_random_bundle, generated, tmp_path
):
    data = tmp_path / folder
    shard = generated / 'sim_planar/train/shard_00'
    shutil.copytree(shard, data if data.name == 'shard_00' else data / 'shard_00')
    assert imagine(make_random_bundle(), data, tmp_path / 'out', '--episodes', 1) == 0
    assert (tmp_path / 'out/sim_planar' / split / 'shard_00/metadata.json').exists()


def test_a_folder_that_cannot_be_written_is_refused_before_a_model_is_loaded(
    make_random_bundle, imported, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(WorldModel, '__init__', None)
    (tmp_path / 'file').touch()
    assert imagine(make_random_bundle(), imported, tmp_path / 'file/out') == 2
    assert 'expected a folder that can be made and written' in capsys.readouterr().err


def test_a_bundle_without_a_policy_or_a_stem_is_refused(
    make_random_bundle, imported, tmp_path, capsys
):
    passive = make_random_bundle(
        compat=Compat.UPSTREAM, time=TimePositions.LEARNED, predict_actions=False
    )
    assert imagine(passive, imported, tmp_path / 'out', '--actions', 'policy') == 2
    assert '--actions: got policy, expected recorded' in capsys.readouterr().err
    other = write_generated(tmp_path / 'other', 'train', robot='sim_ur5e')
    assert imagine(passive, other, tmp_path / 'out') == 2
    assert 'expected a stem for sim_ur5e; fine-tune a model to it' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_joints_that_actions_do_not_tell_are_not_made_up(tmp_path, capsys):
    names = ('dx', 'dy', 'dz', 'gripper')
    data = write_generated(tmp_path, 'train', names, stride=2, robot='sim_franka', joints=7)
    assert imagine('hma_sim', data, tmp_path / 'out') == 2
    told = capsys.readouterr().err
    assert 'whose actions do not tell the joints of imagined frames (they move the tool' in told
    assert not (tmp_path / 'out').exists()


def test_a_folder_that_holds_something_is_left_alone(
    make_random_bundle, imported, tmp_path, capsys
):
    (tmp_path / 'mine').write_text('mine')
    assert imagine(make_random_bundle(), imported, tmp_path) == 2
    assert f'--out: got {tmp_path}, which exists' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['mine']


@pytest.mark.parametrize('source', ['imported', 'generated'])
@pytest.mark.parametrize('error', [InferenceError('broken'), KeyboardInterrupt()])
def test_nothing_is_left_of_what_was_not_finished(
    source, error, make_random_bundle, request, tmp_path, monkeypatch, capsys
):
    data, usual, calls = request.getfixturevalue(source), WorldModel.imagine, []

    def imagine_once(self, *given):
        calls.append(given)
        if len(calls) > 1:
            raise error
        return usual(self, *given)

    monkeypatch.setattr(WorldModel, 'imagine', imagine_once)
    code = imagine(make_random_bundle(), data, tmp_path / 'out')
    assert code == (2 if isinstance(error, InferenceError) else 130)
    assert not list(tmp_path.iterdir())
    told = f'hma: interrupted; nothing is kept of the episodes of {tmp_path / "out"}'
    assert (told in capsys.readouterr().err) == isinstance(error, KeyboardInterrupt)


def test_nothing_is_left_on_sigterm(make_random_bundle, imported, tmp_path, monkeypatch):
    def end(*_):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(WorldModel, 'imagine', end)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match='143'):
        imagine(make_random_bundle(), imported, tmp_path / 'out')
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize('source', ['imported', 'generated'])
def test_imagined_episodes_do_not_go_on(source, make_random_bundle, request, tmp_path, capsys):
    bundle, data = make_random_bundle(), request.getfixturevalue(source)
    assert imagine(bundle, data, tmp_path / 'first') == 0
    assert {episode.kind for episode in open_episodes(tmp_path / 'first')} == {'imagined'}
    assert not any(episode.success for episode in open_episodes(tmp_path / 'first'))
    assert imagine(bundle, tmp_path / 'first', tmp_path / 'second') == 2
    told = capsys.readouterr().err
    assert f'{tmp_path / "first"}: got synthetic episodes, expected recorded ones' in told
    assert str(data) in told
    assert not (tmp_path / 'second').exists()


def test_imagined_episodes_are_not_imported_as_recorded_ones(
    make_random_bundle, imported, tmp_path, capsys
):
    first, again = tmp_path / 'first', tmp_path / 'again'
    assert imagine(make_random_bundle(), imported, first) == 0
    words = ['--embodiment', 'sim_planar', '--action', 'measured', '--out', str(again)]
    assert main(['data', 'import', 'lerobot', str(first), *words]) == 2
    told = 'import.json: got imagined frames, expected recorded ones; give'
    assert told in capsys.readouterr().err
    assert not again.exists()


def test_of_a_folder_with_both_only_recorded_episodes_go_on(make_random_bundle, tmp_path, capsys):
    bundle, train = make_random_bundle(), write_generated(tmp_path, 'train') / 'sim_planar/train'
    former = open_episodes(train).fingerprint
    assert imagine(bundle, train, train / 'imagined') == 0
    capsys.readouterr()
    assert imagine(bundle, train, tmp_path / 'second') == 0
    said = capsys.readouterr().out
    assert ': 2 episodes, ' in said
    assert 'left out: 2 episodes that were imagined' in said
    (known,) = open_episodes(tmp_path / 'second').synthetic
    assert known['source_sha256_12'] == former
    assert all('imagined' not in item['recorded'] for item in known['beginnings'])


def test_data_sets_of_two_robots_are_not_joined(imported, tmp_path, capsys):
    other = write_generated(tmp_path / 'other', 'train', robot='sim_ur5e')
    words = ['--init', write_run(tmp_path / 'init'), '--data', imported, other]
    assert main(['finetune', *map(str, words), '--out', str(tmp_path / 'run')]) == 2
    expected = f'{other}: embodiment: got sim_ur5e, expected sim_planar as in {imported}'
    assert expected in capsys.readouterr().err
    assert not Path(tmp_path / 'run').exists()
