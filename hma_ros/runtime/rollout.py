# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a world model imagines, and what it accepts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hma_ros.core.errors import InferenceError


@dataclass(frozen=True)
class Rollout:
    """
    Imagined steps, oldest first.

    :param frames: ``uint8[horizon, H, W, 3]`` RGB; frame i follows chunk i.
    :param actions: ``float32[horizon, stride, A]``, the chunks that lead to them; None of passive
        dynamics, in which frames follow frames whatever is done.
    """

    frames: np.ndarray
    actions: np.ndarray | None


def check_frame(frame: np.ndarray, size: int) -> None:
    """Raise InferenceError unless it is ``uint8[size, size, 3]``."""
    if frame.shape != (size, size, 3) or frame.dtype != np.uint8:
        raise InferenceError(
            f'frame: got {frame.dtype}{list(frame.shape)}, expected uint8[{size}, {size}, 3]'
        )


def check_horizon(chunks: np.ndarray | None, horizon: int, most: int) -> None:
    """Raise InferenceError unless the horizon is possible, and there is a chunk for each step."""
    if not 1 <= horizon <= most:
        raise InferenceError(f'horizon: got {horizon}, expected 1 to {most}')
    if chunks is not None and len(chunks) < horizon:
        raise InferenceError(f'chunks: got {len(chunks)}, expected {horizon}, one per step')
