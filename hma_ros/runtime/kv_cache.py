# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Keys and values of the last steps: buffers that are written into and never moved.

The trunk tells steps apart by their index, not by their slot, so a new step replaces the oldest
and nothing is shifted: a context of any length costs the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.core.generation.rotary import EMPTY_STEP
from hma_ros.runtime.bound_graph import BoundGraph, DeviceArray
from hma_ros.runtime.graph import Graph


class KvCache(ABC):
    """
    Slots for the steps that the next step attends to, in no particular order.

    :param slots: how many.

    ``steps_P`` is ``int64[slots]``, the step in each slot; ``is_paired`` says whether each context
    is held twice, see :class:`~hma_ros.runtime.guidance.GuidedModel`.
    """

    is_paired = False

    def __init__(self, slots: int) -> None:
        self.steps_P = np.full(slots, EMPTY_STEP, np.int64)

    def clear(self) -> None:
        """Forget everything."""
        self.steps_P[:] = EMPTY_STEP

    def append(self, step: int, kept: Sequence[Any], which: int = 0) -> None:
        """
        Put a step in the place of the oldest.

        :param step: its index.
        :param kept: keys and values as the engine gives them, of ``[B, R, ...]``.
        :param which: of the R steps.
        """
        slot = int(self.steps_P.argmin())
        self._write(slot, kept, which)
        self.steps_P[slot] = step

    def drop(self, step: int) -> None:
        """Forget a step, if it is there."""
        self.steps_P[self.steps_P == step] = EMPTY_STEP

    def take(self, other: Any, batch: int) -> None:
        """Hold what a cache of one context holds, `batch` times over."""
        self._take(other, batch)
        self.steps_P[:] = other.steps_P

    @contextmanager
    def fork(self) -> Iterator[None]:
        """Undo on leaving what was appended or cleared: imagining does not disturb the context."""
        steps_P = self.steps_P.copy()
        self._begin()
        try:
            yield
        finally:
            self._end()
            self.steps_P[:] = steps_P

    @abstractmethod
    def _write(self, slot: int, kept: Sequence[Any], which: int) -> None:
        """Put keys and values of one step into a slot."""

    @abstractmethod
    def _take(self, other: Any, batch: int) -> None:
        """Copy buffers."""

    @abstractmethod
    def _begin(self) -> None:
        """Note what is written from now on."""

    @abstractmethod
    def _end(self) -> None:
        """Undo it."""


class IndexedKvCache(KvCache):
    """
    A cache in memory that can be indexed.

    :param feeds: buffers by the name of what the trunk takes: ``[B, N, H, slots, D]``, of which
        :meth:`_part` finds a slot.
    :param slots: how many.
    """

    def __init__(self, feeds: Mapping[str, Any], slots: int) -> None:
        super().__init__(slots)
        self.feeds = feeds
        self._overwritten: dict[int, list[Any]] | None = None
        self._held = self.steps_P != EMPTY_STEP

    def _write(self, slot: int, kept: Sequence[Any], which: int) -> None:
        buffers = list(self.feeds.values())
        if self._overwritten is not None and self._held[slot] and slot not in self._overwritten:
            self._overwritten[slot] = [_copy(self._part(buffer, slot)) for buffer in buffers]
        self._put(slot, [values[:, which] for values in kept])

    def _put(self, slot: int, step: Sequence[Any]) -> None:
        parts = [self._part(buffer, slot) for buffer in self.feeds.values()]
        for name, part, values in zip(self.feeds, parts, step, strict=True):
            if part.shape != values.shape:
                raise InferenceError(
                    f'kept step: {name} {list(values.shape)}, expected {list(part.shape)}'
                )
        for part, values in zip(parts, step, strict=True):
            part[...] = values

    def _take(self, other: IndexedKvCache, batch: int) -> None:
        for name, buffer in self.feeds.items():
            # One context is broadcast over the batch.
            buffer[...] = other.feeds[name]

    def _part(self, buffer: Any, slot: int) -> Any:
        """Return the place of a step in one of the buffers."""
        return buffer[..., slot, :]

    def _begin(self) -> None:
        self._overwritten = {}
        # Not as it is when written: the cache may be cleared within a fork.
        self._held = self.steps_P != EMPTY_STEP

    def _end(self) -> None:
        for slot, old in (self._overwritten or {}).items():
            self._put(slot, old)
        self._overwritten = None


class DeviceKvCache(KvCache):
    """
    A cache that never leaves the device of a graph.

    :param append: graph of :mod:`hma_ros.export.append_graph`. It writes in place where input and
        output are one buffer, and copies where they are not: so a fork begins with a copy.
    :param zeros: buffers by the name of the trunk's input.
    """

    def __init__(self, append: Graph, zeros: Mapping[str, np.ndarray]) -> None:
        super().__init__(next(iter(zeros.values())).shape[-2])
        ports = {*append.inputs, *append.outputs} - {'slot', 'which'}
        self._append = BoundGraph(append, ports)
        self._own = {name: self._append.put(array) for name, array in zeros.items()}
        self._zeros = zeros
        self._spare: Mapping[str, DeviceArray] | None = None
        self._target: Mapping[str, DeviceArray] = self._own
        self.feeds: Mapping[str, DeviceArray] = self._own

    def _write(self, slot: int, kept: Sequence[DeviceArray], which: int) -> None:
        for (name, present), step in zip(self.feeds.items(), kept, strict=True):
            self._append.bind(name, present)
            self._append.bind(f'{name}_step', step)
            self._append.bind(f'{name}_new', self._target[name])
        self._append({'slot': np.array([slot]), 'which': np.array(which)})
        self.feeds = self._target

    def _take(self, other: DeviceKvCache, batch: int) -> None:
        self.feeds = self._target = self._own = {
            name: self._append.put(np.repeat(array.numpy(), batch, 0))
            for name, array in other.feeds.items()
        }

    def _begin(self) -> None:
        if self._spare is None:
            self._spare = {name: self._append.put(array) for name, array in self._zeros.items()}
        self._target = self._spare

    def _end(self) -> None:
        self.feeds = self._target = self._own


def _copy(values: Any) -> Any:
    return values.copy() if isinstance(values, np.ndarray) else values.clone()
