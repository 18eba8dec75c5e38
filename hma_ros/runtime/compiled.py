# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The compiled library of the package: where it lies, whether it runs here, what it offers."""

from __future__ import annotations

import ctypes
from ctypes import CDLL, POINTER, Structure, c_float, c_int, c_void_p
from functools import cache
from pathlib import Path

import hma_ros

# Beside the generated messages, or beside this package where pip built it.
_PATTERN = '_layers*.so'
# Of the functions in native/interface.cpp, which says it too.
_VERSION = 2


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


# In the order in which the library is told their sizes.
_STRUCTURES = (Facts, Call)


def library() -> CDLL | None:
    """
    Load the library.

    :returns: None where there is none that runs here, see :func:`why_not`.
    """
    return _load()[0]


def why_not() -> str:
    """Say why :func:`library` gives none."""
    return _load()[1]


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
    trunk, array = c_void_p, c_void_p
    place = [trunk, c_int, c_int]
    for name, result, arguments in (
        ('open', trunk, [POINTER(Facts)]),
        ('close', None, [trunk]),
        ('put_real', c_int, [*place, c_int, c_int, array, array]),
        ('put_whole', c_int, [*place, c_int, c_int, array, array, array]),
        ('put_norm', c_int, [*place, c_int, array, array]),
        ('run', c_int, [trunk, POINTER(Call)]),
        ('spent', None, [trunk, POINTER(ctypes.c_double)]),
    ):
        function = getattr(loaded, f'hma_{name}')
        function.restype, function.argtypes = result, arguments
    return loaded
