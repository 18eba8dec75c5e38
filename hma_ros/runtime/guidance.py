# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Classifier-free guidance of imagined frames by their actions (arXiv 2207.12598).

One batch predicts each frame twice: with the actions from the newest observed frame on
(conditional), and with those masked (unconditional). Both attend to the observed steps with their
executed actions, and to the frames imagined so far. The result extrapolates from unconditional to
conditional: logits in the discrete kind, predicted noise in the continuous (as in MAR, arXiv
2406.11838).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from hma_ros.core.generation.guidance import guide
from hma_ros.core.generation.masking import most_likely
from hma_ros.runtime.engine import HeadPart
from hma_ros.runtime.kv_cache import KvCache
from hma_ros.runtime.model import Model, TrunkStep


class GuidedModel:
    """
    A model that imagines with guidance.

    It guides only with a cache of :meth:`spread`, which holds each context twice. With any other
    cache it computes what `model` does, so observing, acting and scoring stay the same.

    :param model: whose actions can be masked.
    :param scale: 1 is none.
    """

    def __init__(self, model: Model, scale: float) -> None:
        self._model, self._scale = model, scale
        self.manifest, self.stem = model.manifest, model.stem

    def part(self, name: str) -> HeadPart:
        """See :meth:`Model.part`."""
        return self._model.part(name)

    def kv_cache(self, batch: int = 1) -> KvCache:
        """See :meth:`Model.kv_cache`."""
        return self._model.kv_cache(batch)

    @contextmanager
    def spread(self, cache: KvCache, batch: int) -> Iterator[KvCache]:
        """Lend a cache of so many copies of a context, each twice; see :meth:`Model.spread`."""
        with self._model.spread(cache, 2 * batch) as pairs:
            pairs.is_paired = True
            try:
                yield pairs
            finally:
                pairs.is_paired = False

    def condition(self, first: int, steps: Sequence[TrunkStep]) -> Mapping[str, Any]:
        """See :meth:`Model.condition`; of steps to imagine."""
        return self._model.condition(first, [_twice(step) for step in steps])

    def run(self, cache: KvCache, first: int, steps: Sequence[TrunkStep]) -> dict[str, Any]:
        """
        Compute some steps, see :meth:`Model.run`.

        :returns: the same names, and of the continuous kind `z_unconditional`; of what is kept,
            twice the batch.
        """
        if not cache.is_paired:
            return self._model.run(cache, first, steps)
        outputs = self._model.run(cache, first, [_twice(step) for step in steps])
        kept = {name: value for name, value in outputs.items() if name.startswith('kept_')}
        split = {name: np.split(outputs[name], 2) for name in outputs if name not in kept}
        conditional = {name: first for name, (first, _) in split.items()}
        if 'z' in split:
            return {**conditional, 'z_unconditional': split['z'][1], **kept}
        logits = guide(conditional['logits'], split['logits'][1], self._scale)
        best, confidence = most_likely(logits)
        guided = {'logits': logits, 'best': best, 'confidence': confidence}
        return {**conditional, **guided, **kept}

    def kept(self, outputs: Mapping[str, Any]) -> list[Any]:
        """See :meth:`Model.kept`."""
        return self._model.kept(outputs)


# What imagines.
AnyModel = Model | GuidedModel


def _twice(step: TrunkStep) -> TrunkStep:
    """Put a batch beside itself, the second time without actions."""
    batch = len(step.tokens_BSE)
    return replace(
        step,
        tokens_BSE=np.concatenate([step.tokens_BSE] * 2),
        masked_BS=np.concatenate([step.masked_BS] * 2),
        chunk_BX=_doubled(step.chunk_BX),
        previous_BSE=_doubled(step.previous_BSE),
        joints_BJ=_doubled(step.joints_BJ),
        anchor_BK=_doubled(step.anchor_BK),
        unconditional_B=np.arange(2 * batch) >= batch,
    )


def _doubled(values: np.ndarray | None) -> np.ndarray | None:
    return None if values is None else np.concatenate([values, values])
