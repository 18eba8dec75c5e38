# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What a bundle says of the layers of a trunk: `layers_S.json`.

Sizes, and where in the bundle's file of weights every matrix and norm of a layer begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hma_ros.runtime.weight_file import (
    WIDTHS,
    Arrays,
    WeightFile,
    described,
    is_width,
    sizes,
)

# In the order of `Place` and `NormPlace` of native/trunk.h.
MATRICES = (
    'space_made',
    'space_out',
    'inject',
    'time_made',
    'time_out',
    'channels_in',
    'channels_out',
)
NORMS = ('before_space', 'in_space', 'before_time', 'in_time', 'before_channels')
# Channels of the widest head.
WIDEST_HEAD = 64


@dataclass(frozen=True)
class Shape:
    """
    Sizes of a trunk.

    :param hidden: channels between the two products of the channels.
    :param tokens: of a step.
    :param scale: of queries.
    """

    width: int
    heads: int
    hidden: int
    tokens: int
    scale: float

    @property
    def head_width(self) -> int:
        """Channels of a head."""
        return self.width // self.heads

    @property
    def is_computable(self) -> bool:
        """Whether the compiled library has loops for them."""
        is_whole = self.heads > 0 and self.head_width * self.heads == self.width
        fits = is_width(self.width) and is_width(self.hidden) and self.tokens > 0
        return is_whole and fits and self.head_width <= WIDEST_HEAD


@dataclass(frozen=True)
class Layer:
    """
    Weights of one layer.

    :param matrices: by name.
    :param norms: by name.
    :param lag_bias: ``float32[heads, window]``, by how many steps ago; None without one.
    """

    matrices: Mapping[str, Arrays]
    norms: Mapping[str, Arrays]
    lag_bias: np.ndarray | None = None


def read_layers(path: Path) -> tuple[Shape, list[Layer], bool]:
    """
    Read the description of the layers, whose file of weights lies beside it.

    :returns: sizes, layers, and whether actions modulate them.
    :raises BundleError: it is malformed, or the sizes in it contradict each other.
    """
    with described(path, 'the layers of a trunk') as (facts, weights):
        modulates = facts['modulates']
        if type(modulates) is not bool:
            raise ValueError(f'modulates {modulates!r}, expected true or false')
        shape = _shape(facts['shape'])
        if not shape.is_computable:
            raise ValueError(
                f'{shape}, expected widths {WIDTHS}, and heads of up to {WIDEST_HEAD} channels'
            )
        layers = [_layer(shape, layer, weights) for layer in facts['layers']]
        if not layers or len({'inject' in layer.matrices for layer in layers}) > 1:
            raise ValueError(f'{len(layers)} layers, expected some, and inject in all or none')
        if not modulates and 'inject' in layers[0].matrices:
            raise ValueError('inject, expected none where modulates is false')
        if len({layer.lag_bias is None for layer in layers}) > 1:
            raise ValueError('lag_bias of some layers, expected it of all or none')
    return shape, layers, modulates


def _shape(facts: Mapping[str, Any]) -> Shape:
    scale = facts['scale']
    if not isinstance(scale, float):
        raise ValueError(f'scale {scale!r}, expected a real number')
    rest = {name: value for name, value in facts.items() if name != 'scale'}
    return Shape(**sizes(rest), scale=scale)


def _layer(shape: Shape, facts: Mapping[str, Any], weights: WeightFile) -> Layer:
    width, hidden = shape.width, shape.hidden
    sizes = {
        **dict.fromkeys(('space_made', 'time_made'), (width, 3 * width)),
        **dict.fromkeys(('space_out', 'inject', 'time_out'), (width, width)),
        'channels_in': (width, hidden),
        'channels_out': (hidden, width),
    }
    if missing := sorted(set(MATRICES) - {'inject'} - set(facts['matrices'])):
        raise ValueError(f'no {missing[0]}, expected all of {MATRICES} but inject')
    matrices = {
        name: weights.matrix(*sizes[name], matrix) for name, matrix in facts['matrices'].items()
    }
    per_head = ('in_space', 'in_time')
    norm_sizes = {name: shape.head_width if name in per_head else width for name in NORMS}
    norms = {name: weights.norm(norm_sizes[name], norm) for name, norm in facts['norms'].items()}
    lags = facts.get('lag_bias')
    return Layer(matrices, norms, None if lags is None else weights.table(shape.heads, lags))
