# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Weights as the compiled library takes them, and descriptions that say where they are.

Whatever a description says, the library gets arrays of the sizes that it expects, or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np

from hma_ros.core.errors import BundleError
from hma_ros.core.json_file import json_fault

# Numbers that the processor takes at a time.
VECTOR = 16
# Sums of products of whole numbers have 32 bits.
_DEEPEST = 2**16
WIDTHS = f'in multiples of {VECTOR} up to {_DEEPEST}'

# Of the numbers of a matrix.
_DTYPES = ('int8', 'float16', 'float32')

Arrays = dict[str, np.ndarray]


def is_width(size: int) -> bool:
    """Whether the library has loops for rows of so many numbers, see :data:`WIDTHS`."""
    return 0 < size <= _DEEPEST and size % VECTOR == 0


@contextmanager
def described(path: Path, what: str) -> Iterator[tuple[Any, WeightFile]]:
    """
    Read a description; its file of weights lies beside it.

    :param what: it is of.
    :raises BundleError: it is malformed, or what is read of it within contradicts it.
    """
    try:
        facts = json.loads(path.read_text())
        yield facts, WeightFile(path.with_name(Path(facts['weights']).name))
    except (LookupError, TypeError, ValueError, AttributeError, OSError, RecursionError) as error:
        raise BundleError(
            f'{path}: got {json_fault(error)}, expected {what} as the export writes them'
        ) from error


def sizes(facts: Mapping[str, Any]) -> Mapping[str, int]:
    """Return sizes as they are described; raises ValueError for what is no whole number."""
    for name, value in facts.items():
        _whole(value, name)
    return facts


def _whole(value: Any, name: str) -> int:
    if type(value) is not int:
        raise ValueError(f'{name} {value!r}, expected a whole number')
    return value


class WeightFile:
    """
    A bundle's file of weights.

    :param path: of it.
    """

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, np.uint8, 'r')

    def matrix(self, depth: int, columns: int, facts: Mapping[str, Any]) -> Arrays:
        """
        Read a matrix, which may lie on its side: as the network has it, or as graphs do.

        :returns: `values` ``[depth, columns]`` ``float32``, which may be stored as ``float16``,
            or ``int8`` with a `scale` ``[columns]``; `bias` ``[columns]`` where there is one.
        :raises ValueError: it is another than expected, or outside the file.
        """
        said = facts['values']['dtype']
        if said not in _DTYPES:
            raise ValueError(f'dtype {said!r}, expected one of {", ".join(_DTYPES)}')
        dtype = np.dtype(said)
        is_turned = bool(facts['is_turned'])
        shape = (columns, depth) if is_turned else (depth, columns)
        values = self._read(facts['values'], shape, dtype)
        names = [*(['scale'] if dtype == np.int8 else []), *(['bias'] if 'bias' in facts else [])]
        rest = {name: self._read(facts[name], (columns,), np.float32) for name in names}
        values = values if dtype == np.int8 else values.astype(np.float32)
        return {'values': np.ascontiguousarray(values.T if is_turned else values), **rest}

    def table(self, rows: int, facts: Mapping[str, Any]) -> np.ndarray:
        """Read ``float32[rows, any]``; raises ValueError likewise."""
        shape = facts['shape']
        if not isinstance(shape, list) or len(shape) != 2:
            raise ValueError(f'shape {shape!r}, expected [{rows}, columns]')
        columns = _whole(shape[-1], 'columns')
        return self._read(facts, (rows, columns), np.float32)

    def norm(self, width: int, facts: Mapping[str, Any]) -> Arrays:
        """Read `weight` and `bias` of a norm, ``float32[width]``; raises ValueError likewise."""
        return {part: self._read(facts[part], (width,), np.float32) for part in ('weight', 'bias')}

    def _read(self, place: Mapping[str, Any], shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        expected = np.dtype(dtype)
        said = place['dtype'], tuple(place['shape'])
        if said != (expected.name, shape):
            raise ValueError(f'{said}, expected {expected} {shape}')
        begin = _whole(place['offset'], 'offset')
        end = begin + expected.itemsize * int(np.prod(shape))
        if not 0 <= begin < end <= len(self._bytes) or begin % expected.itemsize:
            raise ValueError(
                f'offset {begin} of {expected} {shape}, expected it within {len(self._bytes)} '
                f'bytes, in multiples of {expected.itemsize}'
            )
        return cast('np.ndarray', self._bytes[begin:end].view(dtype).reshape(shape))
