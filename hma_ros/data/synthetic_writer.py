# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Data sets of episodes that a world model continued, in the format of their source."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.core.units import NS_PER_S
from hma_ros.data.episode_metadata import IMAGINED, SYNTHETIC
from hma_ros.data.episodes import Episode, Episodes, EpisodeWriter
from hma_ros.data.imported_episodes import ImportedEpisodes
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.shards import SPLITS, splits_below
from hma_ros.data.steps import Step


@dataclass(frozen=True)
class SyntheticEpisode:
    """
    An episode whose last frames were imagined.

    :param episode: of the kind ``imagined``; ``place`` is where its beginning was recorded.
    :param after: ``float32[stride, A]``, the chunk that would follow its last frame; None where
        that is not known.
    :param copy: 0 for the first one with this beginning, then 1, 2, ...
    """

    episode: Episode
    after: np.ndarray | None
    copy: int

    @property
    def facts(self) -> dict[str, Any]:
        """What the metadata say of it."""
        return {'recorded': self.episode.place, 'copy': self.copy}


class SyntheticWriter(Protocol):
    """Where synthetic episodes go."""

    def add(self, item: SyntheticEpisode) -> None:
        """
        Append one.

        :raises HmaError: a number that no model should learn from.
        """
        ...


@contextmanager
def writing_like(
    source: Episodes, at: Path, out: Path, facts: Mapping[str, Any]
) -> Iterator[SyntheticWriter]:
    """
    Write a data set of the format of another; it is there as a whole, or not at all.

    :param at: where the source was opened: its split is that of the new episodes.
    :param out: a new or empty folder; episodes go to ``out/ROBOT/SPLIT/shard_00``.
    :param facts: how the frames were imagined, for the metadata.
    :raises ConfigError: see :func:`check_new`.
    """
    check_new(out)
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{out.name}.', dir=out.parent) as scratch:
        new = Path(scratch, 'new')
        if isinstance(source, ImportedEpisodes):
            opened = _data_set(source, at, new, facts)
        else:
            opened = _folder(source, at, new, facts)
        with opened as writer:
            yield writer
        check_new(out)
        new.rename(out)


def check_new(out: Path) -> None:
    """Refuse a place that holds anything: ConfigError."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ConfigError(
            f'--out: got {out}, which exists, expected a new or empty folder; choose another'
        )


def needs_last_action(source: Episodes) -> bool:
    """Whether the format has an action also of the last frame of an episode."""
    return isinstance(source, ImportedEpisodes)


class _Folder:
    def __init__(self, writer: EpisodeWriter, listed: list[dict[str, Any]]) -> None:
        self._writer, self._listed = writer, listed

    def add(self, item: SyntheticEpisode) -> None:
        self._writer.add(item.episode)
        self._listed.append(item.facts)


@contextmanager
def _folder(
    source: Episodes, at: Path, new: Path, facts: Mapping[str, Any]
) -> Iterator[SyntheticWriter]:
    listed, known = list[dict[str, Any]](), source.metadata
    folder = new / source.embodiment / _split(at) / 'shard_00'
    with EpisodeWriter(
        folder,
        source.embodiment,
        float(known['hz']) * source.stride,
        source.stride,
        known['action_names'],
        known['state_names'],
        {SYNTHETIC: {**facts, 'beginnings': listed}},
    ) as writer:
        yield _Folder(writer, listed)


class _DataSet:
    def __init__(self, writer: LeRobotWriter, listed: list[dict[str, Any]]) -> None:
        self._writer, self._listed = writer, listed

    def add(self, item: SyntheticEpisode) -> None:
        if item.after is None:
            raise ConfigError('after: got None, expected the action of the last frame')
        file, episode = self._writer.begin(), item.episode
        period_ns = NS_PER_S / self._writer.spec.rates.frame_hz
        actions = [*episode.actions, item.after]
        steps = zip(episode.frames, episode.joints, actions, strict=True)
        for index, (frame, joints, chunk) in enumerate(steps):
            stamp_ns = NS_PER_S + round(index * period_ns)
            file.add(Step(stamp_ns, frame, joints, np.asarray(chunk, np.float32)))
        self._writer.end(file, None)
        self._listed.append(item.facts)


@contextmanager
def _data_set(
    source: ImportedEpisodes, at: Path, new: Path, facts: Mapping[str, Any]
) -> Iterator[SyntheticWriter]:
    listed = list[dict[str, Any]]()
    writer = LeRobotWriter(new, source.spec, source.task, source.text)
    yield _DataSet(writer, listed)
    writer.commit(
        {
            'source': {'path': str(at.absolute()), 'sha256': source.fingerprint},
            'is_truncated': False,
            'topics': {},
            'dropped_steps': {},
            'first_drop': None,
            SYNTHETIC: {**facts, 'beginnings': listed},
        }
    )


def imagined_by(synthetic: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say in words what `synthetic` of episodes or of a data set tells."""
    return [
        f'synthetic: after {known["observed"]} true frames each, imagined by {known["bundle"]} '
        f'(manifest {known["manifest_sha256"][:12]}) from {known["source"]}'
        for known in synthetic
    ]


def _split(at: Path) -> str:
    """Name the split of episodes by the folder that was opened and those in it; else train."""
    at = at.resolve()
    shards = [path.parent for path in at.glob('**/metadata.json')]
    # A shard lies in its split.
    home = at.parent if at in shards else at
    return next(iter(splits_below(home.parent, shards)), SPLITS[0])


def continued(
    begun: Episode, frames: np.ndarray, chunks: np.ndarray, joints: np.ndarray
) -> Episode:
    """
    Continue an episode with imagined frames, whose labels are their actions.

    :param begun: a recorded episode, with its first frames alone.
    :param frames: ``uint8[M, H, W, 3]``.
    :param chunks: ``float32[M, stride, A]``, the first executed from the last true frame on.
    :param joints: ``float32[M, J]`` with the imagined frames, rad or m.
    :returns: of the kind ``imagined``, with unknown states of the imagined frames.
    """
    seen = len(begun.frames)
    unknown = np.full((len(frames), begun.states.shape[1]), np.nan, np.float32)
    return replace(
        begun,
        frames=np.concatenate([begun.frames, frames]),
        actions=np.concatenate([begun.actions[: seen - 1], chunks]),
        labels=np.concatenate([begun.labels[: seen - 1], chunks]),
        joints=np.concatenate([begun.joints[:seen], joints]),
        states=np.concatenate([begun.states[:seen], unknown]),
        kind=IMAGINED,
        success=False,
    )
