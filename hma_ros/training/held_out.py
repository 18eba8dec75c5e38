# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How well a network predicts held-out episodes, without a bundle: their tokens and their actions.

The measures of tokens are those of ``hma evaluate prediction``: the next frame is wholly masked,
its action is given, and the context is what the robot would keep.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.likelihood import TokenScore, score_tokens
from hma_ros.core.progress import Progress
from hma_ros.core.short_text import counted
from hma_ros.core.spread import evenly_spread
from hma_ros.data.windows import TokenEpisode
from hma_ros.network.conditioning import AnchorSeen
from hma_ros.network.discrete import DiscreteHma, TokensSeen
from hma_ros.network.keypoints import KeypointHead
from hma_ros.training.heads import episode_steps
from hma_ros.training.twin import layout

# Held out unless said otherwise: one in so many episodes.
_ONE_IN = 10
# Long episodes are scored in pieces of so many steps, which bounds the memory of attention.
_PIECE = 64


def choose(episodes: int, count: int | None, is_imagined: bool) -> list[int]:
    """
    Choose episodes to hold out, at random, but always the same.

    :param count: how many; None for a tenth, rounded down, and for none of imagined ones.
    :param is_imagined: whether some are; they begin as recordings do that would be held out.
    :returns: their indexes, ascending.
    :raises ConfigError: none would be left, or some are imagined.
    """
    if count and is_imagined:
        raise ConfigError(
            f'--held-out: got {count} of data sets with imagined episodes, expected 0: they '
            'continue recordings that would be held out; leave it out, and score the bundle on '
            'other recordings with `hma evaluate prediction --data`'
        )
    if count is None:
        count = 0 if is_imagined else episodes // _ONE_IN
    if count and count >= episodes:
        raise ConfigError(
            f'--held-out: got {count} of {counted(episodes, "episode")}, expected fewer, so that '
            'some are left to learn from'
        )
    chosen = np.random.default_rng(0).choice(episodes, count, replace=False)
    return sorted(int(index) for index in chosen)


def split(
    episodes: Sequence[TokenEpisode], recorded: int, held_out: Collection[int]
) -> tuple[list[TokenEpisode], list[TokenEpisode]]:
    """
    Split episodes into those to train on and those held out.

    :param episodes: the recorded ones, and after them any number of augmented copies of all.
    :param recorded: how many were recorded.
    :param held_out: indexes of recorded ones; their copies are left out.
    """
    learned = [item for index, item in enumerate(episodes) if index % recorded not in held_out]
    return learned, [episodes[index] for index in held_out]


def summary(
    model: DiscreteHma,
    stem: str,
    learned: Sequence[TokenEpisode],
    held_out: Sequence[TokenEpisode],
) -> Iterator[str]:
    """
    Say how well a model of preset ``small`` predicts the episodes held out.

    :param learned: of these, as many are scored for comparison.
    """
    score = mean_score(model, stem, held_out)
    yield f'{counted(len(held_out), "episode")} held out:'
    perplexity = math.exp(score.entropy_nats)
    yield f'frames: perplexity {perplexity:.4g}, {score.accuracy:.0%} of the tokens right'
    if not model.config.keypoints:
        return
    some = [learned[index] for index in evenly_spread(len(learned), len(held_out))]
    own, other = (explained_motion(model, stem, items) for items in (some, held_out))
    yield (
        f'actions: R2 {other:.2f}, and {own:.2f} on episodes learned from (1: exact; 0: no better '
        'than the mean motion)'
    )


def mean_score(model: DiscreteHma, stem: str, episodes: Sequence[TokenEpisode]) -> TokenScore:
    """
    Score every next frame of episodes.

    :param model: of preset ``small``.
    :param stem: of the robot of the episodes.
    """
    scores = [
        score
        for episode in Progress(episodes, f'{stem} held out', unit='episode')
        for piece, context in _pieces(episode, _context(model))
        for score in _scores(model, stem, piece)[context:]
    ]
    entropies, shares = zip(*((item.entropy_nats, item.accuracy) for item in scores), strict=True)
    return TokenScore(float(np.mean(entropies)), float(np.mean(shares)))


@torch.no_grad()
def explained_motion(model: DiscreteHma, stem: str, episodes: Sequence[TokenEpisode]) -> float:
    """
    Return the coefficient of determination (R2) of the chunks of the action head.

    :param model: of preset ``small``, with that stem.
    :returns: over all dimensions, each normalized by its standard deviation: 1 for exact chunks,
        0 for the mean motion; NaN if all motions are equal.
    """
    head = cast('KeypointHead', model.action_heads[stem])
    errors, motions = [], []
    for episode in episodes:
        steps = episode_steps(model, stem, episode)
        joints = steps.joints[:, None]
        measured = torch.ones(joints.shape[:2]) > 0
        chunk = head(steps.features.float()[:, None], joints, measured)[:, 0]
        errors.append((chunk - steps.labels) / head.std)
        motions.append((steps.labels - head.origin(steps.joints)) / head.std)
    motion = torch.cat(motions)
    about_mean = float((motion - motion.mean(0)).square().sum())
    return 1 - float(torch.cat(errors).square().sum()) / about_mean if about_mean else math.nan


def _context(model: DiscreteHma) -> int:
    """Count the steps before a step that it depends on, through all layers."""
    return model.config.layers * model.config.window


def _pieces(episode: TokenEpisode, context: int) -> Iterator[tuple[TokenEpisode, int]]:
    """Cut an episode; each piece begins with the steps that its others depend on, so many."""
    for begin in range(0, len(episode.actions), _PIECE):
        first, end = max(0, begin - context), min(begin + _PIECE, len(episode.actions))
        frames = slice(first, end + 1)
        anchors = None if episode.anchors is None else episode.anchors[frames]
        actions, tokens = episode.actions[first:end], episode.tokens[frames]
        yield replace(episode, tokens=tokens, actions=actions, anchors=anchors), begin - first


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
