# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma train`` on data sets of ``hma data import``, from frames to a bundle, at a tiny size."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from hma_ros.cli import train_recipe
from hma_ros.cli.main import main
from hma_ros.core.embodiment import embodiment_folder, load_embodiment
from hma_ros.data.episodes import Episode, EpisodeWriter
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.shards import is_one_robot
from hma_ros.data.steps import Step
from hma_ros.network.checkpoint import Hma, load_hma, load_tokenizer
from hma_ros.network.tokenizer import TokenizerConfig

SIZES = ['--layers', '1', '--heads', '2', '--width', '16', '--window', '3']
STEPS = [*SIZES, '--steps', '2', '--windows', '1', '--tokenizer-steps', '2']
SIDE = 32


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    small = partial(TokenizerConfig, width=16, detail_width=8, encoder_blocks=1, decoder_blocks=1)
    monkeypatch.setattr('torch.compile', lambda function: function)
    monkeypatch.setattr('hma_ros.training.tokenizer.TokenizerConfig', small)
    for name in ('HEAD_STEPS', 'ITERATION_STEPS'):
        monkeypatch.setattr(train_recipe, name, 2)


def robot_file(folder: Path, name: str = 'krabbe', **changes: object) -> Path:
    """Write the file of a real robot that no shipped file describes."""
    data = yaml.safe_load((embodiment_folder() / 'sim_planar.yaml').read_text())
    data |= {'name': name, 'stem': name, 'simulated': False, **changes}
    data['camera']['resize'] = [SIDE, SIDE]
    path = folder / f'{name}.yaml'
    path.write_text(yaml.safe_dump(data))
    return path


def imported(
    folder: Path, robot: Path, outcomes: tuple[bool | None, ...] = (True, False), seed: int = 0
) -> Path:
    """Write an episode of eight steps for each outcome, as ``hma data import`` does."""
    rng = np.random.default_rng(seed)
    writer = LeRobotWriter(folder, load_embodiment(robot), 'push')
    for success in outcomes:
        file = writer.begin()
        for step in range(8):
            frame = rng.integers(256, size=(SIDE, SIDE, 3)).astype(np.uint8)
            place = np.float32([0.01 * step, 0.05])
            file.add(Step(step, frame, place, place[None]))
        writer.end(file, success)
    writer.commit({'path': 'made up', 'sha256': ''})
    return folder


def generated(folder: Path) -> Path:
    """Write an episode of a simulated robot, as ``hma generate`` does; return the root."""
    chunks, joints = np.zeros((8, 1, 2), np.float32), np.zeros((9, 2), np.float32)
    frames = np.zeros((9, SIDE, SIDE, 3), np.uint8)
    shard = folder / 'sim_planar' / 'train' / 'shard_00'
    with EpisodeWriter(shard, 'sim_planar', 10.0, 1, ('x', 'y'), ('a', 'b')) as writer:
        writer.add(Episode(frames, chunks, chunks, joints, joints, 'expert', 0, True))
    return folder


@pytest.fixture(scope='module')
def robot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return robot_file(tmp_path_factory.mktemp('robot'))


@pytest.fixture(scope='module')
def own(tmp_path_factory: pytest.TempPathFactory, robot: Path) -> Path:
    return imported(tmp_path_factory.mktemp('sets') / 'krabbe 1', robot)


def train(what: str, out: Path, *words: object) -> int:
    return main(['train', what, '--out', str(out), *map(str, words), *STEPS])


def learned_from(checkpoint: Path) -> list[tuple[str, str, int]]:
    """Read from the provenance: folder, robot and episodes of each data set."""
    data = json.loads((checkpoint / 'provenance.json').read_text())['settings']['data']
    return [(item['folder'], item['embodiment'], item['episodes']) for item in data]


def test_from_recordings_to_a_bundle_that_others_start_from(
    own: Path, robot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, bundle = tmp_path / 'run', tmp_path / 'bundle'
    assert train('tokenizer', run, '--data', own) == 0
    assert load_tokenizer(run / 'tokenizer').config.image_size == SIDE
    # Whether it succeeded or not, an episode shows the scene.
    assert learned_from(run / 'tokenizer') == [(str(own), 'krabbe', 2)]
    capsys.readouterr()

    tokens = ['--tokenizer', run / 'tokenizer']
    assert train('model', run, *tokens, '--data', own, '--bundle', bundle, '--torch') == 0
    said = capsys.readouterr().out
    assert f'{own}: 1 episode, 7 steps of krabbe' in said
    assert 'left out: 1 episode marked as failed' in said
    assert learned_from(run / 'model') == [(str(own), 'krabbe', 1)]
    assert [domain.name for domain in load_hma(run / 'model').config.domains] == ['krabbe']
    assert main(['check', str(robot), f'bundle:={bundle}']) == 0

    more = imported(tmp_path / 'more', robot, seed=1)
    words = ['--steps', '2', '--windows', '2', '--head-steps', '2', '--length', '3']
    words += ['--init', str(bundle), '--data', str(more), '--out', str(tmp_path / 'tuned')]
    assert main(['finetune', *words]) == 0


def test_all_fits_the_heads_to_demonstrations_where_no_expert_corrects(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[Hma] = []
    monkeypatch.setattr(
        'hma_ros.export.bundle.export_bundle', lambda model, *_: exported.append(model)
    )
    run, bundle = tmp_path / 'run', tmp_path / 'bundle'
    assert train('all', run, '--data', own, '--bundle', bundle) == 0
    assert [domain.name for domain in exported[0].config.domains] == ['krabbe']
    assert not (run / 'dagger').exists()
    assert learned_from(run / 'fine_tuned') == [(str(own), 'krabbe', 1)]
    further = ['--init', run, '--data', own, '--bundle', tmp_path / 'further']
    words = ['train', 'all', '--out', tmp_path / 'more', *further, '--steps', 2, '--windows', 1]
    assert main(list(map(str, words))) == 0
    assert learned_from(tmp_path / 'more' / 'model') == [(str(own), 'krabbe', 1)]


def test_several_sets_of_a_robot_and_generated_episodes_train_one_model(
    own: Path, robot: Path, tmp_path: Path
) -> None:
    more = imported(tmp_path / 'more', robot, (True, None, True), seed=1)
    data = ['--data', own, generated(tmp_path / 'data'), more, '--embodiments', 'sim_planar']
    assert train('model', tmp_path / 'run', *data) == 0
    shard = tmp_path / 'data' / 'sim_planar' / 'train'
    expected = [(str(shard), 'sim_planar', 1), (f'{own}, {more}', 'krabbe', 4)]
    assert learned_from(tmp_path / 'run' / 'model') == expected
    stems = [domain.name for domain in load_hma(tmp_path / 'run' / 'model').config.domains]
    assert stems == ['planar_push', 'krabbe']


def test_a_set_that_has_grown_is_encoded_anew_and_not_gone_on_with(
    own: Path, robot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / 'run'
    assert train('model', run, '--data', own) == 0
    both = ['--data', own, imported(tmp_path / 'more', robot, seed=1)]
    assert train('model', run, *both) == 2
    said = capsys.readouterr().err
    assert f'{run}/tokenizer/provenance.json: data: got a run with' in said
    assert f'--tokenizer {run}/tokenizer keeps that tokenizer' in said
    tokens = ['--tokenizer', run / 'tokenizer']
    assert train('model', tmp_path / 'second', *tokens, *both) == 0
    assert learned_from(tmp_path / 'second' / 'tokenizer') == [(str(own), 'krabbe', 2)]
    assert len(list((run / 'tokens').glob('*.npy'))) == 2


@pytest.mark.parametrize('what', ['tokenizer', 'model'])
def test_a_robot_may_be_named_by_the_file_of_its_data_set(
    what: str, own: Path, robot: Path, tmp_path: Path
) -> None:
    assert train(what, tmp_path, '--data', own, '--embodiments', robot) == 0


@pytest.mark.parametrize('what', ['tokenizer', 'model'])
def test_what_cannot_be_trained_on_is_refused_with_what_to_do(
    what: str,
    own: Path,
    robot: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, out = generated(tmp_path / 'data'), tmp_path / 'run'
    twin = imported(tmp_path / 'twin', robot_file(tmp_path, 'twin', stem='krabbe'))
    for words, sentences in (
        ([tmp_path / 'onw'], ['onw, which is no folder', 'a data set of `hma data import`']),
        ([own.parent], [f'a data set is given itself, with --data: {own}']),
        ([own, '--embodiments', 'ur5e'], ['got ur5e, expected no other robot than', str(own)]),
        ([root, '--embodiments', robot], ['`hma record`', '`hma data import`', '--data']),
        ([root, '--embodiments', 'ur5e'], ['`hma record`', '`hma data import`', '--data']),
        ([root, '--embodiments', 'sim_ur5e'], ['`hma generate sim_ur5e']),
        ([own, own], ['got it twice', 'leave one out']),
        ([own, twin], ["twin has the stem 'krabbe' of krabbe", 'import it again']),
    ):
        assert train(what, out, '--data', *words) == 2
        said = capsys.readouterr().err
        assert all(sentence in said for sentence in sentences), said
        assert not out.exists()


def test_episodes_of_one_split_are_named_themselves_too(own: Path, tmp_path: Path) -> None:
    root = generated(tmp_path / 'data')
    tokens = root / 'tokens' / 'metadata.json'
    tokens.parent.mkdir()
    tokens.write_text('{}')
    split = root / 'sim_planar' / 'train'
    assert all(map(is_one_robot, (own, split, split / 'shard_00')))
    assert not any(map(is_one_robot, (root, root / 'sim_planar')))
    assert train('tokenizer', tmp_path / 'run', '--data', split) == 0
    expected = [(str(split), 'sim_planar', 1)]
    assert learned_from(tmp_path / 'run' / 'tokenizer') == expected
