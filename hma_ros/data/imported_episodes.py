# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Imported data sets as episodes to train on.

A data set has a frame and the actions executed from it for each step; the frame that the last
actions led to is the next step's. So an episode of ``T + 1`` imported steps has ``T`` steps here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import shortened
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.episode_metadata import IMAGINED, SYNTHETIC, read_metadata
from hma_ros.data.episodes import Episode, EpisodeDataset, Episodes
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.outcomes import FAILED, UNFINISHED, UNMARKED
from hma_ros.data.shards import splits_below

# Why an episode is left out where only frames are learned.
_IMAGINED = 'whose frames a world model imagined'
# What else is learned from.
_DEMONSTRATION = ' of two steps or more that was ended and is not marked as failed'


class ImportedEpisodes(Episodes):
    """
    Demonstrations of one robot, imported by ``hma data import``.

    Of a source that is synthetic they are of the kind ``imagined``, and no success.

    What was executed is what is learned: labels are the actions. The joints take the place of the
    simulator's state, which nobody knows. Episodes marked as failed, those begun and never ended,
    and those of a single step are left out; ``left_out`` says how many of each. ``unmarked`` of
    those taken are of bags without marks.

    :param folder: of the data set.
    :param every: take all that were recorded, for their frames, whether demonstrations or not.
    :raises ConfigError: no such data set, a broken file, or no episode to learn from.
    :raises MessageError: a step that no model should learn from, named by file and step.
    """

    def __init__(self, folder: Path, every: bool = False) -> None:
        self._data = LeRobotData(folder)
        self.folder = folder
        lengths = [item['length'] for item in self._data.episodes]
        reasons = list(map(_left_out, self._data.outcomes, lengths))
        if every:
            reasons = [_IMAGINED * is_imagined for is_imagined in self._data.are_imagined]
        self.left_out = Counter(reason for reason in reasons if reason)
        kept = [index for index, reason in enumerate(reasons) if not reason]
        self.unmarked = sum(self._data.outcomes[index] == UNMARKED for index in kept)
        if not kept:
            raise ConfigError(
                f'{folder}: got no episode{"" if every else _DEMONSTRATION}, expected at least one'
            )
        self._numbers = {index: self._data.numbers(index) for index in kept}

    @property
    def spec(self) -> EmbodimentSpec:
        """The embodiment file with which the data set was made."""
        return self._data.spec

    @property
    def text(self) -> str:
        """Text of the embodiment file, as it is kept in the data set."""
        return str(self._data.journal['embodiment'])

    @property
    def task(self) -> str:
        """What the robot does, in words."""
        return str(self._data.journal['task'])

    @property
    def metadata(self) -> Mapping[str, Any]:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        return {
            'embodiment': self.spec.name,
            'hz': self.spec.rates.frame_hz,
            'stride': self.spec.rates.stride,
            'action_names': list(self.spec.action.names),
            'state_names': list(self.spec.state.joints),
        }

    @cached_property
    def fingerprint(self) -> str:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        digest = hashlib.sha256(self.embodiment.encode())
        for index in self._numbers:
            digest.update(layout.data_file(self.folder, index).read_bytes())
        return digest.hexdigest()[:12]

    @property
    def synthetic(self) -> Sequence[Mapping[str, Any]]:
        """See :class:`~hma_ros.data.episodes.Episodes`."""
        return self._data.synthetic

    @property
    def sources(self) -> Sequence[Mapping[str, Any]]:
        """What tells the recordings that they are of from others, as the journal has it."""
        recorded = (item for item in self._data.journal['sources'] if not item.get(SYNTHETIC))
        return [item['source'] for item in recorded if item['episodes'] and 'source' in item]

    def check_frame_size(self, side: int, of: str) -> None:
        """
        Compare the frames with what is to read them.

        :param side: height and width expected [px].
        :param of: whose size that is, for the error.
        :raises ConfigError: they have another size.
        """
        if tuple(self.spec.camera.resize) != (side, side):
            raise ConfigError(
                f'{self.folder}: frames: got {list(self.spec.camera.resize)}, expected '
                f'{[side, side]} (size of {of}); import them again with camera.resize '
                f'{[side, side]}, or choose another'
            )

    def __len__(self) -> int:
        """Count the episodes."""
        return len(self._numbers)

    def __iter__(self) -> Iterator[Episode]:
        """Iterate over all episodes; frames are decoded one by one when they are iterated."""
        for index, (joints, actions) in self._numbers.items():
            yield Episode(
                frames=cast('np.ndarray', _Frames(self._data, index)),
                actions=actions[:-1],
                labels=actions[:-1],
                joints=joints,
                states=joints,
                kind=IMAGINED if self._data.are_imagined[index] else 'expert',
                seed=index,
                success=not self._data.are_imagined[index],
                place=str(layout.data_file(self.folder, index)),
            )


def open_recorded(folder: Path) -> tuple[Episodes, int]:
    """
    Open recorded episodes alone.

    :param folder: see :func:`open_episodes`.
    :returns: them, and how many others are left out, as a world model imagined their frames.
    :raises ConfigError: as :func:`open_episodes`, or none was recorded.
    """
    episodes = open_episodes(folder)
    if not episodes.synthetic:
        return episodes, 0
    files = [] if is_data_set(folder) else sorted(folder.glob('**/metadata.json'))
    parts = [file.parent for file in files if SYNTHETIC not in read_metadata(file)[0]]
    if parts:
        recorded = EpisodeDataset(parts)
        return recorded, len(episodes) - len(recorded)
    raise ConfigError(
        f'{folder}: got synthetic episodes, expected recorded ones; give those that they begin '
        f'with: {shortened(episodes.synthetic[0].get("source"))}'
    )


def _left_out(outcome: str, length: int) -> str:
    """Return why an episode is no demonstration; empty if it is one."""
    if outcome == FAILED:
        return 'marked as failed'
    if outcome == UNFINISHED:
        return 'begun and never ended'
    return 'of a single step' if length < 2 else ''


class _Frames(Iterable[np.ndarray]):
    """Frames ``uint8[H, W, 3]`` of one episode, never all of them in memory."""

    def __init__(self, data: LeRobotData, episode: int) -> None:
        self._data, self._episode = data, episode

    def __len__(self) -> int:
        return int(self._data.episodes[self._episode]['length'])

    def __iter__(self) -> Iterator[np.ndarray]:
        return (step.frame for step in self._data.steps(self._episode))


def is_data_set(folder: Path) -> bool:
    """Whether a folder is a data set of ``hma data import``, not episodes."""
    return (folder / layout.INFO).is_file()


def open_episodes(folder: Path, every: bool = False) -> Episodes:
    """
    Open what ``hma data import`` or :class:`~hma_ros.data.episodes.EpisodeWriter` wrote.

    :param folder: a data set, or episode folders of one split of one embodiment, at any depth.
    :param every: see :class:`ImportedEpisodes`; of episodes all are taken anyway.
    :raises ConfigError: neither is there, or several splits, or see the classes.
    """
    if is_data_set(folder) or (folder / layout.JOURNAL).is_file():
        return ImportedEpisodes(folder, every)
    parts = sorted(path.parent for path in folder.glob('**/metadata.json'))
    if not parts:
        raise ConfigError(
            f'{folder}: got neither {layout.INFO} nor metadata.json, expected a data set of '
            '`hma data import`, or episodes'
        )
    splits = splits_below(folder, parts)
    if len(names := sorted(splits)) > 1:
        raise ConfigError(
            f'{folder}: got the splits {", ".join(names)}, expected one; give {splits[names[0]]}'
        )
    return EpisodeDataset(parts)
