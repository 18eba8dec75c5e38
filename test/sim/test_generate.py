# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Generated episodes: complete, reproducible, and independent of the number of workers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hma_ros.cli.main import main
from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.data.shards import find_shards
from hma_ros.sim import make_task
from hma_ros.sim.episode import run_episode
from hma_ros.sim.generate import generate


def read_bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def test_result_does_not_depend_on_the_workers(tmp_path: Path) -> None:
    counts = {'expert': 2, 'play': 1}
    alone = generate('sim_so101', tmp_path / 'one', counts, 3, 1, False)
    together = generate('sim_so101', tmp_path / 'two', counts, 3, 2, False)
    assert alone == together
    assert read_bytes(tmp_path / 'one') == read_bytes(tmp_path / 'two')


def test_splits_and_seeds_differ(tmp_path: Path) -> None:
    for split in ('train', 'val'):
        generate('sim_planar', tmp_path / 'sim_planar', {'expert': 2}, 0, 1, False, split)
    train, val = (
        EpisodeDataset(find_shards(tmp_path, 'sim_planar', split)) for split in ('train', 'val')
    )
    seeds = [{record.seed for record in part.records} for part in (train, val)]
    assert len(seeds[0]) == len(seeds[1]) == 2
    assert not seeds[0] & seeds[1]


@pytest.mark.parametrize('kind', ['expert', 'play', 'random'])
def test_episode_replays_from_its_actions(kind: str) -> None:
    task = make_task('sim_franka')
    episode = run_episode(task, kind, 11, 16)  # type: ignore[arg-type]
    task.reset(11)
    for step, chunk in enumerate(episode.actions):
        np.testing.assert_allclose(task.state(), episode.states[step], atol=1e-4)
        task.step(chunk)
    task.close()
    assert episode.frames.shape == (episode.steps + 1, 16, 16, 3)
    assert episode.labels.shape == episode.actions.shape == (episode.steps, 2, 4)
    assert len(episode.joints) == len(episode.states) == episode.steps + 1
    assert np.isfinite(episode.labels).all()


def test_expert_episode_ends_soon_after_success() -> None:
    task = make_task('sim_planar')
    episode = run_episode(task, 'expert', 4, 16)
    away = np.linalg.norm(episode.states[:, 3:5] - episode.states[:, 6:8], axis=1)
    task.close()
    assert episode.success
    assert episode.steps < task.horizon_steps
    assert int(np.argmax(away < 0.03)) == episode.steps - 4


def test_an_episode_of_given_length_goes_on_after_success(tmp_path: Path) -> None:
    generate('sim_planar', tmp_path / 'sim_planar', {'expert': 1}, 3, 1, False, steps=70)
    (episode,) = EpisodeDataset(find_shards(tmp_path, 'sim_planar', 'train'))
    assert episode.steps == 70
    assert len(episode.frames) == 71
    assert episode.success


def test_episodes_without_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='steps: got 0, expected at least 1'):
        generate('sim_planar', tmp_path, {'expert': 1}, steps=0)


@pytest.mark.parametrize(
    ('task', 'counts', 'split', 'text'),
    [
        ('sim_spot', {'expert': 1}, 'train', 'sim_spot'),
        ('sim_planar', {'dance': 1}, 'train', 'dance'),
        ('sim_planar', {'expert': -1}, 'train', '-1'),
        ('sim_planar', {'expert': 1}, 'test', 'test'),
    ],
)
def test_wrong_orders_are_named(
    tmp_path: Path, task: str, counts: dict[str, int], split: str, text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        generate(task, tmp_path, counts, 0, 1, False, split)


def test_folder_in_use_is_refused(tmp_path: Path) -> None:
    generate('sim_planar', tmp_path, {'random': 1}, 0, 1, False, steps=1)
    with pytest.raises(ConfigError, match='already'):
        generate('sim_planar', tmp_path, {'random': 1}, 0, 1, False, steps=1)


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ([], 'episodes: got none, expected some; name --expert, --play or --random'),
        (['--expert', '0'], 'episodes: got none'),
        (['--random', '-1'], '--random: got -1, expected at least 0'),
        (['--random', '1', '--seed', '-1'], '--seed: got -1, expected at least 0'),
        (['--random', '1', '--steps', '0'], '--steps: got 0, expected at least 1'),
    ],
)
def test_a_wrong_command_writes_nothing(
    tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'episodes'
    try:
        code: object = main(['generate', 'sim_planar', '--out', str(out), *words])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize('place', ['a_file', 'a_file/deeper', '/proc/episodes'])
def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'a_file').write_text('')
    out = tmp_path / place
    assert main(['generate', 'sim_planar', '--out', str(out), '--random', '1']) == 2
    assert f'--out: got {out}' in capsys.readouterr().err


def test_a_size_that_training_cannot_take_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ['--random', '1', '--steps', '1', '--workers', '1', '--image-size']
    assert main(['generate', 'sim_planar', '--out', str(tmp_path / 'a'), *words, '100']) == 0
    assert '--image-size: got 100; the tokenizer of `hma train` takes' in capsys.readouterr().err
    assert main(['generate', 'sim_planar', '--out', str(tmp_path / 'b'), *words, '64']) == 0
    assert '--image-size' not in capsys.readouterr().err
