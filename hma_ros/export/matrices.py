# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Weights for the compiled library: into the bundle's file of them, and where they are there."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from hma_ros.export.weights import SharedWeights

_LARGEST = 127


def place_matrix(
    linear: nn.Linear,
    weights: SharedWeights,
    is_whole: bool = False,
    is_turned: bool = True,
    is_half: bool = False,
) -> dict[str, Any]:
    """
    Place a matrix and its bias.

    :param is_whole: as whole numbers from -127 to 127, with a scale for each column.
    :param is_turned: of reals, whether the graph has them as the network does, columns first: what
        lies there alike is stored once.
    :param is_half: whether reals are rounded to half precision.
    """
    is_turned = is_turned and not is_whole
    values = linear.weight.detach().numpy()
    values = values if is_turned else values.T
    facts: dict[str, Any] = {'is_turned': is_turned}
    if linear.bias is not None:
        facts['bias'] = place_array(linear.bias, weights)
    if is_whole:
        size_N = np.abs(values).max(0)
        scale_N = np.where(size_N > 0, size_N / _LARGEST, 1).astype(np.float32)
        facts['scale'] = place_array(scale_N, weights)
        values = np.rint(values / scale_N).astype(np.int8)
    elif is_half:
        values = values.astype(np.float16)
    return {**facts, 'values': place_array(values, weights)}


def place_norm(norm: nn.LayerNorm, weights: SharedWeights) -> dict[str, Any]:
    """Place the weight and bias of a norm."""
    return {'weight': place_array(norm.weight, weights), 'bias': place_array(norm.bias, weights)}


def place_array(array: Tensor | np.ndarray, weights: SharedWeights) -> dict[str, Any]:
    """Place an array as it is."""
    values = array.detach().numpy() if isinstance(array, Tensor) else array
    values = np.ascontiguousarray(values)
    return {
        'dtype': values.dtype.name,
        'shape': list(values.shape),
        'offset': weights.place(values.tobytes()),
    }
