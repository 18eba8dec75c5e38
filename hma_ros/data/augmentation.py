# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Augmented copies of episodes: a random shift (DrQ, arXiv 2004.13649) and colour jitter.

All frames of a copy change alike, so motions stay as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.data.episodes import Episode, Episodes

# Of the side, of a gain of 1, and of 255.
_MOST_SHIFT = 1 / 16
_MOST_GAIN = 0.15
_MOST_OFFSET = 16.0


@dataclass(frozen=True)
class Change:
    """
    A shift and a change of colours.

    :param shift_yx: in shares of the side; the edge pixels are repeated.
    :param gain_C: factor of each colour channel.
    :param offset: added to all channels, of 255.
    """

    shift_yx: tuple[float, float]
    gain_C: NDArray[np.float32]
    offset: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Change:
        """Sample one."""
        down, right = rng.uniform(-_MOST_SHIFT, _MOST_SHIFT, 2).tolist()
        gain_C = rng.uniform(1 - _MOST_GAIN, 1 + _MOST_GAIN, 3).astype(np.float32)
        return cls((down, right), gain_C, rng.uniform(-_MOST_OFFSET, _MOST_OFFSET))

    def __call__(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Change a frame ``uint8[H, W, 3]``; colours saturate as those of a camera do."""
        y, x = (
            (np.arange(size) - round(shift * size)).clip(0, size - 1)
            for size, shift in zip(frame.shape[:2], self.shift_yx, strict=True)
        )
        colours = frame[y][:, x] * self.gain_C + np.float32(self.offset)
        return colours.round().clip(0, 255).astype(np.uint8)


class Augmented(Episodes):
    """
    Episodes, followed by their augmented copies.

    :param episodes: the recorded ones.
    :param copies: how many of each.
    """

    def __init__(self, episodes: Episodes, copies: int) -> None:
        self._episodes, self._copies = episodes, copies

    @property
    def spec(self) -> EmbodimentSpec:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        return self._episodes.spec

    @property
    def metadata(self) -> Mapping[str, Any]:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        return self._episodes.metadata

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the recorded episodes, with the number of copies."""
        return f'{self._episodes.fingerprint}_{self._copies}'

    @property
    def synthetic(self) -> Sequence[Mapping[str, Any]]:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        return self._episodes.synthetic

    def check_frame_size(self, side: int, of: str) -> None:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        self._episodes.check_frame_size(side, of)

    def __len__(self) -> int:
        """Count the recorded episodes and the copies."""
        return len(self._episodes) * (1 + self._copies)

    def __iter__(self) -> Iterator[Episode]:
        """Iterate over all episodes, always with the same changes."""
        yield from self._episodes
        for copy in range(self._copies):
            for index, episode in enumerate(self._episodes):
                frames = _ChangedFrames(episode.frames, (copy, index))
                yield replace(episode, frames=cast('np.ndarray', frames))


class _ChangedFrames(Iterable[np.ndarray]):
    """Frames of one copy, changed one by one when they are iterated."""

    def __init__(self, frames: Iterable[np.ndarray], seed: tuple[int, int]) -> None:
        self._frames, self._seed = frames, seed

    def __iter__(self) -> Iterator[np.ndarray]:
        change = Change.random(np.random.default_rng(self._seed))
        return (change(frame) for frame in self._frames)
