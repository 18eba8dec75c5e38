# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a diffusion head does at every step, computed by the package's own compiled library."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.runtime.compiled import DenoiserCall, DenoiserFacts, address, opened, put, required
from hma_ros.runtime.weight_file import (
    VECTOR,
    WIDTHS,
    Arrays,
    WeightFile,
    described,
    is_width,
    sizes,
)

# Shift, scale and gate of a block; shift and scale of the readout.
_GATE_PARTS, _END_PARTS = 3, 2
# Of a block: what makes its gates, and two more; of the ends: the way in, gates and the readout.
_BLOCK_MATRICES, _END_MATRICES = 3, 3
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
        return self.size > 0 and self.blocks > 0 and is_width(self.width)

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """Depth and columns of matrices, in the order in which they are used."""
        width = self.width
        block = [(width, _GATE_PARTS * width), (width, width), (width, width)]
        end = [(width, _END_PARTS * width), (width, 2 * self.size)]
        return [(self.size, width), *block * self.blocks, *end]


class CompiledDenoiser:
    """
    Tells noise from sample: the part `denoise_H`, see :mod:`hma_ros.network.parts`.

    :param path: of `denoise_H.json`; it and the weights beside it are verified.
    :param threads: that share out the samples; they sleep between calls.
    :raises BundleError: the file does not describe a denoiser, or it cannot be opened here.

    ``shape`` is what it says.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._library, self._name, self._turn = required(path), path.stem, Lock()
        self.shape, matrices, norms = _read(path)
        # Results are written in whole vectors.
        self._columns = -(-2 * self.shape.size // VECTOR) * VECTOR
        matrices[-1] = _widened(matrices[-1], self._columns)
        self._denoiser = self._open(path, threads)
        self._fill(path, matrices, norms)

    def __call__(self, inputs: Mapping[str, Any]) -> list[np.ndarray]:
        """
        Do one step; calls take turns.

        :param inputs: `x` ``float32[N, E]``, `condition` ``float32[N, W]`` and `time`
            ``float32[1, W]``.
        :returns: noise and raw variance, ``float32[N, E]`` each.
        :raises InferenceError: an array is missing or of another shape or type than these, what
            comes out is not finite, or out of memory.
        """
        x, condition, time = self._arrays(inputs)
        said = np.empty((len(x), self._columns), np.float32)
        call = DenoiserCall(len(x), *(address(array) for array in (x, condition, time, said)))
        with self._turn:
            is_done = self._library.hma_denoise(self._denoiser, ctypes.byref(call))
        if not is_done:
            raise InferenceError(f'{self._name}: no memory for {len(x)} samples')
        if not np.isfinite(said).all():
            raise InferenceError(f'{self._name}: the noise of a sample is not finite')
        size = self.shape.size
        return [said[:, :size], said[:, size : 2 * size]]

    def _arrays(self, inputs: Mapping[str, Any]) -> list[np.ndarray]:
        """The library reads what it is told: refuse all that it would read beyond."""
        if set(inputs) != set(_INPUTS):
            raise InferenceError(f'{self._name}: got {sorted(inputs)}, expected {sorted(_INPUTS)}')
        arrays = [np.ascontiguousarray(inputs[name]) for name in _INPUTS]
        size, width, count = self.shape.size, self.shape.width, len(arrays[0])
        for name, array, expected in zip(
            _INPUTS, arrays, ((count, size), (count, width), (1, width)), strict=True
        ):
            if array.shape != expected or array.dtype != np.float32:
                raise InferenceError(
                    f'{self._name}: {name} {array.dtype}{list(array.shape)}, expected '
                    f'float32{list(expected)}'
                )
        return arrays

    def _open(self, path: Path, threads: int) -> ctypes.c_void_p:
        shape, loaded = self.shape, self._library
        facts = DenoiserFacts(shape.blocks, shape.width, shape.size, self._columns, threads)
        handle = loaded.hma_open_denoiser(ctypes.byref(facts))
        return opened(self, path, handle, loaded.hma_close_denoiser)

    def _fill(self, path: Path, matrices: list[Arrays], norms: list[Arrays]) -> None:
        loaded = self._library
        for name, find, items in (
            ('matrix', loaded.hma_denoiser_matrix, matrices),
            ('norm', loaded.hma_denoiser_norm, norms),
        ):
            for index, arrays in enumerate(items):
                put(loaded, find(self._denoiser, index), arrays, path, f'{name} {index}')


def _read(path: Path) -> tuple[DenoiserShape, list[Arrays], list[Arrays]]:
    with described(path, 'a denoiser') as (facts, weights):
        shape = DenoiserShape(**sizes(facts['shape']))
        if not shape.is_computable:
            raise ValueError(f'{shape}, expected a size, some blocks, and a width {WIDTHS}')
        counts = len(facts['matrices']), len(facts['norms'])
        if counts != (_BLOCK_MATRICES * shape.blocks + _END_MATRICES, shape.blocks):
            raise ValueError(f'{counts} matrices and norms, expected those of {shape}')
        norms = [weights.norm(shape.width, norm) for norm in facts['norms']]
        return shape, _matrices(shape, facts['matrices'], weights), norms


def _matrices(shape: DenoiserShape, facts: list[Any], weights: WeightFile) -> list[Arrays]:
    matrices = [
        weights.matrix(*size, matrix) for size, matrix in zip(shape.matrices, facts, strict=True)
    ]
    dtypes = [matrix['values'].dtype.name for matrix in matrices]
    if {dtypes[0], dtypes[-1]} != {'float32'} or len(set(dtypes[1:-1])) > 1:
        raise ValueError(f'dtypes {dtypes}, expected float32 at both ends, and one between')
    return matrices


def _widened(matrix: Arrays, columns: int) -> Arrays:
    """Add columns of zeros."""
    more = columns - matrix['values'].shape[1]
    result = {'values': np.pad(matrix['values'], ((0, 0), (0, more)))}
    if 'bias' in matrix:
        result['bias'] = np.pad(matrix['bias'], (0, more))
    return result
