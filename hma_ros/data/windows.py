# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Training windows: consecutive steps of an episode, each frame as tokens with its action."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.patches import patchify
from hma_ros.core.short_text import counted
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
    :param anchors: ``float32[T + 1, K]`` where the commanded coordinates were measured, rad or m;
        None where no model reads them.
    :param place: see :class:`~hma_ros.data.episodes.Episode`.
    """

    tokens: np.ndarray
    actions: np.ndarray
    labels: np.ndarray
    joints: np.ndarray
    states: np.ndarray
    anchors: np.ndarray | None = None
    place: str = ''

    @staticmethod
    def of(episode: Episode, tokens: np.ndarray) -> TokenEpisode:
        """Join an episode's steps with the tokens of its frames."""
        return TokenEpisode(
            tokens,
            episode.actions.reshape(episode.steps, -1),
            episode.labels.reshape(episode.steps, -1),
            np.asarray(episode.joints),
            np.asarray(episode.states),
            place=episode.place,
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
    :param anchors: ``float32[B, T + 1, K]`` of the steps and of the frame after; None of episodes
        without them.
    """

    before: np.ndarray
    after: np.ndarray
    led_here: np.ndarray
    known: np.ndarray
    labels: np.ndarray
    joints: np.ndarray
    states: np.ndarray
    anchors: np.ndarray | None = None


@dataclass(frozen=True)
class OwnFrames:
    """
    Imagined frames of ``P`` windows of ``T`` steps.

    :param tokens: ``int64[P, T + 1, S, F]``, of the frame before the first step and of the steps.
    :param anchors: ``float32[P, T + 1, K]`` of the steps and of the frame after, as their actions
        lead there; None of a model without anchors.
    :param commit: takes the frame after, ``int64[P, S, F]``, as the model imagines it.
    """

    tokens: np.ndarray
    anchors: np.ndarray | None
    commit: Callable[[np.ndarray], None]


@dataclass(frozen=True)
class WindowBatch:
    """
    ``B`` windows of ``T`` steps.

    :param tokens: ``int64[B, T, S, F]`` factors, or ``float32[B, T, S, E]`` patches.
    :param actions: ``float32[B, T, stride * A]``, executed from each frame, physical units.
    :param around: of our own episodes; None of a data set that has no more than the above.
    :param own: of the last windows, what the model imagined in place of their frames; None where
        all frames are true.
    :param origins: episode and step at which each window begins; none of token folders.
    """

    tokens: np.ndarray
    actions: np.ndarray
    around: Surroundings | None = None
    own: OwnFrames | None = None
    origins: tuple[str, ...] = ()

    @property
    def surroundings(self) -> Surroundings:
        """What is around the windows; raises ConfigError of a data set that does not tell."""
        if self.around is None:
            raise ConfigError(
                'windows: got frames and actions alone, expected our own episodes, which tell '
                "the expert's actions and the frames around; choose another preset"
            )
        return self.around


class Windows(Protocol):
    """
    Where windows of one embodiment come from.

    ``size`` counts the windows there are.
    """

    size: int

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
            raise ConfigError(
                f'got no episode of {counted(steps, "step")} among {len(episodes)}, expected one'
            )
        self._steps = steps
        starts = np.array([len(item.actions) - steps + 1 for item in self._episodes])
        self.size = int(starts.sum())
        self._share = starts / self.size

    def draw(self, batch: int, seed: int) -> WindowBatch:
        """See :class:`Windows`."""
        return self.at(self.places(batch, np.random.default_rng(seed)))

    def places(self, batch: int, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Draw episodes, and of each a step at which a window begins."""
        picks = rng.choice(len(self._episodes), batch, p=self._share).tolist()
        return [(pick, int(rng.integers(self.starts(pick)))) for pick in picks]

    def starts(self, episode: int) -> int:
        """Count the steps of an episode at which a window may begin."""
        return len(self._episodes[episode].actions) - self._steps + 1

    def holds(self, episode: int, start: int) -> bool:
        """Whether there is such a place."""
        return 0 <= episode < len(self._episodes) and 0 <= start < self.starts(episode)

    def at(self, places: Sequence[tuple[int, int]]) -> WindowBatch:
        """Return the windows at places as :meth:`places` draws them."""
        windows = [self._window(self._episodes[which], start) for which, start in places]
        tokens, actions, *around = (np.stack(parts) for parts in zip(*windows, strict=True))
        inner = tokens[:, 1:-1]
        beside = Surroundings(tokens[:, 0], tokens[:, -1], *around)
        origins = tuple(f'{self._episodes[pick].place}: step {start}' for pick, start in places)
        return WindowBatch(inner, actions, beside, origins=origins)

    def _window(self, episode: TokenEpisode, start: int) -> tuple[np.ndarray, ...]:
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
            *(() if episode.anchors is None else (episode.anchors[start : stop + 1],)),
        )


class FolderWindows:
    """
    Draw windows from a data set of the authors.

    :param windows: of the folder.
    :param read: :func:`factors_of` or :func:`patches_of`.
    """

    def __init__(self, windows: TokenWindows, read: Reader) -> None:
        self._windows, self._read = windows, read
        self.size = len(windows)

    def draw(self, batch: int, seed: int) -> WindowBatch:
        """See :class:`Windows`."""
        picks = np.random.default_rng(seed).integers(len(self._windows), size=batch)
        windows = [self._windows[int(pick)] for pick in picks]
        return WindowBatch(
            _widened(np.stack([self._read(window.frames) for window in windows])),
            np.stack([window.actions for window in windows]),
        )


def joined_windows(first: WindowBatch, second: WindowBatch) -> WindowBatch:
    """
    Put windows of our own episodes behind others.

    :param first: whose frames are all true.
    """
    parts = {
        field.name: [getattr(batch.surroundings, field.name) for batch in (first, second)]
        for field in fields(Surroundings)
    }
    around: dict[str, Any] = {
        name: None if values[0] is None else np.concatenate(values)
        for name, values in parts.items()
    }
    tokens = np.concatenate([first.tokens, second.tokens])
    return WindowBatch(
        tokens, np.concatenate([first.actions, second.actions]), Surroundings(**around), second.own
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
