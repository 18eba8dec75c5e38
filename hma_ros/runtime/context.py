# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The context: temporal keys and values of the last rows, so that each row is computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hma_ros.runtime.manifest import Manifest


@dataclass(frozen=True)
class Context:
    """
    What the trunk keeps of the past; immutable, so that imagining never disturbs it.

    :param past: ``float32[layers, 2, B, tokens, heads, window - 1, head_width]``, oldest first.
    :param bias: ``float32[B, window - 1]``, 0 for a row that exists, -inf for an empty slot.
    :param levels: ``int64[B, 1, S, F]``, tokens of the newest row; None while empty.
    :param rows: rows seen since it was empty.
    """

    past: np.ndarray
    bias: np.ndarray
    levels: np.ndarray | None
    rows: int

    @staticmethod
    def empty(manifest: Manifest, batch: int = 1) -> Context:
        """Start with nothing seen."""
        kept = manifest.window - 1
        shape = (
            manifest.layers,
            2,
            batch,
            manifest.row_tokens,
            manifest.heads,
            kept,
            manifest.head_width,
        )
        return Context(
            np.zeros(shape, np.float32), np.full((batch, kept), -np.inf, np.float32), None, 0
        )

    def spread(self, batch: int) -> Context:
        """Return as many copies side by side."""
        levels = None if self.levels is None else np.repeat(self.levels, batch, 0)
        past, bias = np.repeat(self.past, batch, 2), np.repeat(self.bias, batch, 0)
        return Context(past, bias, levels, self.rows)

    def append(self, row: np.ndarray, levels: np.ndarray) -> Context:
        """
        Take in a row and forget the oldest.

        :param row: ``float32[layers, 2, B, tokens, heads, 1, head_width]``.
        :param levels: its tokens, ``int64[B, 1, S, F]``.
        """
        return Context(
            np.concatenate([self.past[..., 1:, :], row], -2),
            np.concatenate([self.bias[:, 1:], np.zeros_like(self.bias[:, :1])], 1),
            levels,
            self.rows + 1,
        )
