# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Self-forcing: windows whose frames the model imagined itself (arXiv 2506.08009).

A pool holds trajectories of every embodiment, each with its last window of frames. Every step of
training continues some of them: the frame after is predicted with all tokens masked, its loss is
taken against the truth, and the prediction takes the place of the frame. So a model meets the
errors that it makes in rollouts, and no pass is made but that of the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hma_ros.core.errors import ConfigError
from hma_ros.data.windows import EpisodeWindows, OwnFrames, WindowBatch, Windows, joined_windows
from hma_ros.network.config import HmaConfig

# A token has drifted where its factors are on average further from the truth than this [levels].
_DRIFT_LEVELS = 1.0


@dataclass(frozen=True)
class SelfForcing:
    """
    How much, and how long, a model goes on from its own frames.

    :param share: of the windows of a step, those that do, 0 to 1.
    :param begins: step of training from which on they do; before it all windows are true.
    :param trajectories: of each embodiment in the pool.
    :param oldest: own frames after which a trajectory begins anew.
    :param begun_anew: share that does so after each frame.
    :param drifted: largest share of the tokens of a frame that may have drifted from the truth:
        beyond it training would ask for what cannot be known any more.
    """

    share: float = 0.6
    begins: int = 0
    trajectories: int = 64
    oldest: int = 12
    begun_anew: float = 0.1
    drifted: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what makes no pool: ConfigError."""
        if not 0.0 <= self.share <= 1.0:
            raise ConfigError(f'self-forced: got {self.share}, expected a share of 0 to 1')

    def windows(self, count: int) -> int:
        """
        Return how many of `count` windows go on from own frames.

        :raises ConfigError: none of them though the share is above 0, or more than trajectories.
        """
        own = round(self.share * count)
        if bool(own) != bool(self.share) or own > self.trajectories:
            raise ConfigError(
                f'self-forced: got {self.share:g} of {count} windows, expected 1 to '
                f'{self.trajectories} of them, or 0; choose another share or --windows'
            )
        return own


class TrajectoryPool:
    """
    The trajectories of all embodiments.

    Its :meth:`state` belongs to that of the training run: a run that was stopped goes on with the
    same trajectories.

    :param config: of the model.
    :param steps: of a window.
    :param forcing: how much of it.
    """

    def __init__(self, config: HmaConfig, steps: int, forcing: SelfForcing) -> None:
        self._forcing, self._steps = forcing, steps
        self._shape = (steps + 1, config.image_tokens, config.factors)
        self._robots = {domain.name: domain.robot for domain in config.domains if config.anchor}
        self._kept: dict[str, dict[str, np.ndarray]] = {}

    def draw(self, name: str, source: Windows, count: int, own: int, seed: int) -> WindowBatch:
        """
        Draw the windows of one embodiment in a step: first fresh ones, then continued ones.

        :param name: of the stem.
        :param source: windows of our own episodes.
        :param own: how many of the `count` windows are continued.
        :raises ConfigError: windows of something else.
        """
        if own == 0:
            return source.draw(count, seed)
        if not isinstance(source, EpisodeWindows):
            raise ConfigError(
                'self-forced: got windows of token folders, expected our own episodes; leave '
                '--self-forced out'
            )
        rng = np.random.default_rng([seed, 1])
        kept = self._kept.setdefault(name, {})
        self._begin(kept, source, rng)
        picks = rng.choice(self._forcing.trajectories, own, replace=False)
        continued = self._continued(name, kept, source, picks, rng)
        if own == count:
            return continued
        return joined_windows(source.draw(count - own, seed), continued)

    def state(self) -> dict[str, Tensor]:
        """Return all trajectories by name, to be saved."""
        return {
            f'{name}/{what}': torch.from_numpy(array)
            for name, kept in self._kept.items()
            for what, array in kept.items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up saved trajectories; those of another size are left, and new ones begin."""
        expected = (self._forcing.trajectories, *self._shape)
        for key, value in state.items():
            name, _, what = key.partition('/')
            if tuple(state[f'{name}/tokens'].shape) == expected:
                self._kept.setdefault(name, {})[what] = value.numpy().copy()

    def _begin(
        self, kept: dict[str, np.ndarray], source: EpisodeWindows, rng: np.random.Generator
    ) -> None:
        """Begin every trajectory that there is not, or whose episode is not there any more."""
        count = self._forcing.trajectories
        if 'places' not in kept:
            kept['places'] = np.full((count, 2), -1)
            kept['ages'] = np.zeros(count, np.int64)
            kept['tokens'] = np.zeros((count, *self._shape), np.int16)
        gone = [not source.holds(int(which), int(start)) for which, start in kept['places']]
        fresh = np.flatnonzero(gone)
        if not fresh.size:
            return
        places = source.places(len(fresh), rng)
        batch = source.at(places)
        around = batch.surroundings
        kept['places'][fresh], kept['ages'][fresh] = places, 0
        kept['tokens'][fresh] = np.concatenate([around.before[:, None], batch.tokens], 1)
        if around.anchors is not None:
            anchors = around.anchors[:, :-1]
            kept.setdefault('anchors', np.zeros((count, *anchors.shape[1:]), np.float32))
            kept['anchors'][fresh] = anchors

    def _continued(
        self,
        name: str,
        kept: dict[str, np.ndarray],
        source: EpisodeWindows,
        picks: np.ndarray,
        rng: np.random.Generator,
    ) -> WindowBatch:
        truth = source.at([(int(which), int(start)) for which, start in kept['places'][picks]])
        anchors, robot = None, self._robots.get(name)
        if 'anchors' in kept and robot is not None:
            past = kept['anchors'][picks]
            after = robot.anchor_after(past[:, -1], truth.actions[:, -1])
            anchors = np.concatenate([past, after[:, None]], 1)

        def commit(frames_PSF: np.ndarray) -> None:
            known = kept['tokens'][picks]
            kept['tokens'][picks] = np.concatenate([known[:, 1:], frames_PSF[:, None]], 1)
            if anchors is not None:
                kept['anchors'][picks] = anchors[:, 1:]
            self._advance(kept, picks, frames_PSF, truth.surroundings.after, rng)

        own = OwnFrames(kept['tokens'][picks].astype(np.int64), anchors, commit)
        return WindowBatch(truth.tokens, truth.actions, truth.around, own)

    def _advance(
        self,
        kept: dict[str, np.ndarray],
        picks: np.ndarray,
        frames_PSF: np.ndarray,
        truth_PSF: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        """Go on by a step; what is too old, too far off, or drawn, begins anew when next drawn."""
        kept['places'][picks, 1] += 1
        kept['ages'][picks] += 1
        off = np.abs(frames_PSF - truth_PSF).mean(-1) > _DRIFT_LEVELS
        ended = off.mean(-1) > self._forcing.drifted
        ended |= kept['ages'][picks] >= self._forcing.oldest
        ended |= rng.random(len(picks)) < self._forcing.begun_anew
        kept['places'][picks[ended]] = -1
