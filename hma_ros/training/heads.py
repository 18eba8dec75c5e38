# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Fit action heads anew on what the trained trunk sees.

The trunk stays as it is, so every row is computed once and the heads can be trained on all of
them many times over: minutes instead of hours, and the imagined frames do not change.
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
# Share of rows shown without the measured joints, as in imagination.
_HIDDEN_JOINTS = 0.1
# Errors above this share of a deviation count linearly: fine motion must not drown in coarse.
_LINEAR_FROM = 0.05


class HeadFitter:
    """
    Trains the heads of a model in place, on frozen features that it keeps: about 17 kB a row.

    :param model: with a trained trunk and stems.
    """

    def __init__(self, model: Hma) -> None:
        torch.manual_seed(0)
        self._model = model
        self._features: dict[str, list[Tensor]] = {}
        self._joints: dict[str, list[Tensor]] = {}
        self._targets: dict[str, list[Tensor]] = {}

    def add(self, stem: str, episodes: Sequence[TokenEpisode]) -> None:
        """Gather rows with the expert's labels; those in which the policy acted teach most."""
        head = cast('Head', self._model.heads[stem])
        features = self._features.setdefault(stem, [])
        joints = self._joints.setdefault(stem, [])
        targets = self._targets.setdefault(stem, [])
        for item in tqdm(episodes, f'{stem} features', unit='episode'):
            features.append(episode_features(self._model, stem, item).half())
            joints.append(torch.from_numpy(item.joints[:-1].copy()))
            targets.append((torch.from_numpy(item.labels) - head.mean) / head.std)

    def fit(self, stem: str, steps: int) -> float:
        """
        Train the head of one stem on everything gathered.

        :param steps: optimiser steps.
        :returns: mean error over the last hundred steps, in deviations of the actions.
        """
        head = cast('Head', self._model.heads[stem])
        features, joints, targets = (
            torch.cat(kept[stem]) for kept in (self._features, self._joints, self._targets)
        )
        self._features[stem], self._joints[stem] = [features], [joints]
        self._targets[stem] = [targets]
        parameters = [item for item in head.parameters() if item.requires_grad]
        optimiser = torch.optim.AdamW(parameters, _RATE, weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
        errors = []
        for _ in tqdm(range(steps), f'{stem} head', unit='step'):
            pick = torch.randint(len(features), (_BATCH,))
            measured = torch.rand(_BATCH, 1) >= _HIDDEN_JOINTS
            chunk, _ = head.normalised(
                features[pick].float()[:, None], joints[pick][:, None], measured
            )
            loss = F.smooth_l1_loss(chunk[:, 0], targets[pick], beta=_LINEAR_FROM)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            errors.append(float(loss.detach()))
        last = errors[-100:]
        return sum(last) / len(last)


@torch.no_grad()
def episode_features(model: Hma, stem: str, episode: TokenEpisode) -> Tensor:
    """
    Compute what the action head reads at every row of an episode, as the robot would.

    :returns: ``float32[T, N, C]``.
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
    features: Tensor = model.trunk(x, model.stems[stem](led_here, known), lag, allowed)
    return features[0]
