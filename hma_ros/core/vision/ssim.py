# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Structural similarity of two images.

Wang et al., Image quality assessment: from error visibility to structural similarity, IEEE
Transactions on Image Processing 13 (2004), with the choices that HMA's evaluation makes by
calling scikit-image with its defaults: an even window of 7 x 7 pixels wholly inside the image,
unbiased variances, channels averaged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.vision.metrics import shares

WINDOW = 7
# Guards of the two quotients, for values in 0 to 1.
_LUMINANCE_GUARD = 0.01**2
_CONTRAST_GUARD = 0.03**2


def ssim(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    """
    Return the mean structural similarity, 1 for equal images.

    :param first: ``[..., H, W, C]``, uint8, or floating point in 0 to 1; a stack is averaged.
    :param second: likewise; both may be of different types.
    :raises ValueError: the shapes differ, or are smaller than the window.
    """
    if first.shape != second.shape or min(first.shape[-3:-1]) < WINDOW:
        raise ValueError(
            f'images: got {list(first.shape)} and {list(second.shape)}, expected equal shapes '
            f'of at least {WINDOW} x {WINDOW} pixels'
        )
    a, b = shares(first), shares(second)
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    variance_a = unbiased * (_window_mean(a * a) - mean_a**2)
    variance_b = unbiased * (_window_mean(b * b) - mean_b**2)
    covariance = unbiased * (_window_mean(a * b) - mean_a * mean_b)
    luminance = (2 * mean_a * mean_b + _LUMINANCE_GUARD) / (
        mean_a**2 + mean_b**2 + _LUMINANCE_GUARD
    )
    structure = (2 * covariance + _CONTRAST_GUARD) / (variance_a + variance_b + _CONTRAST_GUARD)
    return float((luminance * structure).mean())


def _window_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each window inside ``[..., H, W, C]``: first of rows, then of columns."""
    for axis in (-3, -2):
        values = np.lib.stride_tricks.sliding_window_view(values, WINDOW, axis=axis).mean(-1)
    return values
