# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Fill in frames of the discrete kind (MaskGIT, arXiv 2202.04200; HMA, sec. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hma_ros.core.generation.decoding import Decoding
from hma_ros.core.generation.masking import keep_most_confident, masked_after, sample_tokens
from hma_ros.runtime.guidance import AnyModel
from hma_ros.runtime.kv_cache import KvCache
from hma_ros.runtime.model import TrunkStep


class ImaginedTokens(NamedTuple):
    """
    A frame that was imagined.

    :param tokens_BSE: as the trunk takes them.
    :param drawn_BSE: what the frame tokenizer decodes.
    """

    tokens_BSE: np.ndarray
    drawn_BSE: np.ndarray


class FirstPass:
    """
    Predicts a frame of which no token is known, and leaves it masked.

    ``logits_BSFV`` are those of the last frame.
    """

    logits_BSFV: np.ndarray

    def __init__(self, model: AnyModel) -> None:
        self._model = model

    def fill(
        self, cache: KvCache, step: int, pending: Sequence[TrunkStep], blank: TrunkStep
    ) -> ImaginedTokens:
        """See :meth:`TokenFiller.fill`; what is pending is not kept."""
        outputs = self._model.run(cache, step - len(pending), [*pending, blank])
        self.logits_BSFV = outputs['logits']
        return ImaginedTokens(blank.tokens_BSE, blank.tokens_BSE)


class TokenFiller:
    """
    Predicts all tokens of a frame at once and keeps those it is surest of, some times over.

    Chance is the same whenever a step is imagined, and for every rollout of a batch: what differs
    between two futures comes from their actions.

    :param model: of the discrete kind.
    :param decoding: how; what it leaves open is taken from the manifest.
    :param generator: of what is left to chance.
    """

    def __init__(
        self,
        model: AnyModel,
        decoding: Decoding = Decoding(),  # noqa: B008
        generator: np.random.Generator | None = None,
    ) -> None:
        self._model = model
        chosen = decoding.completed_by(model.manifest.decoding)
        self._mask_steps = chosen.mask_steps or 1
        self._temperature = chosen.temperature or 0.0
        self._is_random = chosen.unmasking == 'random'
        self._seed = int((generator or np.random.default_rng(0)).integers(2**63))
        self._is_expected = model.manifest.drawing == 'expected'

    def fill(
        self, cache: KvCache, step: int, pending: Sequence[TrunkStep], blank: TrunkStep
    ) -> ImaginedTokens:
        """
        Imagine a frame; the first pass takes in what is pending before it as well, and keeps it.

        :param cache: all steps before those.
        :param step: index of the new frame.
        :param pending: the step before, or none if that is kept already.
        :param blank: the new frame, masked.
        :returns: factors ``int64[B, S, F]``, and what to draw.
        """
        self._generator = np.random.default_rng((self._seed, step))
        first = step - len(pending)
        outputs = self._model.run(cache, first, [*pending, blank])
        for which in range(len(pending)):
            cache.append(first + which, self._model.kept(outputs), which)
        present = self._unmask(blank, outputs, 0)
        drawn = self._draw(None, blank, present, outputs)
        for mask_step in range(1, self._mask_steps):
            before, outputs = present, self._model.run(cache, step, [present])
            present = self._unmask(before, outputs, mask_step)
            drawn = self._draw(drawn, before, present, outputs)
        return ImaginedTokens(present.tokens_BSE, drawn)

    def _draw(
        self,
        drawn: np.ndarray | None,
        before: TrunkStep,
        present: TrunkStep,
        outputs: dict[str, np.ndarray],
    ) -> np.ndarray:
        """Return tokens, or the mean value of each factor: least squares where it is unsure."""
        if not self._is_expected:
            return present.tokens_BSE
        shifted = np.exp(outputs['logits'] - outputs['logits'].max(-1, keepdims=True))
        grid = np.linspace(-1, 1, self._model.manifest.factor_size, dtype=np.float32)
        mean = (shifted @ grid / shifted.sum(-1)).astype(np.float32)
        return mean if drawn is None else np.where(before.masked_BS[..., None], mean, drawn)

    def _unmask(
        self, step: TrunkStep, outputs: dict[str, np.ndarray], mask_step: int
    ) -> TrunkStep:
        best, confidence = self._choose(outputs)
        chosen = np.where(step.masked_BS[..., None], best, step.tokens_BSE)
        still = masked_after(mask_step, self._mask_steps, step.masked_BS.shape[1])
        masked = keep_most_confident(confidence, step.masked_BS, still)
        return replace(step, tokens_BSE=chosen, masked_BS=masked)

    def _choose(self, outputs: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return tokens, and what they are ranked by."""
        best, confidence = outputs['best'], outputs['confidence']
        if self._temperature:
            logits = outputs['logits']
            best, confidence = sample_tokens(logits, self._temperature, self._generator)
        if self._is_random:
            drawn_S = self._generator.random(confidence.shape[1:])
            confidence = np.broadcast_to(drawn_S, confidence.shape)
        return best, confidence
