# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma train all`` does its steps in order, and does none twice; the steps have own tests."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hma_ros.cli.main import main

ROBOTS = ('sim_planar', 'sim_so101')
STEMS = ('planar_push', 'so101_reach')
# Its heads are fitted in iterations of DAgger.
CONFIG = SimpleNamespace(keypoints=True, twin=True, window=4)


class Steps:
    """Stands in for every step, and notes them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from hma_ros.export.bundle import BundleOptions

        self.done: list[str] = []
        for name, step in (
            ('hma_ros.sim.generate.generate', self._generate),
            ('hma_ros.training.tokenizer.train_tokenizer', self._tokenizer),
            ('hma_ros.training.trainer.HmaTrainer', self._trainer),
            ('hma_ros.training.tokens.tokens_once', lambda tokenizer, dataset, cache: [dataset]),
            ('hma_ros.training.recordings.with_anchors', lambda episodes, dataset: episodes),
            ('hma_ros.training.recordings.windows_of', lambda recordings, config, steps: STEMS),
            ('hma_ros.training.configuration.configuration', lambda *facts: CONFIG),
            ('hma_ros.training.dagger.HeadFitter', self._fitter),
            ('hma_ros.network.checkpoint.load_hma', self._read),
            ('hma_ros.training.session.save_hma', self._save),
            ('hma_ros.export.bundle.own_options', lambda *facts: BundleOptions()),
            ('hma_ros.evaluation.closed_loop.collect', self._collect),
            ('hma_ros.export.bundle.export_bundle', self._export),
            ('hma_ros.training.provenance.data_facts', lambda place, dataset: place),
            ('hma_ros.training.provenance.copy_to', lambda facts, folder: None),
            ('hma_ros.network.strict_loading.fingerprint', lambda tokenizer: tokenizer),
            ('hma_ros.cli.window_length.longest_episode', lambda dataset: 40),
            ('hma_ros.data.episodes.EpisodeDataset', lambda shards: shards[0].parts[-3:-1]),
        ):
            monkeypatch.setattr(name, step)

    def take(self) -> list[str]:
        """Return what was done since the last call."""
        done, self.done = self.done, []
        return done

    def _episodes(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / 'metadata.json').write_text('{}')

    def _generate(self, name: str, folder: Path, counts: Any, workers: int) -> None:
        self.done.append(f'generate {name} train')
        self._episodes(folder / 'train' / 'shard_00')

    def _tokenizer(self, datasets: Any, folder: Path, steps: int) -> str:
        self.done.append(f'tokenizer on {len(datasets)}')
        return 'tokenizer'

    def _trainer(
        self,
        config: Any,
        folder: Path,
        steps: int,
        length: int,
        windows: int,
        self_forcing: Any,
    ) -> Any:
        def train(stems: Any) -> Any:
            own = f'{self_forcing.share:g} of {steps} steps'
            self.done.append(f'{own} of {" ".join(stems)} from {self_forcing.begins}')
            return SimpleNamespace(config=config)

        run = SimpleNamespace(step=0, steps=steps, workers=SimpleNamespace(is_first=True))
        return SimpleNamespace(run=run, train=train, notes=[])

    def _fitter(self, model: str) -> Any:
        def fit(stem: str, steps: int) -> float:
            self.done.append(f'fit {stem}')
            return 0.0

        def add(stem: str, episodes: Any) -> None:
            self.done.append(f'add {"/".join(episodes[0])}')

        return SimpleNamespace(add=add, fit=fit)

    def _collect(
        self, name: str, bundle: str, folder: Path, episodes: int, seed: int, workers: int
    ) -> float:
        self.done.append(f'correct {name} {seed}')
        self._episodes(folder)
        return 1.0

    def _read(self, folder: Path) -> Any:
        return SimpleNamespace(config=folder.name)

    def _save(self, model: str, folder: Path) -> None:
        self.done.append(f'save {folder.name}')

    def _export(self, model: str, folder: Path, options: Any) -> str:
        self.done.append(f'export {folder.name} at {options.temperature}')
        return str(folder)


def both(what: str, names: tuple[str, ...], after: str = '') -> list[str]:
    return [f'{what}{name}{after}' for name in names]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    pytest.importorskip('torch')
    # Before anything is replaced: they keep what they import.
    pytest.importorskip('hma_ros.export.bundle')
    pytest.importorskip('hma_ros.export.pretrained')
    pytest.importorskip('hma_ros.training.session')
    return Steps(monkeypatch)


@pytest.mark.parametrize('model', [('--preset', 'base'), ('--kind', 'continuous')])
@pytest.mark.parametrize('words', [('--anchor',), ('--self-forced', '0.6')])
def test_what_the_preset_has_not_is_refused_before_anything_is_trained(
    steps: Steps, tmp_path: Path, model: tuple[str, ...], words: tuple[str, ...], capsys: Any
) -> None:
    command = ['train', 'model', *model, '--out', str(tmp_path / 'out'), *words]
    assert main(command) == 2
    assert f'{words[0]}: got ' in (text := capsys.readouterr().err)
    assert 'expected preset small, discrete' in text
    assert not (tmp_path / 'out').exists()


def test_anchors_without_a_policy_are_refused_before_anything_is_trained(
    steps: Steps, tmp_path: Path, capsys: Any
) -> None:
    command = ['train', 'model', '--passive', '--anchor', '--out', str(tmp_path / 'out')]
    assert main(command) == 2
    assert '--anchor: got --passive as well, expected a policy' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    'words', [('--self-forced', '0'), ('--steps', '100'), ('--kind', 'continuous')]
)
def test_a_second_part_with_nothing_to_do_is_refused(
    steps: Steps, tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ['train', 'model', '--out', str(tmp_path / 'out'), '--self-forced-from', '100']
    assert main([*command, *words]) == 2
    assert '--self-forced-from: got 100, expected less than ' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--length', '1'), '--length: got 1, expected at least 2'),
        (('--length', '41'), '--length: got 41, expected 2 to 40, the steps of the longest'),
        (('--window', '1000'), '--window: got 1000, expected 2 to 40, the steps of the longest'),
    ],
)
def test_windows_that_no_episode_fills_are_refused_before_the_tokenizer_is_trained(
    steps: Steps, tmp_path: Path, words: tuple[str, ...], message: str, capsys: Any
) -> None:
    command = ['--data', str(tmp_path / 'data'), '--embodiments', 'sim_planar']
    steps._episodes(tmp_path / 'data' / 'sim_planar' / 'train' / 'shard_00')
    assert main(['train', 'model', *command, '--out', str(tmp_path / 'out'), *words]) == 2
    assert message in capsys.readouterr().err
    assert steps.take() == []


def test_windows_shorter_than_what_a_step_attends_to_are_told(
    steps: Steps, tmp_path: Path, capsys: Any
) -> None:
    command = ['--data', str(tmp_path / 'data'), '--embodiments', 'sim_planar', '--length', '3']
    steps._episodes(tmp_path / 'data' / 'sim_planar' / 'train' / 'shard_00')
    assert main(['train', 'model', *command, '--out', str(tmp_path / 'out')]) == 0
    assert '--length: got 3, less than the window of 4 steps' in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_trained(
    steps: Steps, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / 'a_file').write_text('')
    assert main(['train', 'model', '--out', str(tmp_path / 'a_file' / 'run')]) == 2
    assert '--out: got ' in capsys.readouterr().err
    assert steps.take() == []


def test_all_generates_trains_corrects_and_exports_in_this_order(
    steps: Steps, tmp_path: Path
) -> None:
    command = ['train', 'all', '--data', str(tmp_path / 'data'), '--out', str(tmp_path / 'out')]
    command += ['--bundle', str(tmp_path / 'bundle'), '--embodiments', *ROBOTS]
    assert main(command) == 0
    stems = ' '.join(STEMS)
    expected = [f'generate {name} train' for name in ROBOTS]
    expected += ['tokenizer on 2', f'0.6 of 4500 steps of {stems} from 2250']
    expected += both('add ', ROBOTS, '/train')
    for number in (1, 2, 3):
        expected += [*both('fit ', STEMS), 'export bundle at None']
        expected += both('correct ', ROBOTS, f' {number}')
        expected += both('add ', ROBOTS, f'/iteration_{number}')
    expected += [*both('fit ', STEMS), 'save fine_tuned', 'export bundle at 0.5']
    assert steps.take() == expected

    assert main(command) == 0
    again = [step for step in expected if not step.startswith(('generate', 'correct', 'export'))]
    fits = both('fit ', STEMS)
    kept = [step for step in again if step not in fits]
    kept[-1:] = [*fits, 'save fine_tuned', 'export bundle at 0.5']
    assert steps.take() == kept


@pytest.mark.parametrize('place', ['.', 'sim_planar', 'sim_planar/train'])
def test_the_episodes_are_no_place_for_the_run(tmp_path: Path, place: str, capsys: Any) -> None:
    out = tmp_path / place
    command = ['train', 'model', '--data', str(tmp_path), '--out', str(out)]
    assert main([*command, '--embodiments', 'sim_planar']) == 2
    assert 'which holds data, expected a folder of its own' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
