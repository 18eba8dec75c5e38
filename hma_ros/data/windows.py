# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Training windows: consecutive steps of an episode, each frame as tokens with its action."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.patches import patchify
from hma_ros.data.episodes import Episode
from hma_ros.data.token_windows import TokenWindows

# From frames of a token folder, ``[T, h, w]`` or ``[T, h, w, C]``, to tokens ``[T, S, E]``.
Reader = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class TokenEpisode:
    """
    An episode whose frames are tokens.

    :param tokens: ``[T + 1, S, E]``, integer factors or real patches, of any width.
    :param actions: ``float32[T, stride * A]`` executed from each frame on, physical units.
    :param labels: ``float32[T, stride * A]`` the expert's.
    :param joints: ``float32[T + 1, J]`` measured, rad or m.
    :param states: ``float32[T + 1, D]`` privileged.
    """

    tokens: np.ndarray
    actions: np.ndarray
    labels: np.ndarray
    joints: np.ndarray
    states: np.ndarray

    @staticmethod
    def of(episode: Episode, tokens: np.ndarray) -> TokenEpisode:
        """Join an episode's steps with the tokens of its frames."""
        return TokenEpisode(
            tokens,
            episode.actions.reshape(episode.steps, -1),
            episode.labels.reshape(episode.steps, -1),
            np.asarray(episode.joints),
            np.asarray(episode.states),
        )


@dataclass(frozen=True)
class Surroundings:
    """
    What our own episodes tell beside the frames and actions of ``B`` windows of ``T`` steps.

    :param before: tokens ``[B, S, E]`` of the frame before the first step, a copy of its own where
        the episode starts there.
    :param after: tokens ``[B, S, E]`` of the frame after the last step.
    :param led_here: ``float32[B, stride * A]``, the action that led to the first step.
    :param known: ``bool[B]``; false where there was no such action.
    :param labels: ``float32[B, T, stride * A]``.
    :param joints: ``float32[B, T, J]``.
    :param states: ``float32[B, T, D]``.
    """

    before: np.ndarray
    after: np.ndarray
    led_here: np.ndarray
    known: np.ndarray
    labels: np.ndarray
    joints: np.ndarray
    states: np.ndarray


@dataclass(frozen=True)
class WindowBatch:
    """
    ``B`` windows of ``T`` steps.

    :param tokens: ``int64[B, T, S, F]`` factors, or ``float32[B, T, S, E]`` patches.
    :param actions: ``float32[B, T, stride * A]``, executed from each frame, physical units.
    :param around: of our own episodes; None of a data set that has no more than the above.
    """

    tokens: np.ndarray
    actions: np.ndarray
    around: Surroundings | None = None


class Windows(Protocol):
    """Where windows of one embodiment come from."""

    def draw(self, batch: int, seed: int) -> WindowBatch:
        """Draw so many windows; the same ones for the same seed."""
        ...


class EpisodeWindows:
    """
    Draw windows from our episodes, every step equally likely to begin one.

    :param episodes: those shorter than `steps` cannot fill a window and are not drawn from.
    :param steps: steps in a window.
    :raises ConfigError: no episode is long enough.
    """

    def __init__(self, episodes: Sequence[TokenEpisode], steps: int) -> None:
        self._episodes = [item for item in episodes if len(item.actions) >= steps]
        if not self._episodes:
            raise ConfigError(f'none of {len(episodes)} episodes has {steps} steps; expected one')
        self._steps = steps
        starts = np.array([len(item.actions) - steps + 1 for item in self._episodes])
        self._share = starts / starts.sum()

    def draw(self, batch: int, seed: int) -> WindowBatch:
        """See :class:`Windows`."""
        rng = np.random.default_rng(seed)
        picks = rng.choice(len(self._episodes), batch, p=self._share)
        windows = [self._window(self._episodes[pick], rng) for pick in picks]
        tokens, actions, *around = (np.stack(parts) for parts in zip(*windows, strict=True))
        inner = tokens[:, 1:-1]
        beside = Surroundings(tokens[:, 0], tokens[:, -1], *around)
        return WindowBatch(inner, actions, beside)

    def _window(self, episode: TokenEpisode, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        start = int(rng.integers(len(episode.actions) - self._steps + 1))
        stop = start + self._steps
        steps, before = slice(start, stop), max(start - 1, 0)
        tokens = np.concatenate(
            [episode.tokens[before : before + 1], episode.tokens[start : stop + 1]]
        )
        return (
            _widened(tokens),
            episode.actions[steps].astype(np.float32),
            episode.actions[before].astype(np.float32),
            np.array(start > 0),
            episode.labels[steps],
            episode.joints[steps],
            episode.states[steps],
        )


class FolderWindows:
    """
    Draw windows from a data set of the authors.

    :param windows: of the folder.
    :param read: :func:`factors_of` or :func:`patches_of`.
    """

    def __init__(self, windows: TokenWindows, read: Reader) -> None:
        self._windows, self._read = windows, read

    def draw(self, batch: int, seed: int) -> WindowBatch:
        """See :class:`Windows`."""
        picks = np.random.default_rng(seed).integers(len(self._windows), size=batch)
        windows = [self._windows[int(pick)] for pick in picks]
        return WindowBatch(
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
