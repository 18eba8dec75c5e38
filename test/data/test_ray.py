# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``--ray``, on a cluster of this machine: the same results, also if a worker is killed."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bag_of_steps
import lerobot_of_steps
import numpy as np
import pytest
import ray
import rlds_of_steps

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import Pool
from hma_ros.data import bag_import, episode_import
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step
from hma_ros.evaluation import long_horizon
from hma_ros.export import pretrained
from hma_ros.network.checkpoint import save_hma, save_tokenizer
from hma_ros.network.config import Domain, Joints, preset
from hma_ros.network.initial import initialised
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig

NUMBERS = ['--state', '0,1', '--action', '0,1']
RLDS = [*NUMBERS, '--fps', str(rlds_of_steps.FPS), '--action-key', 'action/target']


@pytest.fixture(scope='module', autouse=True)
def cluster() -> Iterator[None]:
    """Let the first command start Ray on this machine; stop it and remove its files at the end."""
    # Paths of sockets have at most 107 characters.
    with TemporaryDirectory(prefix='ray_') as folder, pytest.MonkeyPatch.context() as patch:
        # Workers cannot import this module.
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        patch.setenv('RAY_AUTH_MODE', 'disabled')
        start = partial(ray.init, num_cpus=2, object_store_memory=2**27, _temp_dir=folder)
        patch.setattr(ray, 'init', start)
        yield
        ray.shutdown()


def killed_once(marker: Path, work: Callable[..., Any], *arguments: Any) -> Any:
    """Do the work and, the first time, kill this process before it returns."""
    result = work(*arguments)
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return result


def dies(unit: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


def bags(folder: Path) -> list[Path]:
    """Bags that begin with different messages, as two recordings do."""
    return [
        bag_of_steps.write(folder / f'bag_{number}', list(bag_of_steps.messages(seconds))[number:])
        for number, seconds in enumerate((1.0, 2.0, 1.5))
    ]


def records(folder: Path) -> list[Path]:
    made = rlds_of_steps.episode
    return [rlds_of_steps.write(folder / '1.0.0', [[made(21), made(31)], [made(12)], [made(15)]])]


def sets(folder: Path) -> list[Path]:
    """Two data sets, of which one has an episode that cannot be read."""
    second = lerobot_of_steps.write(folder / 'b', 'v2.1', (16, 13, 22), is_video=True)
    next(second.rglob('episode_000001.mp4')).unlink()
    return [lerobot_of_steps.write(folder / 'a', 'v3.0', (31, 46)), second]


@pytest.mark.parametrize(
    ('kind', 'make', 'options', 'reads'),
    [
        ('bag', bags, [], (bag_import, '_read_bag')),
        ('lerobot', sets, [], (episode_import, '_read')),
        ('rlds', records, RLDS, (episode_import, '_read')),
    ],
)
def test_an_import_is_whole_though_a_worker_is_killed(
    kind: str,
    make: Callable[[Path], list[Path]],
    options: list[str],
    reads: tuple[Any, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources, out = make(tmp_path), tmp_path / 'here'
    sources.append(sources[0])
    command = ['data', 'import', kind, *map(str, sources), '--embodiment', 'sim_planar', *options]
    assert main([*command, '--out', str(out)]) == 0
    marker, there = tmp_path / 'killed', tmp_path / 'there'
    module, name = reads
    monkeypatch.setattr(module, name, partial(killed_once, marker, getattr(module, name)))
    assert main([*command, '--out', str(there), '--ray']) == 0
    assert marker.exists()
    assert files(there) == files(out)
    assert not (there / layout.PARTS).exists()


def test_a_failed_unit_gives_the_same_error_and_what_was_before_it_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = [lerobot_of_steps.write(tmp_path / name, 'v2.1') for name in 'ab']
    table = next(sources[1].rglob('episode_000001.parquet'))
    whole = table.read_bytes()
    table.write_bytes(b'PAR1')
    command = ['data', 'import', 'lerobot', *map(str, sources), '--embodiment', 'sim_planar']
    here, there = (
        [*command, '--out', str(tmp_path / 'here')],
        [*command, '--out', str(tmp_path / 'there'), '--ray'],
    )
    errors = []
    for words in (here, there):
        assert main(words) == 2
        # Ahead of it is progress, which depends on the time.
        errors.append(capsys.readouterr().err.splitlines()[-1])
    assert 'expected Parquet' in errors[0]
    assert errors[0] == errors[1]
    table.write_bytes(whole)
    for words in (here, there):
        assert main(words) == 0
        assert '2 episodes, 25 steps (imported before)' in capsys.readouterr().out
    assert files(tmp_path / 'there') == files(tmp_path / 'here')


@pytest.mark.usefixtures('usual_library')
def test_rollouts_are_judged_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ['evaluate', 'long-horizon', '--robot', 'sim_planar', '--steps', '2']
    command += ['--episodes', '3', '--actions', 'wander', '--out']
    assert main([*command, str(tmp_path / 'here'), '--workers', '1']) == 0
    marker = tmp_path / 'killed'
    monkeypatch.setattr(long_horizon, '_work', partial(killed_once, marker, long_horizon._work))
    assert main([*command, str(tmp_path / 'there'), '--ray']) == 0
    assert marker.exists()
    here, there = (json.loads((tmp_path / name).read_text()) for name in ('here', 'there'))
    assert there['results'] == here['results']


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Write a run as ``hma train`` does."""
    sizes = {'layers': 1, 'heads': 2, 'width': 16, 'positions': 16, 'action_tokens': 1}
    tokens = TokenizerConfig(
        patch=32, factors=6, width=8, detail_width=4, encoder_blocks=1, decoder_blocks=1
    )
    factors = {'factors': tokens.factors, 'factor_size': tokens.levels}
    joints = Joints(('slide',), (0.0,), (1.0,), 'unknown', (0.0,), (1.0,))
    stem = Domain('old', 1, (0.0,), (1.0,), joints=joints)
    save_hma(initialised(preset('small', [stem], **sizes, **factors)), tmp_path / 'run' / 'model')
    save_tokenizer(FrameTokenizer(tokens), tmp_path / 'run' / 'tokenizer')
    return tmp_path / 'run'


def write_steps(folder: Path) -> Path:
    """Write a data set of more frames than are encoded at once."""
    writer = LeRobotWriter(folder, load_embodiment('sim_planar'), 'push')
    rng = np.random.default_rng(0)
    for _ in range(2):
        file = writer.begin()
        for step in range(40):
            frame = rng.integers(256, size=(128, 128, 3), dtype=np.uint8)
            place = np.float32([0.001 * step, 0.05])
            file.add(Step(step, frame, place, place[None]))
        writer.end(file, True)
    writer.commit({'path': 'made up', 'sha256': ''})
    return folder


def test_frames_become_the_same_tokens(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('torch.compile', lambda function: function)
    command = ['finetune', '--init', str(trained), '--steps', '1', '--windows', '1']
    command += ['--head-steps', '1']
    marker, encode = tmp_path / 'killed', pretrained.encode_in_worker
    monkeypatch.setattr(pretrained, 'encode_in_worker', partial(killed_once, marker, encode))
    for name, words in (('here', []), ('there', ['--ray'])):
        data = write_steps(tmp_path / name / 'set')
        assert (
            main([*command, '--data', str(data), '--out', str(data.parent / 'out'), *words]) == 0
        )
    assert marker.exists()
    here, there = (files(tmp_path / name / 'set' / 'tokens') for name in ('here', 'there'))
    assert len(here) == 1
    assert there == here


def test_workers_that_always_die_end_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r'--ray: got .*expected workers that live until'):
        list(Pool(ray='auto').map(dies, [1]))
