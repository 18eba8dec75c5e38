# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Speed of reading LeRobot data sets: our readers and LeRobot's own, and whether they read the same.

Simulated episodes are written by our writer (images in Parquet), and from these by LeRobot's
(videos). The readers take turns on one core; rates are per second of processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

# Before numpy counts the cores.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

import numpy as np

from benchmarks.report.data_tables import lerobot_reading_table
from hma_ros.cli.main import main as hma
from hma_ros.core.errors import HmaError
from hma_ros.data.episode_source import ACTION, STATE
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.data.lerobot_layout import IMAGE as CAMERA
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.lerobot_source import LeRobotSource
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step
from hma_ros.evaluation.measurements import write_measurements

_ROUNDS = 5
_LIMIT_S = 600.0
_KINDS = {'images': 'PNG in Parquet', 'videos': 'AV1 video'}


class Peer:
    """
    LeRobot's reader, in a process of its own.

    :param python: of an environment with lerobot.
    """

    def __init__(self, python: str) -> None:
        script = str(Path(__file__).with_name('lerobot_peer.py'))
        environment = {**os.environ, 'HF_HUB_OFFLINE': '1', 'PYTHONPATH': ''}
        self._process = subprocess.Popen(
            [python, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, command: str, *values: object) -> Any:
        """Return the answer to a command."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is not None and stdout is not None:
            stdin.write(json.dumps([command, *map(str, values)]) + '\n')
            stdin.flush()
            for line in stdout:
                if line.startswith('answer '):
                    return json.loads(line.removeprefix('answer '))
        code = self._process.wait()
        raise HmaError(f'lerobot_peer: {command}: got exit code {code}, expected an answer')

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(_LIMIT_S)


def main() -> int:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.lerobot_reading', description=__doc__
    )
    parser.add_argument('--lerobot-python', required=True, help='of an environment with lerobot')
    parser.add_argument('--out', type=Path, default=Path('benchmarks/out/lerobot_reading.json'))
    parser.add_argument('--episodes', type=int, default=120, help='simulated episodes')
    args = parser.parse_args()
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_images(folder, args.episodes)
        os.sched_setaffinity(0, {min(cores)})
        peer = Peer(args.lerobot_python)
        try:
            peer.ask('encode', folder / 'images', folder / 'videos')
            results = _measure(folder, peer)
        finally:
            peer.close()
            os.sched_setaffinity(0, cores)
    command = 'python -m benchmarks.lerobot_reading --lerobot-python lerobot/bin/python'
    write_measurements(args.out, f'{command} --episodes {args.episodes}', results)
    print(lerobot_reading_table(results))
    return 0


def _write_images(folder: Path, episodes: int) -> None:
    """Write simulated episodes with our writer."""
    generated = str(folder / 'generated')
    hma(['generate', 'sim_franka', '--out', generated, '--expert', str(episodes)])
    data = EpisodeDataset([folder / 'generated/train/shard_00'])
    writer = LeRobotWriter(folder / 'images', data.spec, 'place the cube')
    for episode in data:
        file = writer.begin()
        for number in range(episode.steps):
            frame, joints = np.array(episode.frames[number]), episode.joints[number]
            file.add(Step(number + 1, frame, joints, episode.actions[number]))
        writer.end(file, episode.success)
    writer.commit({'path': 'simulated'})


def _measure(folder: Path, peer: Peer) -> list[dict[str, Any]]:
    readers: dict[tuple[str, str], Callable[[], float]] = {
        ('images', 'ours, of our data sets'): lambda: _spent_s(_own(folder / 'images')),
    }
    for kind in _KINDS:
        path = folder / kind
        readers[kind, 'ours, of any data set'] = lambda path=path: _spent_s(_any(path))  # type: ignore[misc]
        readers[kind, "LeRobot's"] = lambda path=path: peer.ask('read', path)  # type: ignore[misc]
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in readers}
    for _ in range(_ROUNDS):
        for key, read in readers.items():
            seconds[key].append(read())
    count = sum(1 for _ in _own(folder / 'images'))
    same = {kind: _compare(folder / kind, peer, folder / f'{kind}.npz') for kind in _KINDS}
    return [
        {
            'name': 'lerobot_reading',
            'stored': _KINDS[kind],
            'reader': reader,
            'frames': count,
            'rate': round(count / median(spent), 1),
            'rates': [round(count / one, 1) for one in spent],
            **(same[kind] if reader == 'ours, of any data set' else {}),
        }
        for (kind, reader), spent in seconds.items()
    ]


Frame = tuple[np.ndarray, np.ndarray, np.ndarray]


def _own(folder: Path) -> Iterator[Frame]:
    data = LeRobotData(folder)
    for episode in range(len(data)):
        for step in data.steps(episode):
            yield step.frame, step.joints, step.actions.ravel()


def _any(folder: Path) -> Iterator[Frame]:
    source = LeRobotSource(folder)
    for episode in source.episodes:
        for frame in source.frames(episode, CAMERA, (STATE, ACTION)):
            yield frame.read(), frame.columns[STATE], frame.columns[ACTION]


def _spent_s(frames: Iterator[Frame]) -> float:
    begin_s = time.process_time()
    for _ in frames:
        pass
    return time.process_time() - begin_s


def _compare(folder: Path, peer: Peer, path: Path) -> dict[str, Any]:
    """Tell by how much what both read differs at most."""
    peer.ask('save', folder, path)
    theirs, found = np.load(path), {'images': 0, 'numbers': 0.0}
    images, states, actions = theirs[CAMERA], theirs[STATE], theirs[ACTION]
    frames = zip(_any(folder), images, states, actions, strict=True)
    for ours, image, state, action in frames:
        apart = np.abs(ours[0].astype(int) - image.astype(int)).max()
        found['images'] = max(found['images'], int(apart))
        for one, other in ((ours[1], state), (ours[2], action)):
            found['numbers'] = max(found['numbers'], float(np.abs(one - other).max()))
    return {'image_difference': found['images'], 'number_difference': found['numbers']}


if __name__ == '__main__':
    raise SystemExit(main())
