# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Rotary time positions (Su et al., arXiv 2104.09864)."""

from __future__ import annotations

import numpy as np

# Step index of an empty slot of the KV cache: too long ago for any window.
EMPTY_STEP = -(2**31)
_LONGEST_PERIOD = 10_000.0


def rotations(steps_R: np.ndarray, head_width: int) -> np.ndarray:
    """
    Angles by which queries and keys of steps are turned: only the lag of two steps then counts.

    Computed in double precision, so that the millionth step is as exact as the first.

    :param steps_R: ``int64[R]``, index of each step since the stream began.
    :param head_width: channels of an attention head, even.
    :returns: ``float32[R, 2, head_width / 2]``, cosines first.
    """
    half = head_width // 2
    frequencies = _LONGEST_PERIOD ** (-np.arange(half, dtype=np.float64) / half)
    angles = np.asarray(steps_R, np.float64)[:, None] * frequencies
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
