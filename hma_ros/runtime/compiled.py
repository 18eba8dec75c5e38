# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The compiled library of the package: where it lies, whether it runs here, what it offers."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import CDLL, POINTER, Structure, c_float, c_int, c_void_p
from functools import cache
from pathlib import Path

import numpy as np

import hma_ros

# Beside the generated messages, or beside this package where pip built it.
_PATTERN = '_layers*.so'
# Of the functions in native/interface.cpp, which says it too.
_VERSION = 3


class Facts(Structure):
    """`Facts` of native/trunk.h."""

    _fields_ = (
        *((name, c_int) for name in ('layers', 'width', 'heads', 'hidden', 'tokens', 'threads')),
        ('is_half', c_int),
        ('scale', c_float),
    )


class Call(Structure):
    """`Call` of native/trunk.h."""

    _fields_ = (
        *((name, c_int) for name in ('batch', 'rows', 'slots')),
        *((name, c_void_p) for name in ('x', 'added', 'modulation', 'rotation', 'bias')),
        *((name, c_void_p) for name in ('past', 'kept')),
    )


class DenoiserFacts(Structure):
    """`DenoiserFacts` of native/denoiser.h."""

    _fields_ = tuple((name, c_int) for name in ('blocks', 'width', 'entering', 'out', 'threads'))


class DenoiserCall(Structure):
    """`DenoiserCall` of native/denoiser.h."""

    _fields_ = (
        ('rows', c_int),
        *((name, c_void_p) for name in ('x', 'condition', 'time', 'said')),
    )


# In the order in which the library is told their sizes.
_STRUCTURES = (Facts, Call, DenoiserFacts, DenoiserCall)


def library() -> CDLL | None:
    """
    Load the library.

    :returns: None where there is none that runs here, see :func:`why_not`.
    """
    return _load()[0]


def why_not() -> str:
    """Say why :func:`library` gives none."""
    return _load()[1]


def address(array: np.ndarray | None) -> int | None:
    """Say where an array lies, which has to outlive the use of it."""
    return None if array is None else int(array.ctypes.data)


def put_matrix(loaded: CDLL, matrix: int, arrays: Mapping[str, np.ndarray]) -> bool:
    """
    Fill a matrix.

    :param matrix: as the library names it.
    :param arrays: see :class:`~hma_ros.runtime.paper.weight_file.WeightFile`; they are copied.
    :returns: whether there was memory for it.
    """
    values = arrays['values']
    is_whole = values.dtype == np.int8
    put = loaded.hma_put_whole if is_whole else loaded.hma_put_real
    names = ('values', 'scale', 'bias') if is_whole else ('values', 'bias')
    return bool(put(matrix, *values.shape, *(address(arrays.get(name)) for name in names)))


def put_norm(loaded: CDLL, norm: int, arrays: Mapping[str, np.ndarray]) -> bool:
    """Fill a norm likewise, of a `weight` and a `bias`."""
    weight, bias = arrays['weight'], arrays['bias']
    return bool(loaded.hma_put_norm(norm, len(weight), address(weight), address(bias)))


@cache
def _load() -> tuple[CDLL | None, str]:
    reason = 'it was not built, which needs a compiler for x86-64 with AVX-512 VNNI'
    for path in (path for folder in hma_ros.__path__ for path in Path(folder).glob(_PATTERN)):
        try:
            loaded = CDLL(str(path))
            if not loaded.hma_is_supported():
                reason = 'the processor has no AVX-512 VNNI'
            elif loaded.hma_agrees(_VERSION, *map(ctypes.sizeof, _STRUCTURES)):
                return _declare(loaded), ''
            else:
                reason = f'{path} is of another version, build again'
        except (OSError, AttributeError) as error:
            reason = f'{error}; build again'
    return None, reason


def _declare(loaded: CDLL) -> CDLL:
    handle, array, place = c_void_p, c_void_p, [c_void_p, c_int, c_int]
    for name, result, arguments in (
        ('put_real', c_int, [*place, array, array]),
        ('put_whole', c_int, [*place, array, array, array]),
        ('put_norm', c_int, [handle, c_int, array, array]),
        ('open', handle, [POINTER(Facts)]),
        ('close', None, [handle]),
        ('matrix', handle, place),
        ('norm', handle, place),
        ('run', c_int, [handle, POINTER(Call)]),
        ('spent', None, [handle, POINTER(ctypes.c_double)]),
        ('open_denoiser', handle, [POINTER(DenoiserFacts)]),
        ('close_denoiser', None, [handle]),
        ('denoiser_matrix', handle, [handle, c_int]),
        ('denoiser_norm', handle, [handle, c_int]),
        ('denoise', c_int, [handle, POINTER(DenoiserCall)]),
    ):
        function = getattr(loaded, f'hma_{name}')
        function.restype, function.argtypes = result, arguments
    return loaded
