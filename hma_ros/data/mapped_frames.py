# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Random access to the frames of a data set, also of one that keeps them compressed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.core.progress import Progress
from hma_ros.data.episodes import Episodes


def mapped_frames(dataset: Episodes, folder: Path) -> list[np.ndarray]:
    """
    Map the frames of all episodes from files.

    Compressed frames are decoded once, into a temporary file without a name: 49 kB for a frame of
    128 x 128 pixels.

    :param folder: where there is room for that file.
    :returns: of each episode ``uint8[T + 1, H, W, 3]``.
    :raises ConfigError: that file cannot be written.
    """
    if all(isinstance(episode.frames, np.ndarray) for episode in dataset):
        return [episode.frames for episode in dataset]
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return _decoded(dataset, cast('BinaryIO', file))
    except OSError as error:
        raise ConfigError(
            f'{folder}: got {error}, expected room for the decoded frames; choose another --out'
        ) from error


def _decoded(dataset: Episodes, file: BinaryIO) -> list[np.ndarray]:
    """Write the frames of all episodes one after the other, and map them."""
    total, shape = sum(episode.steps + 1 for episode in dataset), (0, 0, 0)
    with Progress(total=total, desc=f'{dataset.embodiment} frames', unit='frame') as bar:
        for episode in dataset:
            for frame in episode.frames:
                file.write(np.ascontiguousarray(frame, np.uint8).tobytes())
                shape = frame.shape
                bar.update()
    file.flush()
    frames = np.memmap(file, np.uint8, 'r', shape=(total, *shape))
    ends = np.cumsum([episode.steps + 1 for episode in dataset])
    return np.split(frames, ends[:-1])
