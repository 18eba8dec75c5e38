# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writes LeRobot v3 data sets with images in Parquet, one row group for each episode."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.external_data.domain import Frame, Robot

CAMERA, STATE, ACTION = 'observation.images.camera', 'observation.state', 'action'
_PLAIN = ('frame_index', 'episode_index', 'index', 'task_index')
_PLACES = ('data/chunk_index', 'data/file_index')


class LeRobotFile:
    """
    A new data set.

    :param folder: must not exist.
    :param task: in words.
    """

    def __init__(self, folder: Path, robot: Robot, task: str) -> None:
        self.folder, self._robot, self._task = folder, robot, task
        self._lengths: list[int] = []
        self._success: list[bool] = []
        self._numbers: dict[str, list[np.ndarray]] = {STATE: [], ACTION: []}
        (folder / 'data/chunk-000').mkdir(parents=True)
        (folder / 'meta/episodes/chunk-000').mkdir(parents=True)
        image = pa.struct([('bytes', pa.binary()), ('path', pa.string())])
        vectors = {STATE: len(robot.joints), ACTION: len(robot.names)}
        self._schema = pa.schema(
            [
                (CAMERA, image),
                *((key, pa.list_(pa.float32(), width)) for key, width in vectors.items()),
                ('timestamp', pa.float32()),
                *((key, pa.int64()) for key in _PLAIN),
            ]
        )
        self._writer = pq.ParquetWriter(folder / 'data/chunk-000/file-000.parquet', self._schema)

    def add(self, frames: Iterable[Frame]) -> int:
        """Append an episode, whose result is told afterwards; returns its length."""
        episode, first = len(self._lengths), sum(self._lengths)
        rows = []
        for index, frame in enumerate(frames):
            vectors = {
                STATE: np.asarray(frame.joints, np.float32),
                ACTION: np.asarray(frame.action, np.float32),
            }
            for key, values in vectors.items():
                self._numbers[key].append(values)
            places = (index, episode, first + index, 0)
            rows.append(
                {
                    CAMERA: {'bytes': _png(frame.image), 'path': None},
                    **vectors,
                    'timestamp': index / self._robot.fps,
                    **dict(zip(_PLAIN, places, strict=True)),
                }
            )
        self._writer.write_table(pa.Table.from_pylist(rows, self._schema))
        self._lengths.append(len(rows))
        return len(rows)

    def judge(self, is_success: bool) -> None:
        """Say whether the episode that was added last succeeded."""
        self._success.append(is_success)

    def close(self) -> None:
        """Write the metadata."""
        self._writer.close()
        ends = np.cumsum(self._lengths).tolist()
        rows = [
            {
                'episode_index': index,
                'tasks': [self._task],
                'length': length,
                'success': success,
                **dict.fromkeys(_PLACES, 0),
                'dataset_from_index': end - length,
                'dataset_to_index': end,
            }
            for index, (length, success, end) in enumerate(
                zip(self._lengths, self._success, ends, strict=True)
            )
        ]
        meta = self.folder / 'meta'
        pq.write_table(pa.Table.from_pylist(rows), meta / 'episodes/chunk-000/file-000.parquet')
        pq.write_table(pa.table({'task_index': [0], 'task': [self._task]}), meta / 'tasks.parquet')
        (meta / 'info.json').write_text(json.dumps(self._info(), indent=1))
        (meta / 'stats.json').write_text(json.dumps(self._stats(), indent=1))

    def _info(self) -> dict[str, Any]:
        robot = self._robot
        sizes = {'dtype': 'image', 'shape': [robot.side, robot.side, 3]}
        vectors = {STATE: robot.joints, ACTION: robot.names}
        return {
            'codebase_version': 'v3.0',
            'robot_type': robot.name,
            'total_episodes': len(self._lengths),
            'total_frames': sum(self._lengths),
            'total_tasks': 1,
            'chunks_size': 1000,
            'data_files_size_in_mb': 100,
            'video_files_size_in_mb': 200,
            'fps': int(robot.fps) if robot.fps == int(robot.fps) else robot.fps,
            'splits': {'train': f'0:{len(self._lengths)}'},
            'data_path': 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
            'video_path': None,
            'features': {
                CAMERA: {**sizes, 'names': ['height', 'width', 'channels']},
                **{
                    key: {'dtype': 'float32', 'shape': [len(names)], 'names': list(names)}
                    for key, names in vectors.items()
                },
                'timestamp': {'dtype': 'float32', 'shape': [1], 'names': None},
                **{key: {'dtype': 'int64', 'shape': [1], 'names': None} for key in _PLAIN},
            },
        }

    def _stats(self) -> dict[str, Any]:
        found = {}
        for key, rows in self._numbers.items():
            values = np.stack(rows).astype(float)
            found[key] = {
                name: getattr(values, name)(0).tolist() for name in ('min', 'max', 'mean', 'std')
            }
            found[key]['count'] = [len(values)]
        return found


def _png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'PNG', compress_level=1)
    return file.getvalue()
