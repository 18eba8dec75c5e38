# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Fill in frames of the discrete kind (MaskGIT, arXiv 2202.04200; HMA, sec. 3)."""

from __future__ import annotations

import numpy as np

from hma_ros.core.decoding import Decoding
from hma_ros.core.masking import keep_most_confident, masked_after, sample_tokens
from hma_ros.runtime.paper.model import PaperModel, Row
from hma_ros.runtime.paper.ring import Ring


class TokenFiller:
    """
    Predicts all tokens of a frame at once and keeps those it is surest of, some times over.

    :param model: of the discrete kind.
    :param decoding: how; what it leaves open is taken from the manifest.
    :param generator: of what is left to chance.
    """

    def __init__(
        self,
        model: PaperModel,
        decoding: Decoding = Decoding(),  # noqa: B008
        generator: np.random.Generator | None = None,
    ) -> None:
        self._model = model
        chosen = decoding.completed_by(model.manifest.decoding)
        self._mask_steps = chosen.mask_steps or 1
        self._temperature = chosen.temperature or 0.0
        self._is_random = chosen.unmasking == 'random'
        self._generator = generator or np.random.default_rng(0)

    def fill(self, ring: Ring, row: int, before: Row, chunk_BX: np.ndarray | None) -> np.ndarray:
        """
        Imagine the frame after a row; the first pass takes in that row as well, and keeps it.

        :param ring: all rows before `before`.
        :param row: index of the new frame.
        :param chunk_BX: what will be executed from the new frame on, None if it is not known.
        :returns: factors ``int64[B, S, F]``.
        """
        blank = Row.blank(before.tokens_BSE, chunk_BX)
        outputs = self._model.run(ring, row - 1, [before, blank])
        ring.append(row - 1, self._model.kept(outputs))
        present = self._reveal(blank, outputs, 0)
        for step in range(1, self._mask_steps):
            outputs = self._model.run(ring, row, [present])
            present = self._reveal(present, outputs, step)
        return present.tokens_BSE

    def _reveal(self, row: Row, outputs: dict[str, np.ndarray], step: int) -> Row:
        best, confidence = self._choose(outputs)
        chosen = np.where(row.masked_BS[..., None], best, row.tokens_BSE)
        still = masked_after(step, self._mask_steps, row.masked_BS.shape[1])
        masked = keep_most_confident(confidence, row.masked_BS, still)
        return Row(chosen, masked, row.chunk_BX)

    def _choose(self, outputs: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return tokens, and what they are ranked by."""
        best, confidence = outputs['best'], outputs['confidence']
        if self._temperature:
            logits = outputs['logits']
            best, confidence = sample_tokens(logits, self._temperature, self._generator)
        if self._is_random:
            confidence = self._generator.random(confidence.shape)
        return best, confidence
