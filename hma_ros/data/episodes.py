# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Episodes on disk, in the layout of HMA's raw-image folders with labels beside it.

A folder holds flat binaries over all steps of all its episodes, so that training can map them:

====================  ===========================  ==============================================
file                  dtype, shape                 meaning
====================  ===========================  ==============================================
video.bin             uint8 ``[N, H, W, 3]``       RGB frames
segment_ids.bin       int32 ``[N]``                index of the episode a frame belongs to
actions/actions.bin   float32 ``[N, stride * A]``  chunk executed *from* this frame, physical units
labels.bin            float32 ``[N, stride * A]``  the expert's noiseless chunk at this frame
joints.bin            float32 ``[N, J]``           joint positions [rad or m]
states.bin            float32 ``[N, D]``           privileged state, for the auxiliary loss
metadata.json         object                       names, rates, sizes, one entry per episode
====================  ===========================  ==============================================

The last frame of an episode has no action: its ``actions`` and ``labels`` are NaN, and so are the
``states`` of imagined frames (episodes of the kind ``imagined``).
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import shortened
from hma_ros.data.episode_metadata import (
    FACTS,
    FLAT_FILES,
    IMAGINED,
    SYNTHETIC,
    EpisodeRecord,
    read_metadata,
)
from hma_ros.data.memory_map import map_array


@dataclass(frozen=True)
class Episode:
    """
    One episode of ``T`` steps and ``T + 1`` frames.

    :param frames: ``uint8[T + 1, H, W, 3]`` RGB.
    :param actions: ``float32[T, stride, A]``, executed, physical units.
    :param labels: ``float32[T, stride, A]``, what the expert would have done, physical units.
    :param joints: ``float32[T + 1, J]``.
    :param states: ``float32[T + 1, D]`` privileged simulator state; NaN of imagined frames.
    :param kind: who acted: ``expert``, ``play``, ``random`` or ``policy``; or ``imagined``.
    :param seed: seed that reproduces the episode.
    :param success: whether the task was done at the end.
    :param place: folder and number of the episode, or its file; empty before it is written.
    """

    frames: np.ndarray
    actions: np.ndarray
    labels: np.ndarray
    joints: np.ndarray
    states: np.ndarray
    kind: str
    seed: int
    success: bool
    place: str = ''

    @property
    def steps(self) -> int:
        """Steps, that is frames with an action after them."""
        return len(self.actions)


def in_memory(episode: Episode) -> Episode:
    """Return an episode with its frames decoded to ``uint8[T + 1, H, W, 3]``."""
    return replace(episode, frames=np.stack(list(episode.frames)))


class Episodes(Protocol):
    """Episodes of one embodiment: our folders, or a data set that was imported."""

    @property
    @abstractmethod
    def spec(self) -> EmbodimentSpec:
        """The embodiment file."""
        ...

    @property
    @abstractmethod
    def metadata(self) -> Mapping[str, Any]:
        """``embodiment``, ``hz``, ``stride``, ``action_names`` and ``state_names``."""
        ...

    @property
    def embodiment(self) -> str:
        """Name of the embodiment."""
        return str(self.metadata['embodiment'])

    @property
    def stride(self) -> int:
        """Low-level actions per step."""
        return int(self.metadata['stride'])

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that tell them from others, frames included."""
        ...

    @property
    @abstractmethod
    def synthetic(self) -> Sequence[Mapping[str, Any]]:
        """How frames of some were imagined, by source; empty where all were recorded."""
        ...

    @abstractmethod
    def check_frame_size(self, side: int, of: str) -> None:
        """
        Compare the frames with what is to read them.

        :param side: height and width expected [px].
        :param of: whose size that is, for the error.
        :raises ConfigError: they have another size.
        """
        ...

    @abstractmethod
    def __len__(self) -> int:
        """Count the episodes."""
        ...

    @abstractmethod
    def __iter__(self) -> Iterator[Episode]:
        """Iterate over all episodes; frames are read once they are asked for."""
        ...


class EpisodeWriter:
    """
    Append episodes to a new folder; only after :meth:`close` can it be read.

    :param facts: further keys of ``metadata.json``, with the values that they have at the end.
    """

    def __init__(
        self,
        folder: str | Path,
        embodiment: str,
        control_hz: float,
        stride: int,
        action_names: Sequence[str],
        state_names: Sequence[str],
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self._folder = Path(folder)
        if (self._folder / 'metadata.json').exists():
            raise ConfigError(f'{self._folder}: already holds episodes; expected a new folder')
        (self._folder / 'actions').mkdir(parents=True, exist_ok=True)
        self._facts = {
            'embodiment': embodiment,
            'control_hz': control_hz,
            'stride': stride,
            'hz': control_hz / stride,
            'action_names': list(action_names),
            'state_names': list(state_names),
            'encoder_type': 'raw',
            'token_dtype': 'uint8',
            **(facts or {}),
        }
        self._files: dict[str, BinaryIO] = {
            name: (self._folder / name).open('wb') for name in FLAT_FILES
        }
        self._records: list[EpisodeRecord] = []
        self._frames = 0
        self._shapes: dict[str, tuple[int, ...]] = {}

    def add(self, episode: Episode) -> None:
        """
        Append one episode.

        :raises ConfigError: its sizes differ from the folder's, or a number is not finite.
        """
        _check_finite(self._folder, len(self._records), episode)
        steps = episode.steps
        blank = np.full((1, episode.actions[0].size), np.nan, np.float32)
        arrays: dict[str, np.ndarray] = {
            'video.bin': np.ascontiguousarray(episode.frames, np.uint8),
            'segment_ids.bin': np.full(steps + 1, len(self._records), np.int32),
            'actions/actions.bin': np.concatenate([_flat(episode.actions), blank]),
            'labels.bin': np.concatenate([_flat(episode.labels), blank]),
            'joints.bin': episode.joints,
            'states.bin': episode.states,
        }
        for name, array in arrays.items():
            self._check(name, array, steps)
        for name, array in arrays.items():
            data = array if array.dtype.kind in 'iu' else array.astype(np.float32)
            self._files[name].write(data.tobytes())
        self._records.append(
            EpisodeRecord(
                self._frames, steps, episode.kind, int(episode.seed), bool(episode.success)
            )
        )
        self._frames += steps + 1

    def close(self) -> None:
        """Write ``metadata.json`` and close the files."""
        self._close_files()
        shapes = {name: list(shape) for name, shape in self._shapes.items()}
        facts = {
            **self._facts,
            'num_images': self._frames,
            'shapes': shapes,
            'episodes': [asdict(record) for record in self._records],
        }
        (self._folder / 'metadata.json').write_text(json.dumps(facts, indent=1))

    def __enter__(self) -> EpisodeWriter:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the folder; after an error it stays without metadata, and cannot be read."""
        if kind is None:
            self.close()
        else:
            self._close_files()

    def _close_files(self) -> None:
        for file in self._files.values():
            file.close()

    def _check(self, name: str, array: np.ndarray, steps: int) -> None:
        if len(array) != steps + 1:
            raise ConfigError(
                f'{self._folder / name}: episode has {len(array)} entries, expected {steps + 1}'
            )
        expected = self._shapes.setdefault(name, array.shape[1:])
        if array.shape[1:] != expected:
            raise ConfigError(
                f'{self._folder / name}: shape {array.shape[1:]}, expected {expected}'
            )


class EpisodeDataset(Episodes):
    """
    Read-only view of one embodiment's episodes over any number of folders.

    :param folders: folders written by :class:`EpisodeWriter`.
    :raises ConfigError: no folder, an unreadable one, or folders that are not of one robot.
    """

    def __init__(self, folders: Sequence[str | Path]) -> None:
        if not folders:
            raise ConfigError('folders: got none, expected at least one')
        first, *others = self._parts = [_Folder(Path(folder)) for folder in folders]
        for part in others:
            if difference := next(part.differences(first), None):
                raise ConfigError(f'{part.folder}: {difference}; move it away')
        self._index = [
            (part, number) for part in self._parts for number in range(len(part.records))
        ]

    @property
    def spec(self) -> EmbodimentSpec:
        """The embodiment file; raises EmbodimentError where there is none of that name."""
        return load_embodiment(self.embodiment)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """See :class:`Episodes`."""
        return self._parts[0].metadata

    @property
    def frame_size(self) -> tuple[int, ...]:
        """Height and width of the frames [px], if there are any."""
        return self._parts[0].frame_size

    def check_frame_size(self, side: int, of: str) -> None:
        """See :class:`Episodes`."""
        if self.frame_size not in ((), (side, side)):
            raise ConfigError(
                f'{self._parts[0].folder}: frames: got {list(self.frame_size)}, expected '
                f'{[side, side]} (size of {of}); record them again with camera.resize '
                f'{[side, side]}, or choose another'
            )

    @cached_property
    def fingerprint(self) -> str:
        """See :class:`Episodes`."""
        digest = hashlib.sha256(self.embodiment.encode())
        for item in self:
            for array in (item.frames, item.actions, item.labels, item.joints, item.states):
                digest.update(array.tobytes())
        return digest.hexdigest()[:12]

    @property
    def synthetic(self) -> list[Mapping[str, Any]]:
        """See :class:`Episodes`."""
        return [part.metadata[SYNTHETIC] for part in self._parts if SYNTHETIC in part.metadata]

    @property
    def records(self) -> list[EpisodeRecord]:
        """One record per episode, in order."""
        return [part.records[number] for part, number in self._index]

    def __len__(self) -> int:
        """Count the episodes."""
        return len(self._index)

    def __getitem__(self, index: int) -> Episode:
        """
        Return one episode; frames stay memory-mapped.

        :raises ConfigError: a number is not finite.
        """
        part, number = self._index[index]
        return part.read(number)

    def __iter__(self) -> Iterator[Episode]:
        """Iterate over all episodes."""
        return (self[index] for index in range(len(self)))


class _Folder:
    """One memory-mapped folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metadata, self.records = read_metadata(folder / 'metadata.json')
        count = self.metadata['num_images']
        self._arrays = {
            name: _map(folder / name, count, self.metadata['shapes'][name])
            for name in FLAT_FILES
            if count
        }

    @property
    def frame_size(self) -> tuple[int, ...]:
        video = self._arrays.get('video.bin')
        return () if video is None else video.shape[1:3]

    def differences(self, other: _Folder) -> Iterator[str]:
        """Say what keeps these episodes and others from being one data set."""
        mine, theirs = ({key: one.metadata[key] for key in FACTS} for one in (self, other))
        mine['frames'], theirs['frames'] = list(self.frame_size), list(other.frame_size)
        for key, got in mine.items():
            if got != theirs[key]:
                expected = f'{shortened(theirs[key])} as in {other.folder}'
                yield f'{key}: got {shortened(got)}, expected {expected}'

    def read(self, number: int) -> Episode:
        record = self.records[number]
        frames = slice(record.start, record.start + record.steps + 1)
        steps = slice(record.start, record.start + record.steps)
        chunk = (record.steps, self.metadata['stride'], len(self.metadata['action_names']))
        episode = Episode(
            frames=self._arrays['video.bin'][frames],
            actions=self._arrays['actions/actions.bin'][steps].reshape(chunk),
            labels=self._arrays['labels.bin'][steps].reshape(chunk),
            joints=self._arrays['joints.bin'][frames],
            states=self._arrays['states.bin'][frames],
            kind=record.kind,
            seed=record.seed,
            success=record.success,
            place=f'{self.folder}: episode {number}',
        )
        _check_finite(self.folder, number, episode)
        return episode


def _check_finite(folder: Path, number: int, episode: Episode) -> None:
    """Refuse what would make every weight nan; raises ConfigError naming episode and step."""
    for what in ('actions', 'labels', 'joints', 'states'):
        values = getattr(episode, what)
        is_unknown = what == 'states' and episode.kind == IMAGINED
        broken = np.argwhere(np.isinf(values) if is_unknown else ~np.isfinite(values))
        if len(broken):
            place = tuple(broken[0])
            raise ConfigError(
                f'{folder}: episode {number}: step {place[0]}: {what}: got {values[place]}, '
                'expected a finite number; remove the episode or record it again'
            )


def _flat(chunks: np.ndarray) -> np.ndarray:
    return chunks.reshape(len(chunks), -1)


def _map(path: Path, count: int, shape: Sequence[int]) -> np.ndarray:
    dtype = {'video.bin': np.uint8, 'segment_ids.bin': np.int32}.get(path.name, np.float32)
    return map_array(path, dtype, (count, *shape))
