# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Make episodes in parallel; the result does not depend on the number of workers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing.util import Finalize
from pathlib import Path

import numpy as np

from hma_ros.core.embodiment.bounds import MODEL_SIDE_PX
from hma_ros.core.errors import ConfigError
from hma_ros.core.progress import Progress
from hma_ros.core.vision.image import FRAME_PX
from hma_ros.data.episodes import SPLITS, Episode, EpisodeWriter
from hma_ros.sim import TASK_NAMES, make_task
from hma_ros.sim.episode import run_episode
from hma_ros.sim.exploration import KINDS, Kind
from hma_ros.sim.simulation import Task

# Episodes handed out ahead of the one being written: bounds the memory they wait in.
_AHEAD_PER_WORKER = 8


@dataclass(frozen=True)
class _Order:
    """One episode to make."""

    kind: Kind
    seed: int
    image_size: int
    steps: int | None


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
    :raises ConfigError: unknown task, kind or split, a size or a number of steps out of range, or
        a folder in use.
    """
    if task_name not in TASK_NAMES:
        raise ConfigError(f"simulated robot '{task_name}': expected one of {TASK_NAMES}")
    least, most = MODEL_SIDE_PX
    if not least <= image_size <= most:
        raise ConfigError(f'image size: got {image_size}, expected {least} to {most} pixels')
    if steps is not None and steps < 1:
        raise ConfigError(f'steps: got {steps}, expected at least 1')
    orders = _plan(counts, seed, split, image_size, steps)
    folder = Path(out_folder) / split / 'shard_00'
    total = 0
    outcomes: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    with _open_writer(task_name, folder) as writer:
        for episode in Progress(
            _episodes(task_name, orders, workers),
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


def _plan(
    counts: Mapping[str, int], seed: int, split: str, image_size: int, steps: int | None
) -> list[_Order]:
    """Draw the seeds and mix the kinds, so that any part of a set is like the whole."""
    if split not in SPLITS:
        raise ConfigError(f"split '{split}': expected one of {SPLITS}")
    for kind, count in counts.items():
        if kind not in KINDS or count < 0:
            raise ConfigError(f"episodes '{kind}': {count}, expected a count of {KINDS}")
    kinds = [kind for kind in KINDS for _ in range(counts.get(kind, 0))]
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    # Train seeds are even and validation seeds odd: no start is in both.
    seeds = 2 * rng.choice(2**30, len(kinds), replace=False) + SPLITS.index(split)
    orders = [
        _Order(kind, int(number), image_size, steps)
        for kind, number in zip(kinds, seeds, strict=True)
    ]
    return [orders[i] for i in rng.permutation(len(orders))]


def _open_writer(task_name: str, folder: Path) -> EpisodeWriter:
    task = make_task(task_name)
    try:
        return EpisodeWriter(
            folder, task_name, task.control_hz, task.stride, task.action_names, task.state_names
        )
    finally:
        task.close()


def _episodes(task_name: str, orders: Sequence[_Order], workers: int) -> Iterator[Episode]:
    """Yield the episodes in the order of their orders."""
    if workers <= 1:
        task = make_task(task_name)
        try:
            for order in orders:
                yield _run(task, order)
        finally:
            task.close()
        return
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context('spawn'), _start_worker, (task_name,)
    ) as pool:
        waiting = iter(orders)
        futures = [
            pool.submit(_work, order) for order in islice(waiting, _AHEAD_PER_WORKER * workers)
        ]
        while futures:
            yield futures.pop(0).result()
            futures += [pool.submit(_work, order) for order in islice(waiting, 1)]


class _Worker:
    """The task of a worker process, built once."""

    task: Task | None = None


def _start_worker(task_name: str) -> None:
    _Worker.task = make_task(task_name)
    Finalize(None, _Worker.task.close, exitpriority=10)


def _work(order: _Order) -> Episode:
    if _Worker.task is None:
        raise ConfigError('worker process: no task, expected _start_worker to have run')
    return _run(_Worker.task, order)


def _run(task: Task, order: _Order) -> Episode:
    return run_episode(task, order.kind, order.seed, order.image_size, order.steps)
