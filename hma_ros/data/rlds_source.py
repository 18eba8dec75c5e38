# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Reads RLDS data sets of TensorFlow Datasets, such as those of Open X-Embodiment.

A record is an episode. Of each step it holds ``steps/NAME``, all steps in one list. By the
definition of RLDS, the action of the step that ``is_last`` means nothing: that step is left out.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.errors import ConfigError, MessageError
from hma_ros.core.short_text import first_few, quoted, shortened
from hma_ros.data.episode_source import ACTION, STATE, Feature, Rgb, SourceFrame
from hma_ros.data.rlds_features import FEATURES, IMAGE, TENSOR, step_features
from hma_ros.data.tfrecords import Example, parse_example, records

STATE_KEY, ACTION_KEY = 'observation/state', 'action'
_SHARD = re.compile(r'-(?P<split>[^-]+)\.tfrecord-(?P<index>\d{5})-of-(?P<count>\d{5})$')
_KEYS = (('state', STATE), ('action', ACTION))
_SUCCESS = 'episode_metadata/success'


@dataclass(frozen=True)
class RldsEpisode:
    """
    One record.

    :param label: its file and number.
    :param record: its data, or why there is none.
    """

    label: str
    record: bytes | MessageError

    @cached_property
    def example(self) -> Example:
        """Its features; raises MessageError if it is damaged."""
        if isinstance(self.record, MessageError):
            raise self.record
        return parse_example(self.record, self.label)


class RldsSource:
    """
    A data set of somebody else.

    :param folder: of one version, with ``features.json``.
    :param fps: steps per second, which RLDS does not say.
    :param state: features that make up the state, such as ``observation/state``, one behind the
        other.
    :param action: likewise the action.
    :param split: such as ``train``.
    :raises ConfigError: no such data set or split, files of two, or a feature that is no vector of
        numbers.
    """

    rate_label = '--fps'

    def __init__(
        self,
        folder: Path,
        fps: float,
        state: tuple[str, ...] = (STATE_KEY,),
        action: tuple[str, ...] = (ACTION_KEY,),
        split: str = 'train',
    ) -> None:
        self.folder, self.fps, self.split = folder, fps, split
        self._keys = {STATE: state, ACTION: action}
        self._features = step_features(folder)
        self._shards = self._find_shards()

    @property
    def pattern(self) -> str:
        """Glob pattern of its files."""
        return f'*-{self.split}.tfrecord-*'

    @property
    def options(self) -> dict[str, Any]:
        """What its frames depend on beside its files, by the names of the command's options."""
        keys = {f'{key}-key': ','.join(self._keys[of]) for key, of in _KEYS}
        return {'fps': float(self.fps), **keys}

    @property
    def episodes(self) -> Iterator[RldsEpisode]:
        """Read the episodes, one at a time; an absent file is one that cannot be read."""
        for path in self._shards:
            if not path.is_file():
                missing = MessageError('got no such file, expected a part of the split')
                yield RldsEpisode(str(path.name), missing)
                continue
            for number, record in enumerate(records(path)):
                yield RldsEpisode(f'{path.name}: record {number}', record)

    def parts(self) -> Iterator[RldsSource]:
        """Yield the data set with one file each."""
        for shard in self._shards:
            part = copy(self)
            part._shards = [shard]
            yield part

    def cameras(self) -> list[str]:
        """Return the keys of the images."""
        return [key for key, item in self._features.items() if item.kind == IMAGE]

    def feature(self, key: str) -> Feature:
        """Return an image, the state or the action; raises ConfigError if it is unusable."""
        if key in self._keys:
            width = sum(self._width(name) for name in self._keys[key])
            return Feature('float64', (width,), ())
        return Feature(IMAGE, self._features[key].shape, ())

    def label(self, key: str) -> str:
        """Return file and name of a feature, for errors."""
        return f'{self.folder / FEATURES}: {",".join(self._keys.get(key, (key,)))}'

    def frames(
        self, episode: RldsEpisode, camera: str, columns: tuple[str, ...]
    ) -> Iterator[SourceFrame]:
        """
        Yield the frames of an episode.

        :raises MessageError: the record is damaged, or its lists have other lengths.
        """
        images = _values(episode, camera)
        count = len(images)
        vectors = {key: self._vectors(episode, key, count) for key in columns}
        if count and ACTION in columns and self._ends(episode, count):
            count -= 1
        for index in range(count):
            read = _reader(images[index], f'{episode.label}: {camera} of step {index}')
            yield SourceFrame({key: vectors[key][index] for key in columns}, read)

    def success(self, episode: RldsEpisode) -> bool | None:
        """Return ``episode_metadata/success``; None where there is none."""
        values = episode.example.get(_SUCCESS, ())
        return bool(values[0]) if len(values) == 1 else None

    def _find_shards(self) -> list[Path]:
        """Return all files of the split, those that are missing too."""
        names = [path.name for path in sorted(self.folder.glob('*.tfrecord*'))]
        found = {name: match for name in names if (match := _SHARD.search(name))}
        splits = {match['split'] for match in found.values()}
        if self.split not in splits:
            raise ConfigError(
                f'{self.folder}: --split: got {quoted(self.split)}, expected one of '
                f'{first_few(sorted(splits)) or "NAME-SPLIT.tfrecord-00000-of-00001"}'
            )
        mine = {name: match for name, match in found.items() if match['split'] == self.split}
        parts = {(name[: match.start('index')], match['count']) for name, match in mine.items()}
        if len(parts) > 1:
            got = first_few(sorted(f'{stem}*-of-{count}' for stem, count in parts))
            raise ConfigError(
                f'{self.folder}: got {got}, expected the files of one data set; move the others'
            )
        ((stem, count),) = parts
        names = [f'{stem}{index:05d}-of-{count}' for index in range(int(count))]
        return [self.folder / name for name in names]

    def _width(self, key: str) -> int:
        feature = self._features.get(key)
        there = [name for name, item in self._features.items() if item.kind == TENSOR]
        if feature is None or feature.kind != TENSOR or len(feature.shape) > 1:
            got = 'no such feature' if feature is None else f'{feature.dtype}{list(feature.shape)}'
            raise ConfigError(
                f'{self.folder / FEATURES}: {key}: got {got}, expected a vector of numbers, such '
                f'as {first_few(there) or "observation/state"}'
            )
        if feature.shape and feature.shape[0] < 1:
            raise ConfigError(
                f'{self.folder / FEATURES}: {key}: got an open length, expected a fixed one'
            )
        return feature.shape[0] if feature.shape else 1

    def _vectors(self, episode: RldsEpisode, key: str, count: int) -> NDArray[np.float64]:
        """Return the vectors of all steps, ``float64[count, width]``."""
        parts = []
        for name in self._keys[key]:
            width, values = self._width(name), _values(episode, name)
            if len(values) != count * width or isinstance(values[0] if count else 0, bytes):
                raise MessageError(
                    f'{name}: got {len(values)} values, expected {count} steps x {width} numbers'
                )
            parts.append(np.array(values, np.float64).reshape(count, width))
        return np.concatenate(parts, axis=1)

    def _ends(self, episode: RldsEpisode, count: int) -> bool:
        """Tell whether the last step is marked as such; none before it may be."""
        flags = episode.example.get('steps/is_last', ())
        marked = [index for index, flag in enumerate(flags) if flag]
        if len(flags) not in (0, count) or marked not in ([], [count - 1]):
            raise MessageError(
                f'is_last: got {len(flags)} flags, set at {first_few([str(i) for i in marked])}, '
                f'expected {count}, set at {count - 1} alone'
            )
        return bool(marked)


def _values(episode: RldsEpisode, key: str) -> Any:
    values = episode.example.get(f'steps/{key}')
    if values is None:
        there = sorted(name.removeprefix('steps/') for name in episode.example)
        raise MessageError(f'{key}: got {first_few(there) or "no feature"}, expected it as well')
    return values


def _reader(data: Any, where: str) -> Callable[[], Rgb]:
    def read() -> Rgb:
        from PIL import Image

        try:
            return np.array(Image.open(io.BytesIO(data)).convert('RGB'), np.uint8)
        # Pillow raises exceptions of many kinds on a broken image.
        except Exception as error:
            raise MessageError(f'{where}: got {shortened(error)}, expected an image') from error

    return read
