# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Keys and values of the last rows: one buffer that is written into and never moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from hma_ros.runtime.paper.manifest import PaperManifest

# Row index of a slot that holds nothing: too long ago for any window.
EMPTY_ROW = -(2**31)


class RowRing:
    """
    Slots for the rows that the next row attends to, in no particular order.

    The trunk tells rows apart by their index, not by their slot, so a new row replaces the oldest
    and nothing is shifted: a context of any length costs the same.

    :param manifest: sizes.
    :param batch: contexts side by side.
    """

    def __init__(self, manifest: PaperManifest, batch: int = 1) -> None:
        self.slots = manifest.window - 1
        shape = (
            batch,
            manifest.kept_tokens,
            manifest.heads,
            self.slots,
            manifest.head_width,
        )
        self.rows_P = np.full(self.slots, EMPTY_ROW, np.int64)
        self.feeds = {
            f'past_{what}_{layer}': np.zeros(shape, np.float32)
            for layer in range(manifest.layers)
            for what in ('key', 'value')
        }
        self._journal: list[tuple[int, int, list[np.ndarray]]] | None = None

    def clear(self) -> None:
        """Forget everything."""
        self.rows_P[:] = EMPTY_ROW

    def append(self, row: int, kept: Sequence[np.ndarray], which: int = 0) -> None:
        """
        Put a row in the place of the oldest.

        :param row: its index.
        :param kept: keys and values of every layer as the trunk gives them, ``[B, N, H, R, D]``.
        :param which: of the R rows.
        """
        slot = int(self.rows_P.argmin())
        buffers = list(self.feeds.values())
        if self._journal is not None:
            old = [buffer[..., slot, :].copy() for buffer in buffers]
            self._journal.append((slot, int(self.rows_P[slot]), old))
        for buffer, values in zip(buffers, kept, strict=True):
            buffer[..., slot, :] = values[..., which, :]
        self.rows_P[slot] = row

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Undo on leaving what was appended: imagining must not disturb the context."""
        self._journal = []
        try:
            yield
        finally:
            for slot, row, old in reversed(self._journal):
                for buffer, values in zip(self.feeds.values(), old, strict=True):
                    buffer[..., slot, :] = values
                self.rows_P[slot] = row
            self._journal = None
