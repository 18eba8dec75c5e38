# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Angles of joints that turn without end: equal modulo one turn."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]
TURN_RAD = 2.0 * math.pi


def nearest_turn(
    angle_rad: ArrayLike, reference_rad: ArrayLike, is_continuous: ArrayLike = True
) -> Vector:
    """
    Return the equivalent angle, modulo one turn, that is nearest to a reference.

    :param angle_rad: ``float64[...]``.
    :param reference_rad: the same shape, or one that broadcasts.
    :param is_continuous: ``bool[...]``; other coordinates stay as they are.
    :returns: ``float64[...]``; an angle within half a turn of its reference is unchanged.
    """
    angle = np.asarray(angle_rad, np.float64)
    turns = np.round((angle - np.asarray(reference_rad, np.float64)) / TURN_RAD)
    return angle - TURN_RAD * np.where(is_continuous, turns, 0.0)


def unwrap(
    samples_TD: ArrayLike, is_continuous_D: ArrayLike, reference_D: ArrayLike | None = None
) -> Vector:
    """
    Remove the jumps of a turn between consecutive samples.

    :param samples_TD: ``float64[T, D]``, consecutive samples less than half a turn apart.
    :param is_continuous_D: ``bool[D]``; other coordinates stay as they are.
    :param reference_D: ``float64[D]``, the first sample is moved within half a turn of it; by
        default it stays as it is.
    :returns: ``float64[T, D]``.
    """
    samples = np.asarray(samples_TD, np.float64)
    first = samples[:1] if reference_D is None else np.asarray(reference_D, np.float64)[None]
    steps = np.diff(samples, axis=0, prepend=first)
    turns = np.cumsum(np.round(steps / TURN_RAD), axis=0)
    return samples - TURN_RAD * np.where(is_continuous_D, turns, 0.0)
