# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Windows of rows as the paper's models are trained on: frames as tokens, each with its action."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.core.patches import patchify
from hma_ros.data.token_windows import TokenWindows
from hma_ros.data.windows import TokenEpisode

# Latents of our own frame tokenizer, in [-1, 1], times this have about unit variance; those of the
# authors' data sets have a scale of their own.
OWN_LATENT_SCALE = 5.0

# From frames of a token folder, ``[T, h, w]`` or ``[T, h, w, C]``, to tokens ``[T, S, E]``.
Reader = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class RowEpisode:
    """
    Rows of one episode: every frame from which an action was executed.

    :param tokens: ``[T, S, E]``, integer factors or real patches, of any width.
    :param actions: ``float32[T, stride * A]``, executed from each frame on, physical units.
    """

    tokens: np.ndarray
    actions: np.ndarray

    @staticmethod
    def of_levels(episode: TokenEpisode) -> RowEpisode:
        """Take the levels of our frame tokenizer as factors."""
        return RowEpisode(episode.levels[: len(episode.actions)], episode.actions)

    @staticmethod
    def of_latents(latents: np.ndarray, actions: np.ndarray) -> RowEpisode:
        """
        Take latents of our frame tokenizer, scaled, as patches of one pixel.

        :param latents: ``float16[T + 1, S, F]`` in [-1, 1].
        :param actions: ``float32[T, stride, A]``.
        """
        rows = len(actions)
        scaled = latents[:rows] * latents.dtype.type(OWN_LATENT_SCALE)
        return RowEpisode(scaled, actions.reshape(rows, -1))


@dataclass(frozen=True)
class RowBatch:
    """
    ``B`` windows of ``T`` rows.

    :param tokens: ``int64[B, T, S, F]`` factors, or ``float32[B, T, S, E]`` patches.
    :param actions: ``float32[B, T, stride * A]``, physical units.
    """

    tokens: np.ndarray
    actions: np.ndarray


class RowSource(Protocol):
    """Where windows of one embodiment come from."""

    def draw(self, batch: int) -> RowBatch:
        """Draw so many windows."""
        ...


class EpisodeRows:
    """
    Draw windows from episodes, every row equally likely to begin one.

    :param episodes: those shorter than `rows` are not drawn from.
    :param rows: in a window.
    :param seed: of the draw.
    :raises ConfigError: no episode is long enough.
    """

    def __init__(self, episodes: Sequence[RowEpisode], rows: int, seed: int) -> None:
        self._episodes = [item for item in episodes if len(item.actions) >= rows]
        if not self._episodes:
            raise ConfigError(f'none of {len(episodes)} episodes has {rows} rows; expected one')
        self._rows, self._rng = rows, np.random.default_rng(seed)
        starts = np.array([len(item.actions) - rows + 1 for item in self._episodes])
        self._share = starts / starts.sum()

    def draw(self, batch: int) -> RowBatch:
        """Draw so many windows."""
        picks = self._rng.choice(len(self._episodes), batch, p=self._share)
        windows = [self._window(self._episodes[pick]) for pick in picks]
        tokens, actions = (np.stack(parts) for parts in zip(*windows, strict=True))
        return RowBatch(_widened(tokens), actions.astype(np.float32))

    def _window(self, episode: RowEpisode) -> tuple[np.ndarray, np.ndarray]:
        start = int(self._rng.integers(len(episode.actions) - self._rows + 1))
        rows = slice(start, start + self._rows)
        return episode.tokens[rows], episode.actions[rows]


class FolderRows:
    """
    Draw windows from a data set of the authors.

    :param windows: of the folder.
    :param read: :func:`factors_of` or :func:`patches_of`.
    :param seed: of the draw.
    """

    def __init__(self, windows: TokenWindows, read: Reader, seed: int) -> None:
        self._windows, self._read, self._rng = windows, read, np.random.default_rng(seed)

    def draw(self, batch: int) -> RowBatch:
        """Draw so many windows."""
        picks = self._rng.integers(len(self._windows), size=batch)
        windows = [self._windows[int(pick)] for pick in picks]
        return RowBatch(
            _widened(np.stack([self._read(window.frames) for window in windows])),
            np.stack([window.actions for window in windows]),
        )


def factors_of(factors: int, factor_size: int) -> Reader:
    """Return a reader of ids; factor 0 is in their lowest digits."""
    powers = factor_size ** np.arange(factors, dtype=np.int64)

    def read(frames_Thw: np.ndarray) -> np.ndarray:
        ids_TS = frames_Thw.reshape(len(frames_Thw), -1)
        factors_TSF: np.ndarray = ids_TS[..., None] // powers % factor_size
        return factors_TSF

    return read


def patches_of(patch: int) -> Reader:
    """Return a reader of latents, cut into patches."""
    return lambda frames_ThwC: patchify(frames_ThwC, patch)


def _widened(tokens: np.ndarray) -> np.ndarray:
    return tokens.astype(np.float32 if tokens.dtype.kind == 'f' else np.int64)
