# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The compiled library of the package: which build of it runs here, and what it offers.

`native/` is built once for each instruction set (ISA) into `_layers_ISA.so`. All of them compute
the same, up to the rounding of float32; products of int8 are exact.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Mapping
from ctypes import CDLL, POINTER, Structure, c_float, c_int, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import hma_ros
from hma_ros.core.errors import BundleError

ISAS = ('avx512vnni', 'avxvnni', 'neon', 'generic')
# Chosen without being asked for, the fastest first: those known to gain over onnxruntime, see
# benchmarks/native.py.
_AUTOMATIC = ('avx512vnni',)
# One of them by name, whether it gains or not.
ISA_VARIABLE = 'HMA_ROS_ISA'
# Of the functions in native/interface.cpp, which says it too.
_VERSION = 4


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
        *((name, c_int) for name in ('batch', 'steps', 'slots', 'is_own')),
        *((name, c_void_p) for name in ('x', 'added', 'modulation', 'rotation', 'bias')),
        *((name, c_void_p) for name in ('past', 'kept')),
    )


class DenoiserFacts(Structure):
    """`DenoiserFacts` of native/denoiser.h."""

    _fields_ = tuple((name, c_int) for name in ('blocks', 'width', 'entering', 'out', 'threads'))


class DenoiserCall(Structure):
    """`DenoiserCall` of native/denoiser.h."""

    _fields_ = (
        ('steps', c_int),
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


def isa() -> str:
    """Return the instruction set of :func:`library`, of :data:`ISAS`; empty without one."""
    return _load()[2]


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
    :param arrays: of :class:`~hma_ros.runtime.weight_file.WeightFile`; they are copied.
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
def _load() -> tuple[CDLL | None, str, str]:
    """Return the library, why there is none, and its instruction set."""
    wanted = os.environ.get(ISA_VARIABLE, '')
    if wanted and wanted not in ISAS:
        return None, f'{ISA_VARIABLE}: got {wanted!r}, expected one of {", ".join(ISAS)}', ''
    names = (wanted,) if wanted else _AUTOMATIC
    reasons = []
    for name in names:
        for path in _paths(name):
            loaded, reason = _open(path, name)
            if loaded is not None:
                return loaded, '', name
            reasons.append(reason)
    missing = f'it was not built for {" or ".join(names)}, which needs CMake and a compiler'
    return None, '; '.join(reasons) or missing, ''


def _paths(name: str) -> list[Path]:
    """Beside the generated messages, or beside this package where pip built them."""
    folders = [Path(folder) for folder in hma_ros.__path__]
    return [path for folder in folders for path in sorted(folder.glob(f'_layers_{name}.*so'))]


def _open(path: Path, name: str) -> tuple[CDLL | None, str]:
    try:
        loaded = CDLL(str(path))
        if not loaded.hma_is_supported():
            return None, f'{path.name}: the processor has no {name}'
        if not loaded.hma_agrees(_VERSION, *map(ctypes.sizeof, _STRUCTURES)):
            return None, f'{path}: got another version, expected {_VERSION}; build again'
        return _declare(loaded), ''
    except (OSError, AttributeError) as error:
        return None, f'{error}; build again'


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
