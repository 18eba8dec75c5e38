# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What a bundle says of the layers of a trunk: `layers_S.json`.

Sizes, and where in the bundle's file of weights every matrix and norm of a layer begins. Whatever
it says, the compiled library gets arrays of the sizes that it expects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from hma_ros.core.errors import BundleError

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
NORMS = ('before_space', 'in_space', 'in_time', 'before_channels')
# Numbers that the processor takes at a time, and channels of the widest head.
VECTOR, WIDEST_HEAD = 16, 64
DEEPEST = 2**16

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Shape:
    """
    Sizes of a trunk.

    :param hidden: channels between the two products of the channels.
    :param tokens: of a row.
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
        is_sound = min(self.width, self.heads, self.hidden, self.tokens) > 0
        is_whole = is_sound and self.head_width * self.heads == self.width
        fits = not (self.width % VECTOR or self.hidden % VECTOR)
        # Sums of products of whole numbers have 32 bits.
        is_safe = max(self.width, self.hidden) <= DEEPEST
        return is_whole and fits and is_safe and self.head_width <= WIDEST_HEAD


@dataclass(frozen=True)
class Layer:
    """
    Weights of one layer.

    :param matrices: by name: `values` ``[depth, columns]`` ``float32``, or ``int8`` with a `scale`
        ``[columns]``; `bias` ``[columns]`` where there is one.
    :param norms: by name, `weight` and `bias`.
    """

    matrices: Mapping[str, Arrays]
    norms: Mapping[str, Arrays]


def read_layers(path: Path) -> tuple[Shape, list[Layer]]:
    """
    Read the description of the layers, whose file of weights lies beside it.

    :raises BundleError: it is malformed, or the sizes in it contradict each other.
    """
    try:
        facts = json.loads(path.read_text())
        shape = Shape(**facts['shape'])
        if not shape.is_computable:
            raise ValueError(f'{shape}, expected widths in multiples of {VECTOR}')
        weights = np.memmap(path.with_name(Path(facts['weights']).name), np.uint8, 'r')
        layers = [_layer(shape, layer, weights) for layer in facts['layers']]
        if not layers or len({'inject' in layer.matrices for layer in layers}) > 1:
            raise ValueError(f'{len(layers)} layers, expected some, and inject in all or none')
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise BundleError(
            f'{path}: {error!r}; expected the layers of a trunk as the export writes them'
        ) from error
    return shape, layers


def _layer(shape: Shape, facts: Mapping[str, Any], weights: np.ndarray) -> Layer:
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
        name: _matrix(*sizes[name], matrix, weights) for name, matrix in facts['matrices'].items()
    }
    norm_sizes = dict(zip(NORMS, (width, shape.head_width, shape.head_width, width), strict=True))
    norms = {
        name: {
            part: _read(weights, norm[part], (norm_sizes[name],), np.float32)
            for part in ('weight', 'bias')
        }
        for name, norm in facts['norms'].items()
    }
    return Layer(matrices, norms)


def _matrix(depth: int, columns: int, facts: Mapping[str, Any], weights: np.ndarray) -> Arrays:
    """Read a matrix, which may lie on its side: as the network has it, or as graphs do."""
    dtype = np.dtype(facts['values']['dtype'])
    if dtype not in (np.int8, np.float32):
        raise ValueError(f'dtype {dtype}, expected int8 or float32')
    is_turned = bool(facts['is_turned'])
    shape = (columns, depth) if is_turned else (depth, columns)
    values = _read(weights, facts['values'], shape, dtype)
    names = [*(['scale'] if dtype == np.int8 else []), *(['bias'] if 'bias' in facts else [])]
    rest = {name: _read(weights, facts[name], (columns,), np.float32) for name in names}
    return {'values': np.ascontiguousarray(values.T if is_turned else values), **rest}


def _read(
    weights: np.ndarray, place: Mapping[str, Any], shape: tuple[int, ...], dtype: Any
) -> np.ndarray:
    """View an array in the file; raises ValueError if it is another than expected."""
    said = (np.dtype(place['dtype']), tuple(place['shape']))
    if said != (np.dtype(dtype), shape):
        raise ValueError(f'{said}, expected {np.dtype(dtype)} {shape}')
    begin = int(place['offset'])
    end = begin + said[0].itemsize * int(np.prod(shape))
    if not 0 <= begin < end <= len(weights):
        raise ValueError(f'offset {begin} of {shape}, expected it within {len(weights)} bytes')
    return cast('np.ndarray', weights[begin:end].view(dtype).reshape(shape))
