# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Flat binary files of one array, without a header."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from hma_ros.core.errors import ConfigError
from hma_ros.core.lfs_pointer import refuse_lfs_pointer


def map_array(path: Path, dtype: DTypeLike, shape: Sequence[int]) -> np.ndarray:
    """
    Map a file as a read-only array.

    :param path: the file.
    :param dtype: of the numbers, in this machine's byte order.
    :param shape: of the whole array, C order; the first axis counts frames.
    :raises ConfigError: the file is missing, or of another size.
    """
    expected = math.prod(shape) * np.dtype(dtype).itemsize
    size = path.stat().st_size if path.is_file() else None
    if size != expected:
        refuse_lfs_pointer(path, ConfigError)
        found = 'no such file' if size is None else f'{size} bytes'
        raise ConfigError(f'{path}: got {found}, expected {expected} for {shape[0]} frames')
    if not expected:
        return np.empty(shape, dtype)  # An empty file cannot be mapped.
    return np.memmap(path, dtype, 'r', shape=tuple(shape))
