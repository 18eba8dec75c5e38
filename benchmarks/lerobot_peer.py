# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Reads data sets with LeRobot's own reader, for benchmarks.lerobot_reading, which starts it.

It runs in an environment of its own, with lerobot and without hma_ros. A command is a line of JSON
on standard input, the answer one on standard output.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset

CAMERA, STATE, ACTION = 'observation.images.camera', 'observation.state', 'action'
_OWN = ('timestamp', 'frame_index', 'episode_index', 'index', 'task_index', 'stamp_ns')


def main() -> int:
    """Answer commands until the input ends."""
    torch.set_num_threads(1)
    commands = {'encode': _encode, 'read': _read, 'save': _save}
    opened: dict[str, LeRobotDataset] = {}
    for line in sys.stdin:
        command, folder, *more = json.loads(line)
        if folder not in opened:
            opened[folder] = LeRobotDataset('local/set', root=folder)
        print('answer', json.dumps(commands[command](opened[folder], *more)), flush=True)
    return 0


def _read(data: LeRobotDataset) -> float:
    """Read all frames in order; returns seconds of processor time."""
    begin_s = time.process_time()
    for index in range(len(data)):
        data[index]
    return time.process_time() - begin_s


def _save(data: LeRobotDataset, path: str) -> int:
    """Save what is read as arrays, images as uint8[N, H, W, 3]; returns the number of frames."""
    kept: dict[str, list[np.ndarray]] = {CAMERA: [], STATE: [], ACTION: []}
    for index in range(len(data)):
        item = data[index]
        kept[CAMERA].append(_image(item))
        kept[STATE].append(item[STATE].numpy())
        kept[ACTION].append(item[ACTION].numpy())
    np.savez(path, **{key: np.stack(values) for key, values in kept.items()})
    return len(data)


def _encode(data: LeRobotDataset, folder: str) -> int:
    """Write the data set again with videos as LeRobot's defaults are; returns how many frames."""
    features = {key: dict(item) for key, item in data.features.items() if key not in _OWN}
    features[CAMERA]['dtype'] = 'video'
    new = LeRobotDataset.create('local/set', data.fps, features, root=Path(folder))
    episode = 0
    for index in range(len(data)):
        item = data[index]
        if item['episode_index'].item() != episode:
            new.save_episode()
            episode = item['episode_index'].item()
        new.add_frame(_frame(item))
    new.save_episode()
    new.finalize()
    return len(data)


def _frame(item: dict[str, Any]) -> dict[str, Any]:
    numbers = {key: item[key].numpy() for key in (STATE, ACTION)}
    return {CAMERA: _image(item), **numbers, 'task': item['task']}


def _image(item: dict[str, Any]) -> np.ndarray:
    image: np.ndarray = (item[CAMERA] * 255.0).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return image


if __name__ == '__main__':
    raise SystemExit(main())
