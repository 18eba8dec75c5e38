# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Training windows over tokenised episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import Episode


@dataclass(frozen=True)
class TokenEpisode:
    """
    An episode whose frames are tokens.

    :param levels: ``uint8[T + 1, S, F]``.
    :param actions: ``float32[T, stride * A]`` executed, physical units.
    :param labels: ``float32[T, stride * A]`` the expert's.
    :param joints: ``float32[T + 1, J]`` measured, rad or m.
    :param states: ``float32[T + 1, D]``.
    """

    levels: np.ndarray
    actions: np.ndarray
    labels: np.ndarray
    joints: np.ndarray
    states: np.ndarray

    @staticmethod
    def from_episode(episode: Episode, levels: np.ndarray) -> TokenEpisode:
        """Join an episode's rows with the tokens of its frames."""
        return TokenEpisode(
            levels.astype(np.uint8),
            episode.actions.reshape(episode.rows, -1),
            episode.labels.reshape(episode.rows, -1),
            np.asarray(episode.joints),
            np.asarray(episode.states),
        )


@dataclass(frozen=True)
class WindowBatch:
    """
    ``B`` windows of ``T`` rows with the frame before and the frame after.

    :param levels: ``int64[B, T + 2, S, F]``; index 0 is the frame before the first row, a copy
        of it where the episode starts there.
    :param actions: ``float32[B, T + 1, stride * A]``; index 0 led to the first row.
    :param known: ``bool[B, T + 1]``; false where there was no such action.
    :param labels: ``float32[B, T, stride * A]``.
    :param joints: ``float32[B, T, J]``.
    :param states: ``float32[B, T, D]``.
    """

    levels: np.ndarray
    actions: np.ndarray
    known: np.ndarray
    labels: np.ndarray
    joints: np.ndarray
    states: np.ndarray


class WindowSampler:
    """
    Draw windows of one embodiment, every row equally likely.

    :param episodes: episodes shorter than `rows` cannot fill a window and are not drawn from.
    :param rows: rows in a window.
    :param seed: of the draw.
    :raises ConfigError: no episode is long enough.
    """

    def __init__(self, episodes: Sequence[TokenEpisode], rows: int, seed: int) -> None:
        self._episodes = [item for item in episodes if len(item.actions) >= rows]
        if not self._episodes:
            raise ConfigError(f'none of {len(episodes)} episodes has {rows} rows; expected one')
        self._rows = rows
        self._rng = np.random.default_rng(seed)
        starts = np.array([len(item.actions) - rows + 1 for item in self._episodes])
        self._share = starts / starts.sum()

    def draw(self, batch: int) -> WindowBatch:
        """Draw `batch` windows."""
        picks = self._rng.choice(len(self._episodes), batch, p=self._share)
        windows = [self._window(self._episodes[pick]) for pick in picks]
        return WindowBatch(*(np.stack(parts) for parts in zip(*windows, strict=True)))

    def _window(self, episode: TokenEpisode) -> tuple[np.ndarray, ...]:
        start = int(self._rng.integers(len(episode.actions) - self._rows + 1))
        stop = start + self._rows
        rows = slice(start, stop)
        before = max(start - 1, 0)
        levels = np.concatenate(
            [episode.levels[before : before + 1], episode.levels[start : stop + 1]]
        ).astype(np.int64)
        actions = np.concatenate([episode.actions[before : before + 1], episode.actions[rows]])
        known = np.ones(self._rows + 1, bool)
        known[0] = start > 0
        labels, joints, states = episode.labels[rows], episode.joints[rows], episode.states[rows]
        return levels, actions, known, labels, joints, states
