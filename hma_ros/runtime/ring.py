# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Keys and values of the last rows: buffers that are written into and never moved.

The trunk tells rows apart by their index, not by their slot, so a new row replaces the oldest and
nothing is shifted: a context of any length costs the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.core.rows import EMPTY_ROW
from hma_ros.runtime.bound_graph import BoundGraph, DeviceArray
from hma_ros.runtime.graph import Graph


class Ring(ABC):
    """
    Slots for the rows that the next row attends to, in no particular order.

    :param slots: how many.

    ``rows_P`` is ``int64[slots]``, the row in each slot.
    """

    def __init__(self, slots: int) -> None:
        self.rows_P = np.full(slots, EMPTY_ROW, np.int64)

    def clear(self) -> None:
        """Forget everything."""
        self.rows_P[:] = EMPTY_ROW

    def append(self, row: int, kept: Sequence[Any], which: int = 0) -> None:
        """
        Put a row in the place of the oldest.

        :param row: its index.
        :param kept: keys and values as the engine gives them, of ``[B, R, ...]``.
        :param which: of the R rows.
        """
        slot = int(self.rows_P.argmin())
        self._write(slot, kept, which)
        self.rows_P[slot] = row

    def take(self, other: Any, batch: int) -> None:
        """Hold what a ring of one context holds, `batch` times over."""
        self._take(other, batch)
        self.rows_P[:] = other.rows_P

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Undo on leaving what was appended or cleared: imagining does not disturb the context."""
        rows_P = self.rows_P.copy()
        self._begin()
        try:
            yield
        finally:
            self._end()
            self.rows_P[:] = rows_P

    @abstractmethod
    def _write(self, slot: int, kept: Sequence[Any], which: int) -> None:
        """Put keys and values of one row into a slot."""

    @abstractmethod
    def _take(self, other: Any, batch: int) -> None:
        """Copy buffers."""

    @abstractmethod
    def _begin(self) -> None:
        """Note what is written from now on."""

    @abstractmethod
    def _end(self) -> None:
        """Undo it."""


class RowRing(Ring):
    """
    A ring in memory that can be indexed.

    :param feeds: buffers by the name of what the trunk takes: ``[B, N, H, slots, D]``, of which
        :meth:`_part` finds a slot.
    :param slots: how many.
    """

    def __init__(self, feeds: Mapping[str, Any], slots: int) -> None:
        super().__init__(slots)
        self.feeds = feeds
        self._journal: dict[int, list[Any]] | None = None
        self._held = self.rows_P != EMPTY_ROW

    def _write(self, slot: int, kept: Sequence[Any], which: int) -> None:
        buffers = list(self.feeds.values())
        if self._journal is not None and self._held[slot] and slot not in self._journal:
            self._journal[slot] = [_copy(self._part(buffer, slot)) for buffer in buffers]
        self._put(slot, [values[:, which] for values in kept])

    def _put(self, slot: int, row: Sequence[Any]) -> None:
        parts = [self._part(buffer, slot) for buffer in self.feeds.values()]
        for name, part, values in zip(self.feeds, parts, row, strict=True):
            if part.shape != values.shape:
                raise InferenceError(
                    f'kept row: {name} {list(values.shape)}, expected {list(part.shape)}'
                )
        for part, values in zip(parts, row, strict=True):
            part[...] = values

    def _take(self, other: RowRing, batch: int) -> None:
        for name, buffer in self.feeds.items():
            # One context is broadcast over the batch.
            buffer[...] = other.feeds[name]

    def _part(self, buffer: Any, slot: int) -> Any:
        """Return the place of a row in one of the buffers."""
        return buffer[..., slot, :]

    def _begin(self) -> None:
        self._journal = {}
        # Not as it is when written: the ring may be cleared within a branch.
        self._held = self.rows_P != EMPTY_ROW

    def _end(self) -> None:
        for slot, old in (self._journal or {}).items():
            self._put(slot, old)
        self._journal = None


class DeviceRing(Ring):
    """
    A ring that never leaves the device of a graph.

    :param append: graph of :mod:`hma_ros.export.append`. It writes in place where input and
        output are one buffer, and copies where they are not: so a branch begins with a copy.
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
        for (name, present), row in zip(self.feeds.items(), kept, strict=True):
            self._append.bind(name, present)
            self._append.bind(f'{name}_row', row)
            self._append.bind(f'{name}_new', self._target[name])
        self._append({'slot': np.array([slot]), 'which': np.array(which)})
        self.feeds = self._target

    def _take(self, other: DeviceRing, batch: int) -> None:
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
