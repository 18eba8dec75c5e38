# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The training objective of models that are conditioned on the action that led to a step.

Every step stands in the sequence twice: once as it is, to be the context of later steps and to be
read for its action, and once masked, to be predicted. A masked step attends to the clean steps
before it and to itself, which is just what happens when a frame is imagined; so training never
sees a context that the robot will not show it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hma_ros.data.windows import Surroundings, WindowBatch
from hma_ros.network.attention import Steps
from hma_ros.network.conditioning import AnchorSeen, Conditioning
from hma_ros.network.discrete import DiscreteHma, TokensSeen
from hma_ros.network.keypoints import KeypointHead


@dataclass(frozen=True)
class TwinConfig:
    """
    Rates and weights.

    :param fully_masked: share of windows whose predicted steps are masked completely.
    :param masked_history: share of windows whose past actions are all masked in the context,
        so that the policy reads the scene and does not copy what it did last.
    :param masked_action: share of masked steps predicted without their action (passive dynamics).
    :param masked_joints: share of steps whose action is asked for without the measured joints, as
        in imagination.
    :param masked_anchors: share of steps whose anchor is masked.
    :param corruption: largest share of context tokens replaced at random.
    :param change_weight: weight of tokens that differ from the frame before.
    :param action_weight: weight of the action loss.
    :param state_weight: weight of the auxiliary state loss.
    :param linear_from: errors of either above this share of a deviation count linearly: fine
        motion must not drown in coarse.
    :param temperature: at which own frames are sampled, see
        :mod:`~hma_ros.training.self_forcing`.
    """

    fully_masked: float = 0.7
    masked_history: float = 0.5
    masked_action: float = 0.1
    masked_joints: float = 0.1
    masked_anchors: float = 0.1
    corruption: float = 0.15
    change_weight: float = 3.0
    action_weight: float = 0.5
    state_weight: float = 0.25
    linear_from: float = 0.1
    temperature: float = 0.5


@dataclass(frozen=True)
class Twins:
    """
    Windows laid out for the trunk: T clean steps, then T masked ones.

    :param factors: ``int64[B, 2 T, S, F]``.
    :param previous: the same of the frame before each step.
    :param masked: ``bool[B, 2 T, S]``.
    :param actions: ``float32[B, 2 T, stride * A]`` that led to each step.
    :param known: ``bool[B, 2 T]``, false where the action is masked.
    :param targets: ``int64[B, T, S, F]``, what the masked steps were.
    :param anchor: where the chunks led; None of episodes that do not tell.
    """

    factors: Tensor
    previous: Tensor
    masked: Tensor
    actions: Tensor
    known: Tensor
    targets: Tensor
    anchor: AnchorSeen | None = None


class TwinObjective:
    """
    Masked frames, chunks in units and, where the episodes have it, a privileged state.

    :param model: discrete, with the frame before each step.
    :param steps: of a window.
    :param config: rates and weights.
    """

    def __init__(self, model: DiscreteHma, steps: int, config: TwinConfig | None = None) -> None:
        self._model, self._count = model, steps
        self._config = config or TwinConfig()
        self.steps = layout(steps, model.config.window)

    def losses(
        self,
        batches: Mapping[str, WindowBatch],
        run: Callable[[Tensor, Sequence[Conditioning]], Tensor],
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """See :class:`hma_ros.training.objective.Objective`."""
        model, size = self._model, self._model.config.factor_size
        twins = {
            name: prepare(batch, self._config, size, generator) for name, batch in batches.items()
        }
        given = [
            model.condition(name, item.actions, self.steps, ~item.known, anchor=item.anchor)
            for name, item in twins.items()
        ]
        placed = [
            model.embed(TokensSeen(item.factors, item.masked, item.previous), of, self.steps)
            for item, of in zip(twins.values(), given, strict=True)
        ]
        parts = model.out_norm(run(torch.cat(placed), given)).chunk(len(placed))
        terms: dict[str, Tensor] = {}
        for (name, batch), features in zip(batches.items(), parts, strict=True):
            own = self._terms(name, batch, twins[name], features, generator)
            terms |= {f'{name}/{what}': term / len(parts) for what, term in own.items()}
        return terms

    def _terms(
        self,
        name: str,
        batch: WindowBatch,
        twins: Twins,
        features: Tensor,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        count, config = self._count, self._config
        logits = self._model.logits(features[:, count:], twins.previous[:, count:])
        frame = frame_loss(logits, twins, config.change_weight)
        if batch.own is not None:
            said = logits[-len(batch.own.tokens) :, -1].detach()
            batch.own.commit(drawn(said, config.temperature, generator).numpy())
        if not self._model.config.keypoints:
            return {'frame': frame}
        head, clean = self._model.action_heads[name], features[:, :count]
        around = batch.surroundings
        action, state = action_losses(cast('KeypointHead', head), clean, around, config, generator)
        return {'frame': frame, 'action': action, 'state': state}


def layout(steps: int, window: int) -> Steps:
    """
    Places in time, and permissions, of ``steps`` clean and ``steps`` masked steps.

    Masked step j stands for the frame after clean step j.

    :returns: of ``2T`` steps, with ``bool[2T, 2T]`` what may attend to what, query first.
    """
    time = torch.cat([torch.arange(steps), torch.arange(steps) + 1])
    is_masked = torch.arange(2 * steps) >= steps
    lag = time[:, None] - time[None]
    causal = (lag >= 0) & (lag < window) & ~is_masked[None]
    clean_past = causal & ~(is_masked[:, None] & (lag == 0))
    allowed = clean_past | torch.eye(2 * steps, dtype=torch.bool)
    return Steps(time, allowed_RR=allowed)


def prepare(
    batch: WindowBatch, config: TwinConfig, factor_size: int, generator: torch.Generator
) -> Twins:
    """
    Corrupt the context, draw the masks and mask actions.

    :raises ConfigError: a data set that does not tell what is around its windows.
    """
    around = batch.surroundings
    tokens = torch.from_numpy(
        np.concatenate([around.before[:, None], batch.tokens, around.after[:, None]], 1)
    )
    actions = torch.from_numpy(np.concatenate([around.led_here[:, None], batch.actions], 1))
    known = torch.ones(actions.shape[:2], dtype=torch.bool)
    known[:, 0] = torch.from_numpy(around.known)
    context = corrupt(tokens[:, :-1], config.corruption, factor_size, generator)
    own = slice(len(tokens), None)
    if batch.own is not None:
        own = slice(-len(batch.own.tokens), None)
        context[own] = torch.from_numpy(batch.own.tokens)
    steps, size, image_tokens = tokens.shape[1] - 2, tokens.shape[0], tokens.shape[2]
    drawn = torch.rand(size, steps, image_tokens, generator=generator)
    masked = drawn < _mask_shares(size, steps, config, generator)[..., None]
    remembered = torch.rand(size, 1, generator=generator) >= config.masked_history
    told = torch.rand(size, steps, generator=generator) >= config.masked_action
    # What is committed is imagined as in a rollout.
    masked[own], told[own] = True, True
    return Twins(
        factors=torch.cat([context[:, 1:], tokens[:, 2:]], 1),
        previous=torch.cat([context[:, :-1], context[:, 1:]], 1),
        masked=torch.cat([torch.zeros_like(masked), masked], 1),
        actions=torch.cat([actions[:, :-1], actions[:, 1:]], 1),
        known=torch.cat([known[:, :-1] & remembered, known[:, 1:] & told], 1),
        targets=tokens[:, 2:],
        anchor=_anchors(batch, config, told, generator),
    )


def _anchors(
    batch: WindowBatch, config: TwinConfig, told_BT: Tensor, generator: torch.Generator
) -> AnchorSeen | None:
    """Say where chunks led, of a masked step only where it is told its action."""
    measured = batch.surroundings.anchors
    if measured is None:
        return None
    anchors = torch.tensor(measured)
    if batch.own is not None and batch.own.anchors is not None:
        anchors[-len(batch.own.anchors) :] = torch.from_numpy(batch.own.anchors)
    shape = (len(anchors), 2 * told_BT.shape[1])
    known = torch.rand(shape, generator=generator) >= config.masked_anchors
    known[:, told_BT.shape[1] :] &= told_BT
    return AnchorSeen(torch.cat([anchors[:, :-1], anchors[:, 1:]], 1), known)


def drawn(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """
    Sample tokens as a rollout does.

    :param logits: ``[..., F, V]``.
    :param temperature: 0 takes the most likely ones.
    :returns: ``int64[..., F]``.
    """
    if temperature == 0.0:
        return logits.argmax(-1)
    uniform = torch.rand(logits.shape, generator=generator).clamp(min=1e-20)
    return (logits.float() / temperature - (-uniform.log()).log()).argmax(-1)


def corrupt(factors: Tensor, most: float, factor_size: int, generator: torch.Generator) -> Tensor:
    """Replace up to `most` of the tokens by random ones, in half of the windows."""
    size = factors.shape[0]
    share = torch.rand(size, 1, 1, generator=generator) * most
    share = share * (torch.rand(size, 1, 1, generator=generator) < 0.5)
    hit = torch.rand(factors.shape[:-1], generator=generator) < share
    noise = torch.randint(factor_size, factors.shape, generator=generator)
    return torch.where(hit.unsqueeze(-1), noise, factors)


def frame_loss(logits: Tensor, twins: Twins, change_weight: float) -> Tensor:
    """
    Cross entropy of the masked tokens, mean over factors.

    :param logits: ``[B, T, S, F, V]`` of the masked steps.
    """
    count = logits.shape[1]
    each = F.cross_entropy(logits.flatten(0, 3), twins.targets.flatten(), reduction='none')
    changed = (twins.targets != twins.previous[:, count:]).any(-1)
    weight = twins.masked[:, count:] * torch.where(changed, change_weight, 1.0)
    return (each.view(twins.targets.shape).mean(-1) * weight).sum() / weight.sum().clamp(min=1)


def action_losses(
    head: KeypointHead,
    features: Tensor,
    around: Surroundings,
    config: TwinConfig,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Weighted losses of the action head and of its auxiliary state output, scalars."""
    joints = torch.from_numpy(around.joints)
    measured = torch.rand(joints.shape[:2], generator=generator) >= config.masked_joints
    chunk, state = head.read(features, joints, measured)
    error = (chunk - torch.from_numpy(around.labels)) / head.std
    nothing = torch.zeros_like(error)
    action = config.action_weight * F.smooth_l1_loss(error, nothing, beta=config.linear_from)
    if state is None:
        return action, torch.zeros(())
    truth = torch.from_numpy(around.states)
    # The state of imagined frames is unknown (NaN): it adds no loss.
    truth = torch.where(truth.isnan(), state.detach(), truth)
    located = F.smooth_l1_loss(state, truth, beta=config.linear_from)
    return action, config.state_weight * located


def _mask_shares(size: int, steps: int, config: TwinConfig, generator: torch.Generator) -> Tensor:
    partial = torch.cos(torch.rand(size, steps, generator=generator) * (math.pi / 2))
    whole = (torch.rand(size, 1, generator=generator) < config.fully_masked).expand(-1, steps)
    return torch.where(whole, 1.0, partial)
