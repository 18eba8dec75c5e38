# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a data set of somebody else must offer to be imported, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

STATE, ACTION = 'observation.state', 'action'
Rgb = NDArray[np.uint8]


class SourceFrame(NamedTuple):
    """
    A frame of an episode.

    :param columns: the vectors asked for, ``float64[width]`` each.
    :param read: decodes the image, ``uint8[height, width, 3]``.
    """

    columns: dict[str, NDArray[np.float64]]
    read: Callable[[], Rgb]


@dataclass(frozen=True)
class Feature:
    """A vector or an image of each frame; ``names`` is empty where the data set names nothing."""

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...]


class EpisodeSource(Protocol):
    """
    A data set of somebody else.

    ``rate_label`` is where the rate was declared, for errors.
    """

    @property
    def folder(self) -> Path:
        """Where it is."""

    @property
    def pattern(self) -> str:
        """Glob pattern of its files."""

    @property
    def options(self) -> dict[str, Any]:
        """What its frames depend on beside its files, by the names of the command's options."""

    @property
    def fps(self) -> float:
        """Frames per second."""

    @property
    def rate_label(self) -> str:
        """Where the rate was declared, for errors."""

    @property
    def episodes(self) -> Iterable[Any]:
        """The episodes, each with a ``label`` that says which one it is."""

    def parts(self) -> Iterator[EpisodeSource]:
        """Yield the same data set with some of its episodes each, in order."""

    def cameras(self) -> list[str]:
        """Return the keys of the images."""

    def feature(self, key: str) -> Feature:
        """Return an image, :data:`STATE` or :data:`ACTION`; raises ConfigError if absent."""

    def label(self, key: str) -> str:
        """Return file and name of a feature, for errors."""

    def frames(self, episode: Any, camera: str, columns: tuple[str, ...]) -> Iterator[SourceFrame]:
        """
        Yield the frames of an episode, ``1 / fps`` apart.

        :raises MessageError: this episode cannot be read; the others may.
        """

    def success(self, episode: Any) -> bool | None:
        """Return whether an episode succeeded; None where the data set does not say it."""
