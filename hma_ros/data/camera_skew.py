# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Whether the images move later or earlier than the joints.

Compared is how both change from step to step: over a whole episode, what is slow correlates at any
lag. A short reach looks alike at several lags, so stretches of all episodes are taken together,
and a lag counts only if it is found again whichever of them are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

MOST_LAG = 5
# Steps of a stretch, and the fewest of one; stretches that can agree.
_STRETCH, _SHORTEST, _FEWEST = 40, 12, 5
# A lag is found if changes correlate so well there, and by so much worse without it.
_CLEAR, _CLEARLY = 0.5, 0.1
_DRAWS, _AGREE = 400, 0.95
_LAGS = np.arange(-MOST_LAG, MOST_LAG + 1)

Motion = tuple[NDArray[np.float64], NDArray[np.float64]]


def lag_steps(motions: Sequence[Motion]) -> int:
    """
    Return by how many steps the image moves later than the joints.

    :param motions: of each episode ``float64[T]``, the change of the image in each step, and
        ``float64[T]``, the motion of the joints in it.
    :returns: 0 also where the episodes do not agree, or show too little.
    """
    stretches = [_products(*part) for motion in motions for part in _stretches(*motion)]
    if len(stretches) < _FEWEST:
        return 0
    products_ULK = np.stack(stretches)
    found_L = _correlations(products_ULK.sum(0))
    best = int(np.argmax(found_L))
    if found_L[best] < max(_CLEAR, found_L[MOST_LAG] + _CLEARLY):
        return 0
    count = len(stretches)
    # How often each stretch is drawn, not a copy of each: there may be ten thousand.
    times_BU = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), _DRAWS)
    again_B = np.argmax(_correlations(np.tensordot(times_BU, products_ULK, 1)), axis=-1)
    is_agreed = (np.abs(again_B - best) <= 1).mean() >= _AGREE
    has_sign = (np.sign(_LAGS[again_B]) == np.sign(_LAGS[best])).mean() >= _AGREE
    return int(_LAGS[best]) if is_agreed and has_sign else 0


def _stretches(change_T: NDArray[np.float64], speed_T: NDArray[np.float64]) -> Iterator[Motion]:
    """Yield pieces of about a stretch each, as accelerations."""
    change, speed = np.diff(change_T), np.diff(speed_T)
    count = max(1, round(len(change) / _STRETCH))
    for part in np.array_split(np.arange(len(change)), count):
        if len(part) >= _SHORTEST:
            yield change[part], speed[part]


def _products(change_T: NDArray[np.float64], speed_T: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``float64[L, 3]``: covariance and both variances at each lag, times the steps."""
    found = []
    for lag in range(-MOST_LAG, MOST_LAG + 1):
        change = change_T[max(lag, 0) : len(change_T) + min(lag, 0)]
        speed = speed_T[max(-lag, 0) : len(speed_T) + min(-lag, 0)]
        change, speed = change - change.mean(), speed - speed.mean()
        found.append((change @ speed, change @ change, speed @ speed))
    return np.array(found)


def _correlations(products_LK: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``float64[..., L]`` of sums of products; 0 where something does not vary."""
    scale = np.sqrt(products_LK[..., 1] * products_LK[..., 2])
    return np.divide(products_LK[..., 0], scale, out=np.zeros_like(scale), where=scale > 0)
