# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Images of what was seen and what was imagined, side by side."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

_GAP_PIXELS = 2


def strip(frames: Sequence[Frame]) -> Frame:
    """
    Put frames side by side with a thin white line between them.

    :param frames: at least one ``uint8[H, W, 3]``, all of one size.
    :returns: ``uint8[H, n * W + (n - 1) * 2, 3]``.
    """
    line = np.full((frames[0].shape[0], _GAP_PIXELS, 3), 255, np.uint8)
    parts = [part for frame in frames for part in (line, frame)]
    return np.concatenate(parts[1:], axis=1)


def difference(observed: Frame, imagined: Frame) -> Frame:
    """Return where two frames differ, ``uint8[H, W, 3]``: black where they agree."""
    distance: Frame = np.abs(observed.astype(np.int16) - imagined).astype(np.uint8)
    return distance


def mean_error(observed: Frame, imagined: Frame) -> float:
    """Return the mean absolute difference of two frames, 0 to 255."""
    return float(np.abs(observed.astype(np.int16) - imagined).mean())
