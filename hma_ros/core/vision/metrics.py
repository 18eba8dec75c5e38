# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How close two images are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A pixel has changed when a channel moved by more than this share of its range: above the noise
# of cameras and of video compression, below any motion of an edge that people see.
CHANGE_THRESHOLD = 12 / 255


@dataclass(frozen=True)
class SquaredError:
    """
    A sum of squared differences, in shares of the value range, and how many numbers went into it.

    Sums can be added, so that an error is pooled over pixels and not averaged over images.
    """

    total: float = 0.0
    count: int = 0

    def __add__(self, other: SquaredError) -> SquaredError:
        """Pool two errors."""
        return SquaredError(self.total + other.total, self.count + other.count)

    @property
    def psnr_db(self) -> float:
        """Peak signal-to-noise ratio in dB; NaN over nothing, infinite without any difference."""
        if self.count == 0:
            return math.nan
        return -10 * math.log10(self.total / self.count) if self.total > 0 else math.inf


def squared_error(
    first: NDArray[np.generic], second: NDArray[np.generic], mask: NDArray[np.bool_] | None = None
) -> SquaredError:
    """
    Compare two images, or two stacks of them.

    :param first: ``[..., H, W, 3]``, uint8, or floating point in 0 to 1.
    :param second: likewise; both may be of different types.
    :param mask: ``bool[..., H, W]``, the pixels that count; None counts all.
    :raises ValueError: the shapes differ.
    """
    if first.shape != second.shape or (mask is not None and mask.shape != first.shape[:-1]):
        shapes = [list(item.shape) for item in (first, second, mask) if item is not None]
        raise ValueError(f'images and mask: got shapes {shapes}, expected equal ones')
    squares = (shares(first) - shares(second)) ** 2
    chosen = squares if mask is None else squares[mask]
    return SquaredError(float(chosen.sum()), chosen.size)


def psnr(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    """Return the peak signal-to-noise ratio in dB; arguments as in :func:`squared_error`."""
    return squared_error(first, second).psnr_db


def delta_psnr(
    truth: NDArray[np.generic],
    predicted: NDArray[np.generic],
    predicted_at_random: Sequence[NDArray[np.generic]],
) -> float:
    """
    Return what a prediction gains from the true actions, in dB: how controllable the model is.

    PSNR under the true actions, less the mean PSNR under random ones (Genie, arXiv 2402.15391;
    HMA takes five draws).

    :param truth: ``[..., H, W, 3]``, uint8, or floating point in 0 to 1.
    :param predicted: likewise, from the true actions.
    :param predicted_at_random: likewise, one for each draw of actions, at least one.
    :raises ValueError: the shapes differ, or there is no draw.
    """
    if not len(predicted_at_random):
        raise ValueError('predicted_at_random: got no image, expected at least one')
    random_db = [psnr(truth, image) for image in predicted_at_random]
    return psnr(truth, predicted) - sum(random_db) / len(random_db)


def changed_pixels(
    before: NDArray[np.generic], after: NDArray[np.generic], threshold: float = CHANGE_THRESHOLD
) -> NDArray[np.bool_]:
    """
    Mark the pixels that differ.

    :param before: ``[..., H, W, 3]``, uint8, or floating point in 0 to 1.
    :param after: likewise.
    :param threshold: share of the value range that some channel has to exceed.
    :returns: ``bool[..., H, W]``.
    """
    moved: NDArray[np.bool_] = np.abs(shares(after) - shares(before)).max(-1) > threshold
    return moved


def shares(image: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return values as shares of their range: uint8 is divided by 255, others are shares."""
    values = image.astype(np.float64)
    return values / 255 if image.dtype == np.uint8 else values
