# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a diffusion head does at every step, computed by the package's own compiled library."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from hma_ros.core.errors import BundleError, InferenceError
from hma_ros.runtime.compiled import (
    DenoiserCall,
    DenoiserFacts,
    address,
    library,
    put_matrix,
    put_norm,
    why_not,
)
from hma_ros.runtime.paper.weight_file import DEEPEST, VECTOR, Arrays, WeightFile, described

# Shift, scale and gate of a block; shift and scale of the readout.
_GATE_PARTS, _END_PARTS = 3, 2
_INPUTS = ('x', 'condition', 'time')


@dataclass(frozen=True)
class DenoiserShape:
    """
    Sizes of a denoiser.

    :param size: numbers of a sample.
    :param width: channels of its blocks.
    """

    size: int
    width: int
    blocks: int

    @property
    def is_computable(self) -> bool:
        """Whether the compiled library has loops for them."""
        is_sound = min(self.size, self.width, self.blocks) > 0
        return is_sound and not self.width % VECTOR and self.width <= DEEPEST

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """Depth and columns of matrices, in the order in which they are used."""
        width = self.width
        block = [(width, _GATE_PARTS * width), (width, width), (width, width)]
        end = [(width, _END_PARTS * width), (width, 2 * self.size)]
        return [(self.size, width), *block * self.blocks, *end]


class CompiledDenoiser:
    """
    Tells noise from sample: the part `denoise_H`, see :mod:`hma_ros.network.paper.parts`.

    :param path: of `denoise_H.json`; it and the weights beside it are verified.
    :param threads: that share out the samples; they sleep between calls.
    :raises BundleError: the file does not describe a denoiser, or it cannot be opened here.
    """

    def __init__(self, path: Path, threads: int) -> None:
        loaded = library()
        if loaded is None:
            raise BundleError(f'{path}: expected the compiled library, but {why_not()}')
        self._library, self._turn = loaded, Lock()
        self._shape, matrices, norms = _read(path)
        # Results are written in whole vectors.
        self._columns = -(-2 * self._shape.size // VECTOR) * VECTOR
        self._denoiser = self._open(path, threads)
        matrices[-1] = _widened(matrices[-1], self._columns)
        self._fill(path, matrices, norms)

    def __call__(self, inputs: Mapping[str, Any]) -> list[np.ndarray]:
        """
        Do one step; calls take turns.

        :param inputs: `x` ``float32[N, E]``, `condition` ``float32[N, W]`` and `time`
            ``float32[1, W]``.
        :returns: noise and raw variance, ``float32[N, E]`` each.
        :raises InferenceError: an array of another shape or type than these, or out of memory.
        """
        x, condition, time = (np.ascontiguousarray(inputs[name]) for name in _INPUTS)
        self._check(x, condition, time)
        said = np.empty((len(x), self._columns), np.float32)
        call = DenoiserCall(len(x), *(address(array) for array in (x, condition, time, said)))
        with self._turn:
            if not self._library.hma_denoise(self._denoiser, ctypes.byref(call)):
                raise InferenceError(f'denoiser: no memory for {len(x)} samples')
        size = self._shape.size
        return [said[:, :size], said[:, size : 2 * size]]

    def _check(self, *arrays: np.ndarray) -> None:
        """The library reads what it is told: refuse all that it would read beyond."""
        shape, count = self._shape, len(arrays[0])
        sizes = ((count, shape.size), (count, shape.width), (1, shape.width))
        for name, array, expected in zip(_INPUTS, arrays, sizes, strict=True):
            if array.shape != expected or array.dtype != np.float32:
                raise InferenceError(
                    f'denoiser: {name} {array.dtype}{list(array.shape)}, expected '
                    f'float32{list(expected)}'
                )

    def _open(self, path: Path, threads: int) -> ctypes.c_void_p:
        shape = self._shape
        facts = DenoiserFacts(shape.blocks, shape.width, shape.size, self._columns, threads)
        denoiser = ctypes.c_void_p(self._library.hma_open_denoiser(ctypes.byref(facts)))
        if denoiser.value is None:
            raise BundleError(f'{path}: no memory for it, or no {threads} threads')
        # At the end of the process a thread may still be in it.
        weakref.finalize(self, self._library.hma_close_denoiser, denoiser).atexit = False
        return denoiser

    def _fill(self, path: Path, matrices: list[Arrays], norms: list[Arrays]) -> None:
        loaded = self._library
        for put, find, items in (
            (put_matrix, loaded.hma_denoiser_matrix, matrices),
            (put_norm, loaded.hma_denoiser_norm, norms),
        ):
            for index, arrays in enumerate(items):
                if not put(loaded, find(self._denoiser, index), arrays):
                    raise BundleError(f'{path}: no memory for its weights')


def _read(path: Path) -> tuple[DenoiserShape, list[Arrays], list[Arrays]]:
    with described(path, 'a denoiser') as (facts, weights):
        shape = DenoiserShape(**facts['shape'])
        if not shape.is_computable:
            raise ValueError(
                f'{shape}, expected some blocks, and a width in multiples of {VECTOR}'
            )
        return shape, _matrices(shape, facts['matrices'], weights), _norms(shape, facts, weights)


def _matrices(shape: DenoiserShape, facts: list[Any], weights: WeightFile) -> list[Arrays]:
    matrices = [
        weights.matrix(*size, matrix) for size, matrix in zip(shape.matrices, facts, strict=True)
    ]
    dtypes = [matrix['values'].dtype for matrix in matrices]
    if {dtypes[0], dtypes[-1]} != {np.dtype(np.float32)} or len(set(dtypes[1:-1])) > 1:
        raise ValueError(f'dtypes {dtypes}, expected float32 at both ends, and one between')
    return matrices


def _norms(shape: DenoiserShape, facts: Mapping[str, Any], weights: WeightFile) -> list[Arrays]:
    if (found := len(facts['norms'])) != shape.blocks:
        raise ValueError(f'{found} norms, expected {shape.blocks}')
    return [weights.norm(shape.width, norm) for norm in facts['norms']]


def _widened(matrix: Arrays, columns: int) -> Arrays:
    """Add columns of zeros."""
    more = columns - matrix['values'].shape[1]
    result = {'values': np.pad(matrix['values'], ((0, 0), (0, more)))}
    if 'bias' in matrix:
        result['bias'] = np.pad(matrix['bias'], (0, more))
    return result
