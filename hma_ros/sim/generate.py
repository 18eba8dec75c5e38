# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Make episodes in parallel; the result does not depend on the number of workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path

import numpy as np

from hma_ros.core.embodiment.bounds import MODEL_SIDE_PX
from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import Pool
from hma_ros.core.progress import Progress
from hma_ros.core.settings import Scene
from hma_ros.core.vision.image import FRAME_PX
from hma_ros.data.episodes import Episode, EpisodeWriter
from hma_ros.data.shards import SPLITS
from hma_ros.sim import TASK_NAMES, make_task
from hma_ros.sim.episode import run_episode
from hma_ros.sim.exploration import KINDS, Kind
from hma_ros.sim.simulation import Task


@dataclass(frozen=True)
class _Order:
    """One episode to make."""

    task: str
    kind: Kind
    seed: int
    image_size: int
    steps: int | None
    scene: Scene


@dataclass(frozen=True)
class Summary:
    """What was made: episodes, steps, and the share of successes of each kind."""

    episodes: int
    steps: int
    success: dict[str, float]


def generate(
    task_name: str,
    out_folder: str | Path,
    counts: Mapping[str, int],
    seed: int = 0,
    workers: int = 2,
    progress: bool = True,
    split: str = 'train',
    image_size: int = FRAME_PX,
    steps: int | None = None,
    scene: Scene = 'fixed',
) -> Summary:
    """
    Write episodes of one task to ``out_folder/split/shard_00``.

    Every episode has its own seed, drawn from ``seed``, the split and its number, so that the
    same call writes the same bytes whatever ``workers`` is.

    :param task_name: one of ``TASK_NAMES``.
    :param out_folder: folder of the task; must not hold episodes of this split yet.
    :param counts: episodes of each kind (``expert``, ``play``, ``random``).
    :param seed: seed of the whole set.
    :param workers: processes; 1 runs in this one.
    :param progress: show a progress bar.
    :param split: ``train`` or ``val``, which never share a seed.
    :param image_size: height and width of the frames [px].
    :param steps: of each episode, whatever becomes of the task; None ends an episode a few steps
        after success, or at the task's horizon.
    :param scene: see :func:`hma_ros.sim.make_task`.
    :raises ConfigError: unknown task, kind or split, a size or a number of steps out of range, no
        episode, or a folder in use.
    """
    if task_name not in TASK_NAMES:
        raise ConfigError(f"simulated robot '{task_name}': expected one of {TASK_NAMES}")
    least, most = MODEL_SIDE_PX
    if not least <= image_size <= most:
        raise ConfigError(f'image size: got {image_size}, expected {least} to {most} pixels')
    if steps is not None and steps < 1:
        raise ConfigError(f'steps: got {steps}, expected at least 1')
    orders = [
        _Order(task_name, kind, number, image_size, steps, scene)
        for kind, number in _plan(counts, seed, split)
    ]
    folder = Path(out_folder) / split / 'shard_00'
    total = 0
    outcomes: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    with _open_writer(task_name, folder) as writer:
        for episode in Progress(
            Pool(workers).map(_work, orders),
            f'{task_name} {split}',
            len(orders),
            unit='episode',
            disable=not progress,
        ):
            writer.add(episode)
            total += episode.steps
            outcomes[episode.kind].append(episode.success)
    success = {kind: float(np.mean(done)) for kind, done in outcomes.items() if done}
    return Summary(len(orders), total, success)


def _plan(counts: Mapping[str, int], seed: int, split: str) -> list[tuple[Kind, int]]:
    """Draw the seeds and mix the kinds, so that any part of a set is like the whole."""
    if split not in SPLITS:
        raise ConfigError(f"split '{split}': expected one of {SPLITS}")
    for kind, count in counts.items():
        if kind not in KINDS or count < 0:
            raise ConfigError(f"episodes '{kind}': {count}, expected a count of {KINDS}")
    if not any(counts.values()):
        raise ConfigError(
            'episodes: got none, expected some; name --expert, --play or --random with a count'
        )
    kinds = [kind for kind in KINDS for _ in range(counts.get(kind, 0))]
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    # Train seeds are even and validation seeds odd: no start is in both.
    seeds = 2 * rng.choice(2**30, len(kinds), replace=False) + SPLITS.index(split)
    planned = [(kind, int(number)) for kind, number in zip(kinds, seeds, strict=True)]
    return [planned[i] for i in rng.permutation(len(planned))]


def _open_writer(task_name: str, folder: Path) -> EpisodeWriter:
    task = make_task(task_name)
    try:
        return EpisodeWriter(
            folder, task_name, task.control_hz, task.stride, task.action_names, task.state_names
        )
    finally:
        task.close()


def _work(order: _Order) -> Episode:
    task = _task(order.task, order.scene)
    return run_episode(task, order.kind, order.seed, order.image_size, order.steps)


@cache
def _task(name: str, scene: Scene) -> Task:
    """Build the robot once in each process; its renderer is closed before the interpreter ends."""
    task = make_task(name, scene)
    Finalize(None, task.close, exitpriority=10)
    return task
