# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Fit an action head anew on what the trained trunk sees.

The trunk stays as it is, so every row is computed once and the head can be trained on all of them
many times over: minutes instead of hours, and the imagined frames do not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from hma_ros.data.windows import TokenEpisode
from hma_ros.network.hma import Head, Hma

_BATCH = 256
_RATE = 1e-3
# Errors above this share of a deviation count linearly: fine motion must not drown in coarse.
_LINEAR_FROM = 0.05


def refit_head(model: Hma, stem: str, episodes: Sequence[TokenEpisode], steps: int) -> float:
    """
    Train the head of one stem on frozen features, in place.

    :param episodes: with the expert's labels; those in which the policy acted teach it most.
    :param steps: optimiser steps.
    :returns: mean error over the last hundred steps, in deviations of the actions.
    """
    torch.manual_seed(0)
    head = cast('Head', model.heads[stem])
    rows = [episode_features(model, stem, item) for item in tqdm(episodes, stem, unit='episode')]
    features = torch.cat(rows)
    labels = torch.cat([torch.from_numpy(item.labels) for item in episodes])
    return _fit(head, features, (labels - head.mean) / head.std, steps)


@torch.no_grad()
def episode_features(model: Hma, stem: str, episode: TokenEpisode) -> Tensor:
    """
    Compute what the action head reads at every row of an episode, as the robot would.

    :returns: ``float32[T, feature_size]``.
    """
    config = model.trunk.config
    levels = torch.from_numpy(episode.levels[None, :-1].astype('int64'))
    actions = torch.from_numpy(episode.actions)[None]
    previous = torch.cat([levels[:, :1], levels[:, :-1]], 1)
    led_here = torch.cat([actions[:, :1], actions[:, :-1]], 1)
    known = torch.arange(levels.shape[1])[None] > 0
    lag = torch.arange(levels.shape[1])[:, None] - torch.arange(levels.shape[1])
    allowed = (lag >= 0) & (lag < config.window)
    visible = torch.zeros(levels.shape[:3], dtype=torch.bool)
    x = model.trunk.embed(levels, previous, visible)
    x = model.trunk(x, model.stems[stem](led_here, known), lag, allowed)
    return model.trunk.action_features(x)[0]


def _fit(head: Head, features: Tensor, targets: Tensor, steps: int) -> float:
    parameters = [*head.hidden.parameters(), *head.out.parameters()]
    optimiser = torch.optim.AdamW(parameters, _RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    errors = []
    for _ in tqdm(range(steps), 'head', unit='step'):
        pick = torch.randint(len(features), (_BATCH,))
        chunk, _ = head.normalised(features[pick])
        loss = F.smooth_l1_loss(chunk, targets[pick], beta=_LINEAR_FROM)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        errors.append(float(loss.detach()))
    last = errors[-100:]
    return sum(last) / len(last)
