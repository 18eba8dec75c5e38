# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The journal of an import, and the metadata that LeRobot reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from hma_ros.core.atomic_file import locked, replacing, write_text
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.running_statistics import RunningStatistics
from hma_ros.data.steps import floored_deviation


def write_metadata(folder: Path, spec: EmbodimentSpec, journal: Mapping[str, Any]) -> None:
    """
    Write the journal, and what LeRobot reads of it.

    :param journal: ``embodiment``, ``task`` and ``sources`` with their ``episodes``.
    """
    write_text(folder / layout.JOURNAL, json.dumps(journal, indent=1))
    episodes = [item for source in journal['sources'] for item in source['episodes']]
    frames = sum(item['length'] for item in episodes)
    information = layout.info(spec, len(episodes), frames)
    write_text(folder / layout.INFO, json.dumps(information, indent=4))
    if episodes:
        statistics = _statistics(spec, episodes)
        write_text(folder / layout.STATS, json.dumps(statistics, indent=4))
    _write_table(folder / layout.TASKS, layout.tasks_table(journal['task']))
    _write_table(folder / layout.EPISODES, _episode_table(journal['task'], episodes))


def journal_locked(folder: Path) -> AbstractContextManager[None]:
    """Have the journal to oneself, to read and change it; another process waits meanwhile."""
    return locked((folder / layout.JOURNAL).parent)


def _statistics(spec: EmbodimentSpec, episodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = {}
    for key in (layout.IMAGE, layout.STATE, layout.ACTION):
        total = RunningStatistics(len(episodes[0]['statistics'][key]['min']))
        for item in episodes:
            total.merge(item['statistics'][key])
        deviation = total.deviation
        if key == layout.ACTION:
            parts = deviation.reshape(spec.rates.stride, -1)
            deviation = np.concatenate([floored_deviation(spec, part) for part in parts])
        found[key] = _shaped(key, total, deviation)
    return found


def _shaped(key: str, total: RunningStatistics, deviation: np.ndarray) -> dict[str, Any]:
    numbers = {'min': total.low, 'max': total.high, 'mean': total.mean, 'std': deviation}
    shape = (3, 1, 1) if key == layout.IMAGE else (-1,)
    return {
        **{name: values.reshape(shape).tolist() for name, values in numbers.items()},
        'count': [total.count],
    }


def _episode_table(task: str, episodes: Sequence[Mapping[str, Any]]) -> Any:
    rows, first = [], 0
    for index, item in enumerate(episodes):
        chunk, file = divmod(index, layout.FILES_PER_CHUNK)
        rows.append(
            {
                'episode_index': index,
                'tasks': [task],
                'length': item['length'],
                'success': item['success'],
                'data/chunk_index': chunk,
                'data/file_index': file,
                'dataset_from_index': first,
                'dataset_to_index': first + item['length'],
                'meta/episodes/chunk_index': 0,
                'meta/episodes/file_index': 0,
            }
        )
        first += item['length']
    pa = layout.load_pyarrow()
    kinds = {'tasks': pa.list_(pa.string()), 'success': pa.bool_()}
    names = list(rows[0]) if rows else ['episode_index']
    schema = pa.schema([(name, kinds.get(name, pa.int64())) for name in names])
    return pa.Table.from_pylist(rows, schema)


def _write_table(path: Path, table: Any) -> None:
    with replacing(path) as part:
        layout.load_pyarrow().parquet.write_table(table, part)
