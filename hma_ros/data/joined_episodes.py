# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Several data sets of one robot as one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.embodiment.action_meaning import Difference, meaning_of
from hma_ros.core.errors import ConfigError
from hma_ros.data.episode_metadata import FACTS
from hma_ros.data.episodes import Episode, Episodes
from hma_ros.data.imported_episodes import is_data_set, open_episodes
from hma_ros.data.imported_source import are_same

_VIEW = ('height', 'width', 'crop', 'resize')


class JoinedEpisodes(Episodes):
    """
    Episodes of several data sets, one set after the other.

    :param folders: each as :func:`open_episodes` takes it.
    :param every: see :func:`open_episodes`.
    :raises ConfigError: as that, or they differ in robot, rate, actions or what these mean,
        joints, states or camera, or hold the same recording or the same episode.
    """

    def __init__(self, folders: Sequence[Path], every: bool = False) -> None:
        _check_read_once(folders)
        self._sets: list[Episodes] = [open_episodes(folder, every) for folder in folders]
        for folder, other in zip(folders[1:], self._sets[1:], strict=True):
            for what, got, expected in _differences(other, self._sets[0]):
                raise ConfigError(
                    f'{folder}: {what}: got {got}, expected {expected} as in {folders[0]}; '
                    'give data sets of one robot'
                )
        _check_sources(folders, self._sets)
        _check_contents(folders, self._sets)
        self.left_out = sum(
            (Counter(getattr(one, 'left_out', {})) for one in self._sets), Counter()
        )
        self.unmarked = sum(getattr(one, 'unmarked', 0) for one in self._sets)

    @property
    def spec(self) -> EmbodimentSpec:
        """The embodiment file, of the first set."""
        return self._sets[0].spec

    @property
    def metadata(self) -> Mapping[str, Any]:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        return self._sets[0].metadata

    @cached_property
    def fingerprint(self) -> str:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        text = ' '.join(one.fingerprint for one in self._sets)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def synthetic(self) -> Sequence[Mapping[str, Any]]:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        return [facts for one in self._sets for facts in one.synthetic]

    def check_frame_size(self, side: int, of: str) -> None:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        for one in self._sets:
            one.check_frame_size(side, of)

    def __len__(self) -> int:
        """Count the episodes."""
        return sum(map(len, self._sets))

    def __iter__(self) -> Iterator[Episode]:
        """Iterate over all episodes; frames are read once they are asked for."""
        for one in self._sets:
            yield from one


def open_all(folders: Sequence[Path], every: bool = False) -> Episodes:
    """Open one data set, or several as one; raises ConfigError as :class:`JoinedEpisodes`."""
    if len(folders) == 1:
        return open_episodes(folders[0], every)
    return JoinedEpisodes(folders, every)


def _check_read_once(folders: Sequence[Path]) -> None:
    """Refuse a folder that is given twice, or whose episodes another finds below it."""
    places = [folder.resolve() for folder in folders]
    for number, inner in enumerate(places):
        for other, outer in enumerate(places):
            is_below = outer in inner.parents and not is_data_set(outer)
            if (number > other and inner == outer) or is_below:
                raise ConfigError(
                    f'{folders[number]}: got it twice, as it is also read for {folders[other]}, '
                    'expected every episode once; leave one out'
                )


def _check_sources(folders: Sequence[Path], sets: Sequence[Episodes]) -> None:
    """Refuse sets that were imported from the same recording."""
    known = list[tuple[Path, Any]]()
    for folder, episodes in zip(folders, sets, strict=True):
        sources = getattr(episodes, 'sources', ())
        for source, (other, before) in product(sources, known):
            if are_same(source, before):
                raise _twice(folder, other, f'episodes of {source["path"]}')
        known += [(folder, source) for source in sources]


def _check_contents(folders: Sequence[Path], sets: Sequence[Episodes]) -> None:
    """Refuse sets that hold the same episode, whatever it was imported from."""
    known = dict[bytes, list[tuple[Path, Episode]]]()
    for folder, episodes in zip(folders, sets, strict=True):
        for episode in episodes:
            alike = known.setdefault(_numbers_digest(episode), [])
            for other, before in alike:
                if other != folder and _look_alike(episode, before):
                    raise _twice(folder, other, f'the episode {episode.place}')
            alike.append((folder, episode))


def _numbers_digest(episode: Episode) -> bytes:
    digest = hashlib.sha256(episode.kind.encode())
    for array in (episode.actions, episode.joints):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _look_alike(one: Episode, other: Episode) -> bool:
    return all(map(np.array_equal, one.frames, other.frames))


def _twice(folder: Path, other: Path, what: str) -> ConfigError:
    return ConfigError(
        f'{folder}: got {what}, which {other} holds too, expected every episode once; leave one '
        'of the two data sets out, or import its other recordings to a new --out'
    )


def _differences(episodes: Episodes, first: Episodes) -> Iterator[Difference]:
    """Yield where episodes are not of the robot of the first, seen and commanded alike."""
    for key in FACTS:
        if (got := episodes.metadata[key]) != (expected := first.metadata[key]):
            yield key, got, expected
    spec, other = episodes.spec, first.spec
    yield from meaning_of(other).differences(meaning_of(spec))
    if spec.state.joints != other.state.joints:
        yield 'state.sources joints', spec.state.joints, other.state.joints
    for key in _VIEW:
        if (seen := getattr(spec.camera, key)) != (wanted := getattr(other.camera, key)):
            yield f'camera.{key}', seen, wanted
