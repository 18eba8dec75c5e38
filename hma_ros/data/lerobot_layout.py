# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The layout of a LeRobot v3 data set: names, features, schemas.

One Parquet file for each episode, with its frames as PNG: nothing is lost, and an import that was
interrupted goes on behind the last whole file.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import ConfigError
from hma_ros.data.episode_source import ACTION, STATE

VERSION = 'v3.0'
IMAGE, STAMP = 'observation.images.camera', 'stamp_ns'
INFO, STATS, TASKS = 'meta/info.json', 'meta/stats.json', 'meta/tasks.parquet'
EPISODES = 'meta/episodes/chunk-000/file-000.parquet'
JOURNAL, PARTS = 'meta/hma/import.json', 'meta/hma/parts'
FILES_PER_CHUNK = 1000
_DATA = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'


def load_pyarrow() -> Any:
    """
    Return pyarrow, with ``pyarrow.parquet`` loaded.

    :raises ConfigError: it is not installed.
    """
    try:
        importlib.import_module('pyarrow.parquet')
        return importlib.import_module('pyarrow')
    except ImportError as error:
        raise ConfigError(
            f'data: got {error}, expected the package pyarrow; pip install '
            '-r requirements/data.txt'
        ) from error


def data_file(folder: Path, episode: int) -> Path:
    """Return the file of an episode."""
    chunk, file = divmod(episode, FILES_PER_CHUNK)
    return folder / _DATA.format(chunk_index=chunk, file_index=file)


def embodiment_file(folder: Path, robot: str) -> Path:
    """Return the copy of the embodiment file with which a data set was made."""
    return folder / 'meta' / 'hma' / f'{robot}.yaml'


def action_names(spec: EmbodimentSpec) -> list[str]:
    """Return the names of the ``stride * A`` numbers of a step, ``x.0`` for step 0 of several."""
    if spec.rates.stride == 1:
        return list(spec.action.names)
    steps = range(spec.rates.stride)
    return [f'{name}.{step}' for step in steps for name in spec.action.names]


def features(spec: EmbodimentSpec) -> dict[str, Any]:
    """Return the features of a robot's data set, as ``meta/info.json`` has them."""
    joints, actions = list(spec.state.joints), action_names(spec)
    plain = {
        'timestamp': 'float32',
        'frame_index': 'int64',
        'episode_index': 'int64',
        'index': 'int64',
        'task_index': 'int64',
        STAMP: 'int64',
    }
    return {
        IMAGE: {
            'dtype': 'image',
            'shape': [*spec.camera.resize, 3],
            'names': ['height', 'width', 'channels'],
        },
        STATE: {'dtype': 'float32', 'shape': [len(joints)], 'names': joints},
        ACTION: {'dtype': 'float32', 'shape': [len(actions)], 'names': actions},
        **{key: {'dtype': kind, 'shape': [1], 'names': None} for key, kind in plain.items()},
    }


def schema(spec: EmbodimentSpec) -> Any:
    """Return the Arrow schema of a data file."""
    pa = load_pyarrow()
    fields = []
    for key, feature in features(spec).items():
        if feature['dtype'] == 'image':
            kind = pa.struct([('bytes', pa.binary()), ('path', pa.string())])
        elif feature['shape'] == [1] and key not in (STATE, ACTION):
            kind = pa.type_for_alias(feature['dtype'])
        else:
            kind = pa.list_(pa.float32(), feature['shape'][0])
        fields.append((key, kind))
    return pa.schema(fields)


def info(spec: EmbodimentSpec, episodes: int, frames: int) -> dict[str, Any]:
    """Return the content of ``meta/info.json``."""
    rate = spec.rates.frame_hz
    return {
        'codebase_version': VERSION,
        'robot_type': spec.name,
        'total_episodes': episodes,
        'total_frames': frames,
        'total_tasks': 1,
        'chunks_size': FILES_PER_CHUNK,
        'data_files_size_in_mb': 100,
        'video_files_size_in_mb': 200,
        'fps': int(rate) if rate == int(rate) else rate,
        'splits': {'train': f'0:{episodes}'},
        'data_path': _DATA,
        'video_path': None,
        'features': features(spec),
    }


def tasks_table(task: str) -> Any:
    """Return ``meta/tasks.parquet``, whose text is the index of a data frame."""
    pa = load_pyarrow()
    column = {'field_name': 'task_index', 'name': 'task_index', 'metadata': None}
    index = {'field_name': 'task', 'name': 'task', 'metadata': None}
    pandas = {
        'index_columns': ['task'],
        'column_indexes': [],
        'columns': [
            {**column, 'pandas_type': 'int64', 'numpy_type': 'int64'},
            {**index, 'pandas_type': 'unicode', 'numpy_type': 'object'},
        ],
    }
    table = pa.table({'task_index': pa.array([0], pa.int64()), 'task': pa.array([task])})
    return table.replace_schema_metadata({b'pandas': json.dumps(pandas).encode()})


def renumber(source: Path, target: Path, spec: EmbodimentSpec, episode: int, first: int) -> None:
    """
    Copy an episode under another number, one row group at a time.

    :param first: index of its first frame in the data set.
    """
    pa, kinds = load_pyarrow(), schema(spec)
    whole = pa.parquet.ParquetFile(source)
    with pa.parquet.ParquetWriter(target, kinds, compression='snappy') as writer:
        for group in range(whole.num_row_groups):
            table = whole.read_row_group(group)
            count = len(table)
            for name, numbers in (
                ('episode_index', [episode] * count),
                ('index', list(range(first, first + count))),
            ):
                place = kinds.get_field_index(name)
                table = table.set_column(place, kinds.field(place), [numbers])
            writer.write_table(table)
            first += count
