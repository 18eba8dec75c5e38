# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frames of a part of a video, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.errors import ConfigError, MessageError
from hma_ros.core.short_text import shortened


def video_frames(
    path: Path, start_s: float, count: int, fps: float
) -> Iterator[Callable[[], NDArray[np.uint8]]]:
    """
    Yield so many frames, ``1 / fps`` apart; each is called to become ``uint8[height, width, 3]``.

    :param start_s: time of the first one.
    :raises MessageError: the video is missing or broken, ends early, or has other times.
    :raises ConfigError: the package av is not installed.
    """
    if not path.is_file():
        raise MessageError(f'{path}: got no file, expected a video (video_path of the data set)')
    number = 0
    try:
        for number, (time_s, frame) in enumerate(_decoded(path, start_s - 0.5 / fps)):
            if number == count:
                return
            expected_s = start_s + number / fps
            if abs(time_s - expected_s) > 0.5 / fps:
                raise MessageError(
                    f'{path}: frame {number} from {start_s:g} s on: got one at {time_s:.3f} s, '
                    f'expected one at {expected_s:.3f} s'
                )
            yield lambda frame=frame: frame.to_ndarray(format='rgb24')  # type: ignore[misc]
        number += 1
    except (ConfigError, MessageError):
        raise
    # PyAV raises exceptions of many kinds on a broken file.
    except Exception as error:
        raise MessageError(f'{path}: got {shortened(error)}, expected a video') from error
    if number < count:
        raise MessageError(f'{path}: got {number} frames from {start_s:g} s on, expected {count}')


def _decoded(path: Path, from_s: float) -> Iterator[tuple[float, Any]]:
    """Yield the frames at or after a time, each with its time in seconds."""
    try:
        import av
    except ImportError as error:
        raise ConfigError(
            f'{path}: got {error}, expected the package av; pip install -r requirements/data.txt'
        ) from error
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = 'AUTO'
        base = float(stream.time_base or 1)
        if from_s > 0:
            container.seek(int(from_s / base), stream=stream)
        for frame in container.decode(stream):
            if frame.pts is not None and frame.pts * base >= from_s:
                yield frame.pts * base, frame
