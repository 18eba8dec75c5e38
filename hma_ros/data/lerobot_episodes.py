# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The list of episodes of a LeRobot data set, v2.1 (JSON lines) or v3 (Parquet)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import quoted, shortened
from hma_ros.data import lerobot_layout as layout


@dataclass(frozen=True)
class SourceEpisode:
    """
    One episode.

    :param data: what the path of its table is made of, such as ``chunk_index``.
    :param videos: for each camera what the path of its video is made of, and where in it the
        episode begins, in seconds; empty for v2.1, where each episode has its own.
    :param success: None where the list does not say it.
    """

    index: int
    length: int
    data: dict[str, int]
    videos: dict[str, tuple[dict[str, int], float]] = field(default_factory=dict)
    success: bool | None = None

    @property
    def label(self) -> str:
        """Say which one it is, for errors."""
        return f'episode {self.index}'


def episodes_of(folder: Path, info: dict[str, Any], is_v3: bool) -> list[SourceEpisode]:
    """
    Return the episodes of a data set.

    :param info: content of ``meta/info.json``.
    :raises ConfigError: the list is missing, broken or empty, or has other numbers than ``info``.
    """
    path = folder / 'meta' / ('episodes' if is_v3 else 'episodes.jsonl')
    read = _read_tables if is_v3 else _read_lines
    try:
        rows = read(path)
        chunks = int(info.get('chunks_size') or 1000)
        found = [_of_table(row) if is_v3 else _of_line(row, chunks) for row in rows]
    except ConfigError:
        raise
    # Whatever an unknown table or JSON makes Arrow, or these few lines, raise.
    except Exception as error:
        raise ConfigError(
            f'{path}: got {type(error).__name__}: {shortened(error)}, expected the episodes of '
            f'LeRobot {"v3" if is_v3 else "v2.1"}'
        ) from error
    _check(path, info, found)
    return found


def _check(path: Path, info: dict[str, Any], found: list[SourceEpisode]) -> None:
    facts = {
        'total_episodes': len(found),
        'total_frames': sum(item.length for item in found),
    }
    for key, count in facts.items():
        if info.get(key) != count:
            raise ConfigError(
                f'{path}: got {count}, expected {quoted(info.get(key))} ({key} of {layout.INFO})'
            )
    if not found:
        raise ConfigError(f'{path}: got no episode, expected at least one')
    for place, item in enumerate(found):
        if item.index != place or item.length < 1:
            raise ConfigError(
                f'{path}: episode {place}: got number {item.index} of {item.length} frames, '
                f'expected number {place} with frames'
            )


def _read_tables(folder: Path) -> list[dict[str, Any]]:
    pq = layout.load_pyarrow().parquet
    paths = sorted(folder.glob('*/*.parquet'))
    if not paths:
        raise ConfigError(f'{folder}: got no Parquet files, expected the list of episodes')
    rows: list[dict[str, Any]] = []
    for path in paths:
        names = [name for name in pq.read_schema(path).names if not name.startswith('stats/')]
        rows += pq.read_table(path, columns=names).to_pylist()
    return sorted(rows, key=lambda row: row['episode_index'])


def _read_lines(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding='utf-8').splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return sorted(rows, key=lambda row: row['episode_index'])


def _of_table(row: dict[str, Any]) -> SourceEpisode:
    length, span = int(row['length']), row['dataset_to_index'] - row['dataset_from_index']
    if length != span:
        raise ValueError(
            f'episode {row["episode_index"]}: length {length} and indices over {span} frames'
        )
    cameras = [
        key.removeprefix('videos/').removesuffix('/from_timestamp')
        for key in row
        if key.startswith('videos/') and key.endswith('/from_timestamp')
    ]
    return SourceEpisode(
        int(row['episode_index']),
        length,
        _places(row, 'data'),
        {
            key: (_places(row, f'videos/{key}'), float(row[f'videos/{key}/from_timestamp']))
            for key in cameras
        },
        row.get('success'),
    )


def _of_line(row: dict[str, Any], chunks: int) -> SourceEpisode:
    index = int(row['episode_index'])
    places = {'episode_chunk': index // chunks, 'episode_index': index}
    return SourceEpisode(index, int(row['length']), places, {}, row.get('success'))


def _places(row: dict[str, Any], key: str) -> dict[str, int]:
    return {name: int(row[f'{key}/{name}']) for name in ('chunk_index', 'file_index')}
