# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The compiled library of the package: where it lies, whether it runs here, what it offers."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Mapping
from ctypes import CDLL, POINTER, Structure, c_float, c_int, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import hma_ros
from hma_ros.core.errors import BundleError

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


def required(path: Path) -> CDLL:
    """Return the library; raises BundleError naming what it was needed for."""
    loaded = library()
    if loaded is None:
        raise BundleError(f'{path}: expected the compiled library, but {why_not()}')
    return loaded


def opened(
    owner: object, path: Path, handle: int | None, close: Callable[[Any], None]
) -> c_void_p:
    """
    Keep what the library opened for as long as its owner lives.

    :param path: of its description.
    :param handle: None where it could not be opened.
    :raises BundleError: then.
    """
    if handle is None:
        raise BundleError(f'{path}: expected memory for it, and one thread or more that start')
    kept = c_void_p(handle)
    # At the end of the process a thread may still be in it.
    weakref.finalize(owner, close, kept).atexit = False
    return kept


def address(array: np.ndarray | None) -> int | None:
    """Say where an array lies, which has to outlive the use of it."""
    return None if array is None else int(array.ctypes.data)


def put(
    loaded: CDLL, place: int | None, arrays: Mapping[str, np.ndarray], path: Path, name: str
) -> None:
    """
    Fill a matrix or a norm.

    :param place: as the library gave it; None where it has none such.
    :param arrays: of :class:`~hma_ros.runtime.paper.weight_file.WeightFile`; they are copied.
    :param path: of the description, and `name` there, for the error.
    :raises BundleError: there is no place or no memory for it.
    """
    if place is None or not _put(loaded, place, arrays):
        raise BundleError(f'{path}: no place or no memory for {name}')


def _put(loaded: CDLL, place: int, arrays: Mapping[str, np.ndarray]) -> bool:
    if 'weight' in arrays:
        weight, bias = arrays['weight'], arrays['bias']
        return bool(loaded.hma_put_norm(place, len(weight), address(weight), address(bias)))
    values = arrays['values']
    is_whole = values.dtype == np.int8
    fill = loaded.hma_put_whole if is_whole else loaded.hma_put_real
    names = ('values', 'scale', 'bias') if is_whole else ('values', 'bias')
    return bool(fill(place, *values.shape, *(address(arrays.get(part)) for part in names)))


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
