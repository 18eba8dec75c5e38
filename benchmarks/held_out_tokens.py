# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How well a network predicts the tokens of held-out episodes, without a bundle.

The measures are those of ``hma evaluate prediction``: the next frame is wholly masked, its action
is given, and the context is what the robot would keep.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hma_ros.core.generation.likelihood import TokenScore, score_tokens
from hma_ros.data.windows import TokenEpisode
from hma_ros.network.conditioning import AnchorSeen
from hma_ros.network.discrete import DiscreteHma, TokensSeen
from hma_ros.training.twin import layout


def mean_score(model: DiscreteHma, stem: str, episodes: Sequence[TokenEpisode]) -> TokenScore:
    """
    Score every next frame of episodes.

    :param model: of preset ``small``.
    :param stem: of the robot of the episodes.
    """
    scores = [score for episode in episodes for score in _scores(model, stem, episode)]
    entropies, shares = zip(*((item.entropy_nats, item.accuracy) for item in scores), strict=True)
    return TokenScore(float(np.mean(entropies)), float(np.mean(shares)))


@torch.no_grad()
def _scores(model: DiscreteHma, stem: str, episode: TokenEpisode) -> list[TokenScore]:
    tokens, count = torch.from_numpy(episode.tokens[None].astype('int64')), len(episode.actions)
    clean, truth, steps = tokens[:, :-1], tokens[:, 1:], layout(count, model.config.window)
    before = torch.cat([tokens[:, :1], tokens[:, :-2]], 1)
    masked = (torch.arange(2 * count) >= count)[None, :, None].expand(1, -1, tokens.shape[2])
    seen = TokensSeen(torch.cat([clean, truth], 1), masked, torch.cat([before, clean], 1))
    actions = torch.tensor(episode.actions)[None]
    led_here = torch.cat([actions[:, :1], actions[:, :-1], actions], 1)
    unknown, anchor = torch.arange(2 * count)[None] == 0, _anchor(model, stem, episode)
    given = model.condition(stem, led_here, steps, unknown, anchor=anchor)
    x, _ = model.run(model.embed(seen, given, steps), stem, given, steps)
    logits = model.logits(model.out_norm(x)[:, count:], clean)
    return [
        score_tokens(one.numpy(), true.numpy())
        for one, true in zip(logits[0], truth[0], strict=True)
    ]


def _anchor(model: DiscreteHma, stem: str, episode: TokenEpisode) -> AnchorSeen | None:
    """Tell where the robot was measured, and of the next frame where its action leads."""
    robot, measured = model.config.domain(stem).robot, episode.anchors
    if not model.config.anchor or measured is None or robot is None:
        return None
    after = robot.anchor_after(measured[:-1], episode.actions)
    both = torch.from_numpy(np.concatenate([measured[:-1], after], dtype=np.float32))[None]
    known: Tensor = torch.ones(both.shape[:2], dtype=torch.bool)
    return AnchorSeen(both, known)
