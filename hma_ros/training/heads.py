# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Fit action heads anew on what the trained trunk sees.

The trunk stays as it is, so every step is computed once and the heads can be trained on all of
them many times over: minutes instead of hours, and the imagined frames do not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from hma_ros.core.progress import Progress
from hma_ros.data.windows import TokenEpisode
from hma_ros.network.attention import Steps
from hma_ros.network.conditioning import AnchorSeen
from hma_ros.network.discrete import DiscreteHma, TokensSeen
from hma_ros.network.keypoints import KeypointHead

_BATCH = 256
_RATE = 2e-3
# Weight of the simulator's state, by which the head learns to see.
_STATE_WEIGHT = 0.5
# Share of steps shown without the measured joints, as in imagination.
_MASKED_JOINTS = 0.1
# Errors above this share of a deviation count linearly: fine motion must not drown in coarse.
_LINEAR_FROM = 0.05


@dataclass(frozen=True)
class HeadSteps:
    """What a head is fitted to: ``half[N, tokens, C]``, ``[N, J]``, ``[N, X]``, ``[N, D]``."""

    features: Tensor
    joints: Tensor
    labels: Tensor
    states: Tensor


class HeadFitter:
    """
    Trains the heads of a model in place, on frozen features that it keeps: about 17 kB a step.

    :param model: with a trained trunk and stems.
    :param noise: that is added to the features, in standard deviations of them.
    """

    def __init__(self, model: DiscreteHma, noise: float = 0.0) -> None:
        torch.manual_seed(0)
        self._model, self._noise = model, noise
        self._gathered: dict[str, list[HeadSteps]] = {}

    def add(self, stem: str, episodes: Sequence[TokenEpisode]) -> None:
        """Gather steps with the expert's labels; those in which the policy acted teach most."""
        gathered = self._gathered.setdefault(stem, [])
        for item in Progress(episodes, f'{stem} features', unit='episode'):
            gathered.append(episode_steps(self._model, stem, item))

    def fit(self, stem: str, steps: int) -> float:
        """
        Train the head of one stem on everything gathered.

        :param steps: optimiser steps.
        :returns: mean error of the chunks over the last hundred steps, normalized.
        """
        head = cast('KeypointHead', self._model.action_heads[stem])
        samples = self._joined(stem)
        parameters = [item for item in head.parameters() if item.requires_grad]
        optimiser = torch.optim.AdamW(parameters, _RATE, weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
        known = samples.states[~samples.states.isnan().any(1)]
        mean, std = known.mean(0), known.std(0) + 1e-3
        errors, noise = [], self._noise * samples.features.float().std()
        for _ in Progress(range(steps), f'{stem} head', unit='step'):
            pick = torch.randint(len(samples.features), (_BATCH,))
            measured = torch.rand(_BATCH, 1) >= _MASKED_JOINTS
            features = samples.features[pick].float()[:, None]
            if self._noise:
                features = features + noise * torch.randn_like(features)
            chunk, state = head.read(features, samples.joints[pick][:, None], measured)
            off = (chunk[:, 0] - samples.labels[pick]) / head.std
            error = F.smooth_l1_loss(off, torch.zeros_like(off), beta=_LINEAR_FROM)
            loss = error
            if state is not None:
                truth = (samples.states[pick] - mean) / std
                truth = torch.where(truth.isnan(), state[:, 0].detach(), truth)
                located = F.smooth_l1_loss(state[:, 0], truth, beta=_LINEAR_FROM)
                loss = error + _STATE_WEIGHT * located
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            errors.append(float(error.detach()))
        last = errors[-100:]
        return sum(last) / len(last)

    def _joined(self, stem: str) -> HeadSteps:
        """Join what was gathered, and keep it so: it exists only once."""
        parts = self._gathered[stem]
        joined = HeadSteps(
            *(
                torch.cat([getattr(part, field.name) for part in parts])
                for field in fields(HeadSteps)
            )
        )
        self._gathered[stem] = [joined]
        return joined


def episode_steps(model: DiscreteHma, stem: str, episode: TokenEpisode) -> HeadSteps:
    """Compute what a head reads at every step of an episode, and its targets."""
    return HeadSteps(
        episode_features(model, stem, episode).half(),
        torch.tensor(episode.joints[:-1]),
        torch.tensor(episode.labels),
        torch.tensor(episode.states[:-1]),
    )


@torch.no_grad()
def episode_features(model: DiscreteHma, stem: str, episode: TokenEpisode) -> Tensor:
    """
    Compute what the action head reads at every step of an episode, as the robot would.

    :returns: ``float32[T, N, C]``.
    """
    levels = torch.from_numpy(episode.tokens[None, :-1].astype('int64'))
    actions, count = torch.tensor(episode.actions)[None], levels.shape[1]
    previous = torch.cat([levels[:, :1], levels[:, :-1]], 1)
    led_here = torch.cat([actions[:, :1], actions[:, :-1]], 1)
    steps, masked = Steps(torch.arange(count)), torch.arange(count)[None] == 0
    seen = TokensSeen(levels, torch.zeros(levels.shape[:3], dtype=torch.bool), previous)
    anchor = None
    if model.config.anchor and episode.anchors is not None:
        anchor = AnchorSeen(torch.tensor(episode.anchors[None, :-1]), torch.ones(1, count) > 0)
    given = model.condition(stem, led_here, steps, masked, anchor=anchor)
    x, _ = model.run(model.embed(seen, given, steps), stem, given, steps)
    features: Tensor = model.out_norm(x)
    return features[0]
