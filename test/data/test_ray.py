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
import pytest
import ray
import rlds_of_steps

from hma_ros.cli.main import main
from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import Pool
from hma_ros.data import bag_import, episode_import
from hma_ros.evaluation import long_horizon

NUMBERS = ['--state', '0,1', '--action', '0,1']
RLDS = [*NUMBERS, '--fps', str(rlds_of_steps.FPS), '--action-key', 'action/target']


@pytest.fixture(scope='module', autouse=True)
def cluster() -> Iterator[None]:
    """Let the first command start Ray on this machine; nothing of it is left."""
    # Paths of sockets have at most 107 characters.
    with TemporaryDirectory(prefix='ray_') as folder, pytest.MonkeyPatch.context() as patch:
        # The functions of this module are not to be found in other processes.
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        patch.setenv('RAY_AUTH_MODE', 'disabled')
        start = partial(ray.init, num_cpus=2, object_store_memory=2**27, _temp_dir=folder)
        patch.setattr(ray, 'init', start)
        yield
        ray.shutdown()


def killed_once(marker: Path, work: Callable[..., Any], *arguments: Any) -> Any:
    """Kill one process that has done its work and not yet said so."""
    result = work(*arguments)
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return result
    os.kill(os.getpid(), signal.SIGKILL)


def dies(unit: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


def bags(folder: Path) -> list[Path]:
    return [
        bag_of_steps.write(folder / f'bag_{number}', list(bag_of_steps.messages(seconds)))
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
    sources, out = make(tmp_path), tmp_path / 'here' / 'set'
    sources.append(sources[0])
    command = ['data', 'import', kind, *map(str, sources), '--embodiment', 'sim_planar', *options]
    assert main([*command, '--out', str(out)]) == 0
    marker, there = tmp_path / 'killed', tmp_path / 'there' / 'set'
    module, name = reads
    monkeypatch.setattr(module, name, partial(killed_once, marker, getattr(module, name)))
    assert main([*command, '--out', str(there), '--ray']) == 0
    assert marker.exists()
    assert files(there) == files(out)
    assert list(there.parent.iterdir()) == [there]


def test_a_failed_unit_gives_the_same_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = lerobot_of_steps.write(tmp_path / 'a', 'v2.1')
    next(source.rglob('episode_000001.parquet')).write_bytes(b'PAR1')
    command = ['data', 'import', 'lerobot', str(source), '--embodiment', 'sim_planar', '--out']
    errors = []
    for words in (['here'], ['there', '--ray']):
        assert main([*command, str(tmp_path / words[0]), *words[1:]]) == 2
        errors.append(capsys.readouterr().err)
    assert 'expected Parquet' in errors[0]
    assert errors[0] == errors[1]


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


def test_workers_that_always_die_end_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r'--ray: got .*expected workers that live until'):
        list(Pool(ray='auto').map(dies, [1]))
