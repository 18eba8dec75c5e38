# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The layers of a trunk, computed by the package's own compiled library (`native/`).

What comes before and behind them are the graphs `enter_S` and `leave_S`.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from hma_ros.core.errors import BundleError, InferenceError
from hma_ros.runtime.compiled import Call, Facts, address, opened, put, required
from hma_ros.runtime.kv_cache import IndexedKvCache
from hma_ros.runtime.layer_file import MATRICES, NORMS, Layer, read_layers
from hma_ros.runtime.weight_file import Arrays

# What time is spent on, in the order of `Kind` of native/trunk.h.
KINDS = ('products with weights', 'attention', 'the rest', 'waiting')
# What actions add to every token, and how they modulate it, by name as the trunk takes it.
_GIVEN = ('injected', 'shift_scale', 'rotation')
_NO_MEMORY = 1
# Bytes of a line of the cache.
_LINE = 64
# Far below any score, and finite.
_NEVER = np.float32(-1e30)
_LOG_TWO_OF_E = np.float32(math.log2(math.e))


class Layers:
    """
    Runs all layers of the trunk of one stem; threads share out the tokens of a step.

    :param path: of `layers_S.json`; it and the weights beside it are verified.
    :param window: steps a step attends to.
    :param threads: that compute; they sleep between calls.
    :param dtype: of kept steps, ``float32`` or ``float16``.
    :raises BundleError: the file does not describe layers, or they cannot be opened here.

    ``shape`` is that of the trunk, ``count`` that of its layers.
    """

    def __init__(self, path: Path, window: int, threads: int, dtype: type[np.floating]) -> None:
        self._library, self._window, self.dtype = required(path), window, np.dtype(dtype)
        self._turn = Lock()
        self._kept = _zeros((0,), self.dtype)
        self.shape, layers, self._modulates = read_layers(path)
        self.count = len(layers)
        self._lag_LHW = _lags([layer.lag_bias for layer in layers], path, window)
        self._trunk = self._open(path, threads)
        for index, layer in enumerate(layers):
            self._fill(path, index, layer)

    def __call__(
        self, x_BRNC: np.ndarray, feeds: Mapping[str, Any], past: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """
        Compute some steps; calls take turns.

        :param x_BRNC: ``float32``, the steps as `enter_S` gives them.
        :param feeds: what the trunk takes besides: `index`, `past_index`, and those of `rotation`,
            `injected`, `shift_scale` there are.
        :param past: kept steps, ``dtype[B, slots, layers, 2, N, H, D]``, keys before values.
        :returns: the last step behind the last layer, ``float32[B, 1, N, C]``, and all steps to
            keep, ``dtype[B, R, layers, 2, N, H, D]``, valid until the next call: who keeps
            steps may not share the layers with another thread.
        :raises InferenceError: an array of another shape or type than these, what is to be kept is
            not finite, or out of memory.
        """
        x = np.array(x_BRNC, np.float32, order='C')
        given = {name: np.ascontiguousarray(feeds[name]) for name in _GIVEN if name in feeds}
        bias = _bias(feeds['index'], feeds['past_index'], self._window, self._lag_LHW)
        self._check({'x': x, 'bias': bias, 'past': past, **given})
        with self._turn:
            kept = self._room(x.shape[0], x.shape[1])
            call = Call(
                batch=x.shape[0],
                steps=x.shape[1],
                slots=past.shape[1],
                is_own=int(self._lag_LHW is not None),
                x=x.ctypes.data,
                added=address(given.get('injected')),
                modulation=address(given.get('shift_scale')),
                rotation=address(given.get('rotation')),
                bias=bias.ctypes.data,
                past=past.ctypes.data,
                kept=kept.ctypes.data,
            )
            failed = self._library.hma_run(self._trunk, ctypes.byref(call))
        if failed:
            reason = (
                f'no memory for {x.shape[:2]} steps'
                if failed == _NO_MEMORY
                else f'keys or values are not finite in {self.dtype}'
            )
            raise InferenceError(f'layers: {reason}')
        return x[:, -1:], kept

    @property
    def kept_shape(self) -> tuple[int, int, int, int, int]:
        """Return layers, keys and values, tokens, heads and channels of a head, of a kept step."""
        return self.count, 2, self.shape.tokens, self.shape.heads, self.shape.head_width

    def spent(self) -> dict[str, float]:
        """Tell what threads have spent seconds on, all together, since this was last asked."""
        seconds = (ctypes.c_double * len(KINDS))()
        with self._turn:
            self._library.hma_spent(self._trunk, seconds)
        return dict(zip(KINDS, seconds, strict=True))

    def _room(self, batch: int, steps: int) -> np.ndarray:
        """Return an array for what is kept, of the same memory for steps of every shape."""
        sizes = (batch, steps, *self.kept_shape)
        count = int(np.prod(sizes))
        if count > len(self._kept):
            self._kept = _zeros((count,), self.dtype)
        return self._kept[:count].reshape(sizes)

    def _check(self, found: Arrays) -> None:
        """The library reads and writes what it is told: refuse all that it would read beyond."""
        shape, (batch, steps) = self.shape, found['x'].shape[:2]
        slots = found['past'].shape[1]
        real = np.dtype(np.float32)
        own = () if self._lag_LHW is None else (self.count, shape.heads)
        expected = {
            'x': ((batch, steps, shape.tokens, shape.width), real),
            'bias': ((*own, steps, slots + steps), real),
            'injected': ((batch, steps, shape.width), real),
            'shift_scale': ((batch, steps, self.count, 2, shape.width), real),
            'rotation': ((steps, 2, shape.head_width // 2), real),
            'past': ((batch, slots, *self.kept_shape), self.dtype),
        }
        for name, array in found.items():
            if (array.shape, array.dtype) != expected[name] or not array.flags.c_contiguous:
                raise InferenceError(
                    f'layers: {name} {array.dtype}{list(array.shape)}, expected '
                    f'{expected[name]}, without gaps'
                )
        if batch == 0 or steps == 0 or ('shift_scale' in found) != self._modulates:
            raise InferenceError(
                f'layers: {batch} x {steps} steps, {sorted(found)}, expected some, and '
                f'shift_scale: {self._modulates}'
            )

    def _open(self, path: Path, threads: int) -> ctypes.c_void_p:
        shape, loaded = self.shape, self._library
        facts = Facts(
            layers=self.count,
            width=shape.width,
            heads=shape.heads,
            hidden=shape.hidden,
            tokens=shape.tokens,
            threads=threads,
            is_half=int(self.dtype == np.float16),
            scale=shape.scale,
        )
        return opened(self, path, loaded.hma_open(ctypes.byref(facts)), loaded.hma_close)

    def _fill(self, path: Path, index: int, layer: Layer) -> None:
        loaded = self._library
        for find, names, items in (
            (loaded.hma_matrix, MATRICES, layer.matrices),
            (loaded.hma_norm, NORMS, layer.norms),
        ):
            for name, arrays in items.items():
                place = find(self._trunk, index, names.index(name))
                put(loaded, place, arrays, path, f'{name} of layer {index}')


class LayerKvCache(IndexedKvCache):
    """
    A cache of whole steps, as layers read it.

    :param layers: that read it.
    :param batch: contexts side by side.
    :param slots: how many.
    """

    def __init__(self, layers: Layers, batch: int, slots: int) -> None:
        steps = _zeros((batch, slots, *layers.kept_shape), layers.dtype)
        super().__init__({'past_steps': steps}, slots)

    def _part(self, buffer: Any, slot: int) -> Any:
        return buffer[:, slot]


def kept_dtype(precision: str) -> type[np.floating]:
    """
    Return the type of kept keys and values: float16 is exact enough beside int8.

    :param precision: of a bundle, ``fp32`` or ``int8``.
    """
    return np.float16 if precision == 'int8' else np.float32


def _lags(tables: Sequence[np.ndarray | None], path: Path, window: int) -> np.ndarray | None:
    """Learned biases on the lag for scores of powers of two, ``float32[layers, H, window]``."""
    known = [table for table in tables if table is not None]
    if not known:
        return None
    if (found := known[0].shape[1]) != window:
        raise BundleError(f'{path}: lag_bias of {found} lags, expected {window}')
    return np.stack(known) * _LOG_TWO_OF_E


def _bias(
    index_R: np.ndarray, past_P: np.ndarray, window: int, lag_LHW: np.ndarray | None
) -> np.ndarray:
    """
    What is added to the score of step p for step r, far below zero where it may not attend.

    :returns: ``float32[R, P + R]``, or ``float32[layers, H, R, P + R]`` with learned biases; kept
        steps first.
    """
    lag_RP = index_R[:, None] - np.concatenate([past_P, index_R])
    allowed_RP = (lag_RP >= 0) & (lag_RP < window)
    if lag_LHW is None:
        return np.where(allowed_RP, np.float32(0), _NEVER)
    known = lag_LHW[:, :, lag_RP.clip(0, window - 1)]
    return np.ascontiguousarray(np.where(allowed_RP, known, _NEVER))


def _zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Return zeros that begin with a line of the cache, so that vectors of them are in one."""
    size = int(np.prod(shape)) * dtype.itemsize
    room = np.zeros(size + _LINE, np.uint8)
    first = -room.ctypes.data % _LINE
    return room[first : first + size].view(dtype).reshape(shape)
