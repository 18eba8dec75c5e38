# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writes LeRobot data sets of a made-up planar robot, as other tools do: v2.1 and v3."""

import io
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

FPS = 30
CAMERA = 'observation.images.top'
STATES = ['joint_x', 'joint_y', 'speed']


def place(time_s: float) -> np.ndarray:
    return np.array([0.1 * np.sin(time_s), 0.05 * np.cos(3 * time_s)])


def image(time_s: float) -> np.ndarray:
    """Return an image whose brightness says its time."""
    pixels = np.full((256, 256, 3), 40, np.uint8)
    pixels[64:192, 64:192] = np.uint8(60 + 30 * time_s)
    return pixels


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, 'PNG')
    return file.getvalue()


def write_video(path: Path, times: list[float], codec: str = 'mpeg4') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width = stream.height = 256
        stream.pix_fmt = 'yuv420p'
        stream.bit_rate = 8_000_000
        for time_s in times:
            frame = av.VideoFrame.from_ndarray(image(time_s), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _rows(episode: int, length: int, first: int, is_video: bool) -> dict[str, list[Any]]:
    times = [index / FPS for index in range(length)]
    rows: dict[str, list[Any]] = {
        'observation.state': [[*place(time_s), 7.0] for time_s in times],
        # The target of a frame is where the robot is at the next one.
        'action': [list(place(time_s + 1 / FPS)) for time_s in times],
        'timestamp': times,
        'frame_index': list(range(length)),
        'episode_index': [episode] * length,
        'index': list(range(first, first + length)),
        'task_index': [0] * length,
    }
    if not is_video:
        rows[CAMERA] = [{'bytes': png(image(time_s)), 'path': None} for time_s in times]
    return rows


def _table(rows: dict[str, list[Any]]) -> pa.Table:
    kinds = {
        'observation.state': pa.list_(pa.float32()),
        'action': pa.list_(pa.float32()),
        'timestamp': pa.float32(),
    }
    return pa.table({key: pa.array(values, kinds.get(key)) for key, values in rows.items()})


def write(
    folder: Path,
    version: str,
    lengths: tuple[int, ...] = (31, 46),
    is_video: bool = False,
    codec: str = 'mpeg4',
) -> Path:
    """Write a data set; the episodes of v3 share one table and one video."""
    is_v3 = version == 'v3.0'
    firsts = [sum(lengths[:index]) for index in range(len(lengths))]
    tables = [
        _table(_rows(episode, length, first, is_video))
        for episode, (length, first) in enumerate(zip(lengths, firsts, strict=True))
    ]
    seconds = [[index / FPS for index in range(length)] for length in lengths]
    data, video = 'data/chunk-000', f'videos/{CAMERA}/chunk-000'
    (folder / data).mkdir(parents=True)
    (folder / 'meta').mkdir()
    if is_v3:
        pq.write_table(pa.concat_tables(tables), folder / data / 'file-000.parquet')
        if is_video:
            write_video(
                folder / video / 'file-000.mp4',
                [time_s for part in seconds for time_s in part],
                codec,
            )
        _write_episodes(folder, lengths, firsts, is_video)
    else:
        video = f'videos/chunk-000/{CAMERA}'
        lines = [
            json.dumps({'episode_index': index, 'tasks': ['push'], 'length': length})
            for index, length in enumerate(lengths)
        ]
        (folder / 'meta/episodes.jsonl').write_text('\n'.join(lines) + '\n')
        for episode, table in enumerate(tables):
            name = f'episode_{episode:06d}'
            pq.write_table(table, folder / data / f'{name}.parquet')
            if is_video:
                write_video(folder / video / f'{name}.mp4', seconds[episode], codec)
    info = _info(version, lengths, is_video)
    (folder / 'meta/info.json').write_text(json.dumps(info))
    return folder


def _write_episodes(
    folder: Path, lengths: tuple[int, ...], firsts: list[int], is_video: bool
) -> None:
    rows = []
    for index, (length, first) in enumerate(zip(lengths, firsts, strict=True)):
        row = {
            'episode_index': index,
            'tasks': ['push'],
            'length': length,
            'data/chunk_index': 0,
            'data/file_index': 0,
            'dataset_from_index': first,
            'dataset_to_index': first + length,
            'stats/action/min': [0.0],
        }
        if is_video:
            row |= {
                f'videos/{CAMERA}/chunk_index': 0,
                f'videos/{CAMERA}/file_index': 0,
                f'videos/{CAMERA}/from_timestamp': first / FPS,
                f'videos/{CAMERA}/to_timestamp': (first + length) / FPS,
            }
        rows.append(row)
    path = folder / 'meta/episodes/chunk-000/file-000.parquet'
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def _info(version: str, lengths: tuple[int, ...], is_video: bool) -> dict[str, Any]:
    is_v3 = version == 'v3.0'
    plain = ('timestamp', 'frame_index', 'episode_index', 'index', 'task_index')
    return {
        'codebase_version': version,
        'robot_type': 'planar',
        'total_episodes': len(lengths),
        'total_frames': sum(lengths),
        'chunks_size': 1000,
        'fps': FPS,
        'data_path': 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
        if is_v3
        else 'data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet',
        'video_path': 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4'
        if is_v3
        else 'videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4',
        'features': {
            CAMERA: {
                'dtype': 'video' if is_video else 'image',
                'shape': [256, 256, 3],
                'names': ['height', 'width', 'channels'],
            },
            'observation.state': {
                'dtype': 'float32',
                'shape': [3],
                'names': STATES if is_v3 else {'motors': STATES},
            },
            'action': {'dtype': 'float32', 'shape': [2], 'names': ['x', 'y']},
            **{key: {'dtype': 'int64', 'shape': [1], 'names': None} for key in plain},
        },
    }
