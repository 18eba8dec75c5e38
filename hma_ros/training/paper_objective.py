# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The training objectives of the paper's two kinds, over a batch of several embodiments.

A model with ``compat: upstream`` is trained as the authors' code does, a corrected one
as ``docs/explanation/model.md`` says; a model tells which by its configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from hma_ros.data.row_windows import RowBatch
from hma_ros.network.attention import Rows
from hma_ros.network.conditioning import Conditioning
from hma_ros.network.config import Compat
from hma_ros.network.continuous import ContinuousHma, continuous_loss
from hma_ros.network.discrete import DiscreteHma, TokensSeen, discrete_loss
from hma_ros.training.latent_masking import UPSTREAM_MASKING, LatentMasking, draw_batch
from hma_ros.training.token_masking import UPSTREAM_TOKENS, TokenMasking, draw_tokens

# Runs the blocks, see :class:`hma_ros.training.joint_pass.JointPass`.
Pass = Callable[[Tensor, Sequence[Conditioning]], Tensor]
Batches = Mapping[str, RowBatch]


class DiscreteObjective:
    """
    Masked tokens and hidden actions.

    :param model: to train.
    :param rows: of every window.
    :param masking: None takes that of the model's compat.
    """

    def __init__(
        self, model: DiscreteHma, rows: Rows, masking: TokenMasking | None = None
    ) -> None:
        self._model, self._rows = model, rows
        is_upstream = model.config.compat is Compat.UPSTREAM
        self._masking = masking or (UPSTREAM_TOKENS if is_upstream else TokenMasking())

    def losses(self, batches: Batches, run: Pass, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw what is hidden, and return the loss terms of every embodiment."""
        model, draws, given, placed = self._model, {}, [], []
        for name, batch in batches.items():
            factors, actions = torch.from_numpy(batch.tokens), torch.from_numpy(batch.actions)
            size = model.config.factor_size
            draws[name] = draw = draw_tokens(factors, size, self._masking, generator)
            given.append(model.condition(name, actions, self._rows, draw.asked_BT))
            # A clean frame before each is what a rollout gives: its own, or an imagined one.
            previous = torch.cat([factors[:, :1], factors[:, :-1]], 1)
            seen_tokens = TokensSeen(draw.seen_BTSF, draw.masked_BTS, previous)
            placed.append(model.embed(seen_tokens, given[-1], self._rows))
        features = run(torch.cat(placed), given).chunk(len(placed))
        terms: dict[str, Tensor] = {}
        for (name, batch), x in zip(batches.items(), features, strict=True):
            draw = draws[name]
            seen = model.join(draw.seen_BTSF).masked_fill(draw.masked_BTS, model.mask_id)
            labels = model.join(torch.from_numpy(batch.tokens))
            actions = torch.from_numpy(batch.actions)
            output = model.read(x, name)
            loss = discrete_loss(model, output, seen, labels, name, actions, draw.asked_BT)
            terms |= _weighed(model, name, loss.frame, loss.action, len(batches))
        return terms


class ContinuousObjective:
    """
    Masked patches and hidden actions, through their diffusion heads.

    :param model: to train.
    :param rows: of every window.
    :param masking: None takes that of the model's compat.
    """

    def __init__(
        self, model: ContinuousHma, rows: Rows, masking: LatentMasking | None = None
    ) -> None:
        self._model, self._rows = model, rows
        self._is_upstream = model.config.compat is Compat.UPSTREAM
        self._masking = masking or (UPSTREAM_MASKING if self._is_upstream else LatentMasking())

    def losses(self, batches: Batches, run: Pass, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw what is hidden, and return the loss terms of every embodiment."""
        model, draws, given, placed = self._model, {}, [], []
        for name, batch in batches.items():
            patches, actions = torch.from_numpy(batch.tokens), torch.from_numpy(batch.actions)
            windows, rows = patches.shape[:2]
            draw = draw_batch(model, name, windows, rows, self._masking, generator)
            # Upstream never hides actions from the continuous model.
            hidden = None if self._is_upstream else draw.asked_BT
            draws[name] = draw
            given.append(model.condition(name, actions, self._rows, hidden))
            placed.append(model.embed(patches, draw.masked_BTSQ, given[-1], self._rows))
        features = run(torch.cat(placed), given).chunk(len(placed))
        terms: dict[str, Tensor] = {}
        for (name, batch), x in zip(batches.items(), features, strict=True):
            draw, output = draws[name], model.read(x, self._rows)
            patches, actions = torch.from_numpy(batch.tokens), torch.from_numpy(batch.actions)
            masks = draw.masked_BTSQ, name, actions, draw.asked_BT
            loss = continuous_loss(model, output, patches, *masks, draw.draws)
            terms |= _weighed(model, name, loss.frame, loss.action, len(batches))
        return terms


def _weighed(
    model: DiscreteHma | ContinuousHma,
    name: str,
    frame: Tensor,
    action: Tensor | None,
    embodiments: int,
) -> dict[str, Tensor]:
    """Name the terms, each embodiment counting alike."""
    terms = {f'{name}/frame': frame / embodiments}
    if action is not None:
        terms[f'{name}/action'] = action * model.config.action_loss_weight / embodiments
    return terms
