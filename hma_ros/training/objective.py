# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The training objective of HMA (sec. 3): predict masked frames and the action of each row.

Every row stands in the sequence twice: once as it is, to be the context of later rows and to be
read for its action, and once masked, to be predicted. A masked row attends to the clean rows
before it and to itself, which is just what happens when a frame is imagined; so training never
sees a context that the robot will not show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from hma_ros.data.windows import WindowBatch
from hma_ros.network.attention import Rows as Places
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.keypoints import KeypointHead


@dataclass(frozen=True)
class ObjectiveConfig:
    """
    Rates and weights.

    :param fully_masked: share of windows whose predicted rows are masked completely.
    :param hidden_history: share of windows whose past actions are all hidden from the context,
        so that the policy reads the scene and does not copy what it did last.
    :param hidden_action: share of masked rows predicted without their action (passive dynamics).
    :param hidden_joints: share of rows whose action is asked for without the measured joints, as
        in imagination.
    :param corruption: largest share of context tokens replaced at random.
    :param change_weight: weight of tokens that differ from the frame before.
    :param action_weight: weight of the action loss.
    :param state_weight: weight of the auxiliary state loss.
    :param linear_from: errors of either above this share of a deviation count linearly: fine
        motion must not drown in coarse.
    """

    fully_masked: float = 0.7
    hidden_history: float = 0.5
    hidden_action: float = 0.1
    hidden_joints: float = 0.1
    corruption: float = 0.15
    change_weight: float = 3.0
    action_weight: float = 0.5
    state_weight: float = 0.25
    linear_from: float = 0.1


@dataclass(frozen=True)
class Rows:
    """A batch laid out for the trunk: T clean rows, then T masked ones."""

    levels: Tensor
    previous: Tensor
    masked: Tensor
    actions: Tensor
    known: Tensor
    targets: Tensor


def layout(rows: int, window: int) -> Places:
    """
    Places in time, and permissions, of ``rows`` clean and ``rows`` masked rows.

    Masked row j stands for the frame after clean row j.

    :returns: of ``2T`` steps, with ``bool[2T, 2T]`` what may attend to what, query first.
    """
    time = torch.cat([torch.arange(rows), torch.arange(rows) + 1])
    is_masked = torch.arange(2 * rows) >= rows
    lag = time[:, None] - time[None]
    causal = (lag >= 0) & (lag < window) & ~is_masked[None]
    clean_past = causal & ~(is_masked[:, None] & (lag == 0))
    allowed = clean_past | torch.eye(2 * rows, dtype=torch.bool)
    return Places(time, allowed_RR=allowed)


def prepare(batch: WindowBatch, config: ObjectiveConfig, levels: int) -> Rows:
    """Corrupt the context, draw the masks and hide actions."""
    tokens = torch.from_numpy(batch.levels)
    actions, known = torch.from_numpy(batch.actions), torch.from_numpy(batch.known)
    context, rows = corrupt(tokens[:, :-1], config.corruption, levels), tokens.shape[1] - 2
    size, image_tokens = tokens.shape[0], tokens.shape[2]
    masked = torch.rand(size, rows, image_tokens) < _mask_shares(size, rows, config)[..., None]
    history = known[:, :-1] & (torch.rand(size, 1) >= config.hidden_history)
    next_known = known[:, 1:] & (torch.rand(size, rows) >= config.hidden_action)
    return Rows(
        levels=torch.cat([context[:, 1:], tokens[:, 2:]], 1),
        previous=torch.cat([context[:, :-1], context[:, 1:]], 1),
        masked=torch.cat([torch.zeros_like(masked), masked], 1),
        actions=torch.cat([actions[:, :-1], actions[:, 1:]], 1),
        known=torch.cat([history, next_known], 1),
        targets=tokens[:, 2:],
    )


def corrupt(tokens: Tensor, most: float, levels: int) -> Tensor:
    """Replace up to `most` of the tokens by random ones, in half of the windows."""
    size = tokens.shape[0]
    share = torch.rand(size, 1, 1) * most * (torch.rand(size, 1, 1) < 0.5)
    hit = torch.rand(tokens.shape[:-1]) < share
    return torch.where(hit.unsqueeze(-1), torch.randint_like(tokens, levels), tokens)


def frame_loss(logits: Tensor, rows: Rows, change_weight: float) -> Tensor:
    """
    Cross entropy of the masked tokens, mean over factors.

    :param logits: ``[B, T, S, F, levels]`` of the masked rows.
    """
    count = logits.shape[1]
    each = F.cross_entropy(logits.flatten(0, 3), rows.targets.flatten(), reduction='none')
    changed = (rows.targets != rows.previous[:, count:]).any(-1)
    weight = rows.masked[:, count:] * torch.where(changed, change_weight, 1.0)
    return (each.view(rows.targets.shape).mean(-1) * weight).sum() / weight.sum().clamp(min=1)


def action_losses(
    model: DiscreteHma, stem: str, features: Tensor, batch: WindowBatch, config: ObjectiveConfig
) -> tuple[Tensor, Tensor]:
    """Weighted losses of the action head and of its auxiliary state output, scalars."""
    head = cast('KeypointHead', model.action_heads[stem])
    joints = torch.from_numpy(batch.joints)
    measured = torch.rand(joints.shape[:2]) >= config.hidden_joints
    chunk, state = head.read(features, joints, measured)
    error = (chunk - torch.from_numpy(batch.labels)) / head.std
    nothing = torch.zeros_like(error)
    action = config.action_weight * F.smooth_l1_loss(error, nothing, beta=config.linear_from)
    if state is None:
        return action, torch.zeros(())
    truth = torch.from_numpy(batch.states)
    located = F.smooth_l1_loss(state, truth, beta=config.linear_from)
    return action, config.state_weight * located


def _mask_shares(size: int, rows: int, config: ObjectiveConfig) -> Tensor:
    partial = torch.cos(torch.rand(size, rows) * (math.pi / 2))
    whole = (torch.rand(size, 1) < config.fully_masked).expand(-1, rows)
    return torch.where(whole, 1.0, partial)
