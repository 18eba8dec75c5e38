# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The training objectives, over a batch of windows of several embodiments.

| model | objective |
|---|---|
| twin (preset `small`) | :mod:`hma_ros.training.twin` |
| discrete | masked tokens of every step but the first, masked actions |
| continuous | the same of patches, through diffusion heads |

A model with ``compat: upstream`` is trained as the authors' code does, a corrected one
as ``docs/explanation/model.md`` says; a model tells which by its configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from hma_ros.core.errors import ConfigError
from hma_ros.data.windows import WindowBatch
from hma_ros.network.attention import Steps
from hma_ros.network.conditioning import Conditioning
from hma_ros.network.config import Compat, TimePositions
from hma_ros.network.continuous import ContinuousHma, continuous_loss
from hma_ros.network.discrete import DiscreteHma, TokensSeen, discrete_loss
from hma_ros.training.latent_masking import UPSTREAM_MASKING, LatentMasking, draw_batch
from hma_ros.training.token_masking import UPSTREAM_TOKENS, TokenMasking, draw_tokens
from hma_ros.training.twin import TwinConfig, TwinObjective

# Runs the blocks, see :class:`hma_ros.training.joint_pass.JointPass`.
Pass = Callable[[Tensor, Sequence[Conditioning]], Tensor]
Batches = Mapping[str, WindowBatch]


class Objective(Protocol):
    """
    What is minimised.

    ``steps`` are those of the sequence that a window becomes.
    """

    steps: Steps

    def losses(self, batches: Batches, run: Pass, generator: torch.Generator) -> dict[str, Tensor]:
        """
        Draw what is masked, and return the loss terms of every embodiment.

        :param batches: by stem, each of as many windows.
        :param run: runs the blocks on what all embodiments are shown.
        """
        ...


def objective_of(
    model: DiscreteHma | ContinuousHma, steps: int, twin: TwinConfig | None = None
) -> Objective:
    """
    Return what a model learns from windows of so many steps.

    :param twin: rates of :class:`TwinObjective`; None for the default.
    :raises ConfigError: windows longer than learned positions are.
    """
    config = model.config
    if config.twin and isinstance(model, DiscreteHma):
        return TwinObjective(model, steps, twin)
    if config.time is TimePositions.LEARNED and steps > config.window:
        raise ConfigError(
            f'length: got {steps}, expected at most {config.window}, where learned positions end'
        )
    index = Steps.window(config, steps)
    if isinstance(model, DiscreteHma):
        return DiscreteObjective(model, index)
    return ContinuousObjective(model, index)


class DiscreteObjective:
    """
    Masked tokens and masked actions.

    :param model: to train.
    :param steps: of every window.
    """

    def __init__(self, model: DiscreteHma, steps: Steps) -> None:
        self._model, self.steps = model, steps
        is_upstream = model.config.compat is Compat.UPSTREAM
        self._masking = UPSTREAM_TOKENS if is_upstream else TokenMasking()

    def losses(self, batches: Batches, run: Pass, generator: torch.Generator) -> dict[str, Tensor]:
        """See :class:`Objective`."""
        model, draws, before, given, placed = self._model, {}, {}, [], []
        for name, batch in batches.items():
            factors, actions = torch.from_numpy(batch.tokens), torch.from_numpy(batch.actions)
            size = model.config.factor_size
            draws[name] = draw = draw_tokens(factors, size, self._masking, generator)
            given.append(model.condition(name, actions, self.steps, draw.asked_BT))
            # A clean frame before each is what a rollout gives: its own, or an imagined one.
            before[name] = torch.cat([factors[:, :1], factors[:, :-1]], 1)
            seen_tokens = TokensSeen(draw.seen_BTSF, draw.masked_BTS, before[name])
            placed.append(model.embed(seen_tokens, given[-1], self.steps))
        features = run(torch.cat(placed), given).chunk(len(placed))
        terms: dict[str, Tensor] = {}
        for (name, batch), x in zip(batches.items(), features, strict=True):
            draw = draws[name]
            seen = model.join(draw.seen_BTSF).masked_fill(draw.masked_BTS, model.mask_id)
            labels = model.join(torch.from_numpy(batch.tokens))
            actions = torch.from_numpy(batch.actions)
            output = model.read(x, name, previous_BRSF=before[name])
            loss = discrete_loss(model, output, seen, labels, name, actions, draw.asked_BT)
            terms |= _weighed(model, name, loss.frame, loss.action, len(batches))
        return terms


class ContinuousObjective:
    """
    Masked patches and masked actions, through their diffusion heads.

    :param model: to train.
    :param steps: of every window.
    """

    def __init__(self, model: ContinuousHma, steps: Steps) -> None:
        self._model, self.steps = model, steps
        self._is_upstream = model.config.compat is Compat.UPSTREAM
        self._masking = UPSTREAM_MASKING if self._is_upstream else LatentMasking()

    def losses(self, batches: Batches, run: Pass, generator: torch.Generator) -> dict[str, Tensor]:
        """See :class:`Objective`."""
        model, draws, given, placed = self._model, {}, [], []
        for name, batch in batches.items():
            patches, actions = torch.from_numpy(batch.tokens), torch.from_numpy(batch.actions)
            windows, steps = patches.shape[:2]
            draw = draw_batch(model, name, windows, steps, self._masking, generator)
            # Upstream never masks actions of the continuous model.
            masked = None if self._is_upstream else draw.asked_BT
            draws[name] = draw
            given.append(model.condition(name, actions, self.steps, masked))
            placed.append(model.embed(patches, draw.masked_BTSQ, given[-1], self.steps))
        features = run(torch.cat(placed), given).chunk(len(placed))
        terms: dict[str, Tensor] = {}
        for (name, batch), x in zip(batches.items(), features, strict=True):
            draw, output = draws[name], model.read(x, self.steps)
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
