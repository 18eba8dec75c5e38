# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Reads LeRobot data sets of others, v2.1 and v3, and says what is wrong with them.

Their Parquet files hold many episodes (v3) or one (v2.1); frames are in videos, or in the rows.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.errors import ConfigError, MessageError
from hma_ros.core.json_file import read_json
from hma_ros.core.short_text import first_few, quoted, shortened
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.episode_metadata import SYNTHETIC
from hma_ros.data.episode_source import ACTION, STATE, Feature, Rgb, SourceFrame
from hma_ros.data.lerobot_episodes import SourceEpisode, episodes_of
from hma_ros.data.video_frames import video_frames

VERSIONS = ('v2.1', 'v3.0')
SUCCESS = 'next.success'
# Of a frame's time; the float32 of an hour is less exact than 1e-4.
_TOLERANCE_S = 1e-3
_PLACE = re.compile(r'\{(\w+)(?::0?\d)?d?\}')


class LeRobotSource:
    """
    A data set of somebody else.

    :param folder: with ``meta/info.json``.
    :param state: features that make up the state, in order.
    :param action: features that make up the action, in order.
    :raises ConfigError: another version, or facts that contradict each other.
    """

    pattern = '*'

    def __init__(
        self,
        folder: Path,
        state: tuple[str, ...] = (STATE,),
        action: tuple[str, ...] = (ACTION,),
    ) -> None:
        self._keys = {STATE: state, ACTION: action}
        self.folder, self._info_path = folder, folder / layout.INFO
        self.info = read_json(self._info_path)
        version = self.info.get('codebase_version')
        if version not in VERSIONS:
            raise self._wrong('codebase_version', quoted(version), ' or '.join(VERSIONS))
        self._check_recorded()
        self.is_v3 = version == VERSIONS[1]
        self.fps = self._fps()
        self.features = self._features()
        self.episodes = episodes_of(folder, self.info, self.is_v3)

    @property
    def options(self) -> dict[str, Any]:
        """What the import depends on beside the files, by option of the command."""
        return {
            f'{option}-key': '' if self._keys[of] == (of,) else ','.join(self._keys[of])
            for option, of in (('state', STATE), ('action', ACTION))
        }

    @property
    def rate_label(self) -> str:
        """Where the rate was declared, for errors."""
        return f'{self._info_path}: fps'

    def parts(self) -> Iterator[LeRobotSource]:
        """Yield the data set with one episode each."""
        for episode in self.episodes:
            part = copy(self)
            part.episodes = [episode]
            yield part

    def label(self, key: str) -> str:
        """Return file and name of a feature, for errors."""
        return f'{self._info_path}: features.{",".join(self._keys.get(key, (key,)))}'

    def cameras(self) -> list[str]:
        """Return the keys of the images."""
        return [key for key, item in self.features.items() if item.dtype in ('image', 'video')]

    def feature(self, key: str) -> Feature:
        """Return an image, the state or the action; raises ConfigError where there is none."""
        if key not in self._keys:
            return self.features[key]
        parts = [self._vector(name, key) for name in self._keys[key]]
        if len(parts) == 1:
            return parts[0]
        names = [name for part in parts for name in part.names]
        width = sum(part.shape[0] for part in parts)
        is_named = all(part.names for part in parts) and len(set(names)) == width
        return Feature(parts[0].dtype, (width,), tuple(names) if is_named else ())

    def frames(
        self, episode: SourceEpisode, camera: str, columns: tuple[str, ...]
    ) -> Iterator[SourceFrame]:
        """
        Yield the frames of an episode.

        :param camera: key of the images.
        :param columns: keys of the vectors.
        :raises ConfigError: a table is missing or contradicts the metadata.
        :raises MessageError: the images of this episode are missing or broken.
        """
        path = self._file('data_path', episode.data, video_key=camera)
        is_video = self.features[camera].dtype == 'video'
        stored = [name for key in columns for name in self._keys[key]]
        wanted = list(dict.fromkeys(['episode_index', 'frame_index', 'timestamp', *stored]))
        table = self._table(path, episode, [*wanted, *([] if is_video else [camera])])
        self._check_times(path, table)
        vectors = {
            key: np.concatenate([self._vectors(path, table, name) for name in self._keys[key]], 1)
            for key in columns
        }
        pictures = self._pictures(episode, camera, table)
        for index in range(episode.length):
            read = next(pictures)
            yield SourceFrame({key: vectors[key][index] for key in columns}, read)

    def success(self, episode: SourceEpisode) -> bool | None:
        """Return whether an episode succeeded; None where the data set does not say it."""
        if episode.success is not None or SUCCESS not in self.features:
            return episode.success
        path = self._file('data_path', episode.data)
        table = self._table(path, episode, ['episode_index', SUCCESS])
        last = table.column(SUCCESS).to_pylist()[-1]
        return bool(last[0] if isinstance(last, list) else last)

    def _check_recorded(self) -> None:
        """Refuse a data set of ours whose frames a world model imagined."""
        journal = self.folder / layout.JOURNAL
        sources = read_json(journal).get('sources', ()) if journal.is_file() else ()
        if any(source.get(SYNTHETIC) for source in sources):
            raise ConfigError(
                f'{journal}: got imagined frames, expected recorded ones; give {self.folder} '
                'itself to --data of hma finetune'
            )

    def _fps(self) -> float:
        rate = self.info.get('fps')
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1000:
            raise self._wrong('fps', quoted(rate), 'a rate of at most 1000 per second')
        return float(rate)

    def _features(self) -> dict[str, Feature]:
        content = self.info.get('features')
        if not isinstance(content, dict):
            raise self._wrong('features', quoted(content), 'a mapping')
        found = {}
        for key, item in content.items():
            shape = item.get('shape') if isinstance(item, dict) else None
            if not isinstance(shape, list) or not all(isinstance(size, int) for size in shape):
                raise self._wrong(f'features.{key}', quoted(item), 'dtype, shape and names')
            found[key] = Feature(str(item.get('dtype')), tuple(shape), _names(item.get('names')))
        return found

    def _vector(self, name: str, of: str) -> Feature:
        feature = self.features.get(name)
        if feature is not None and (len(feature.shape) == 1 or len(self._keys[of]) == 1):
            return feature
        there = [key for key, item in self.features.items() if item.dtype.startswith('float')]
        got = f'{first_few(sorted(there)) or "no vectors"}'
        if feature is not None:
            got = f'the shape {list(feature.shape)}'
        option = '--state-key' if of == STATE else '--action-key'
        what = 'features' if feature is None else f'features.{name}'
        expected = name if feature is None else 'a vector'
        raise self._wrong(what, got, f'{expected}; choose with {option}')

    def _file(self, template: str, places: dict[str, int], video_key: str = '') -> Path:
        text = self.info.get(template)
        known = {**places, 'video_key': video_key}
        names = set(_PLACE.findall(text)) if isinstance(text, str) else set()
        rest = _PLACE.sub('', text) if isinstance(text, str) else '{'
        if '{' in rest or '}' in rest or not names <= set(known):
            raise self._wrong(template, quoted(text), f'a path with {", ".join(sorted(known))}')
        name = PurePosixPath(str(text).format(**known))
        if name.is_absolute() or '..' in name.parts:
            raise self._wrong(template, quoted(text), 'a path within the data set')
        return self.folder / name

    def _table(self, path: Path, episode: SourceEpisode, columns: list[str]) -> Any:
        pq = layout.load_pyarrow().parquet
        if not path.is_file():
            raise ConfigError(
                f'{path}: got no file, expected the frames of episode {episode.index} (data_path '
                f'of {self._info_path})'
            )
        try:
            present = set(pq.read_schema(path).names)
            missing = [key for key in columns if key not in present]
            if not missing:
                only = [('episode_index', '=', episode.index)]
                table = pq.read_table(path, columns=columns, filters=only)
        # Arrow raises exceptions of many kinds on a broken file.
        except Exception as error:
            raise ConfigError(f'{path}: got {shortened(error)}, expected Parquet') from error
        if missing:
            raise ConfigError(
                f'{path}: got the columns {first_few(sorted(present))}, expected '
                f'{", ".join(missing)} as well'
            )
        if len(table) != episode.length:
            raise ConfigError(
                f'{path}: episode {episode.index}: got {len(table)} frames, expected '
                f'{episode.length} of the metadata'
            )
        return table

    def _check_times(self, path: Path, table: Any) -> None:
        numbers = np.asarray(table.column('frame_index').to_pylist(), np.float64)
        times = np.asarray(table.column('timestamp').to_pylist(), np.float64)
        expected = np.arange(len(table))
        for what, got, wanted, most in (
            ('frame_index', numbers, expected, 0.0),
            ('timestamp', times, expected / self.fps, _TOLERANCE_S),
        ):
            wrong = np.flatnonzero(~(np.abs(got - wanted) <= most))
            if wrong.size:
                place = int(wrong[0])
                raise ConfigError(
                    f'{path}: {what} of frame {place}: got {got[place]:g}, expected '
                    f'{wanted[place]:g} at {self.fps:g} per second'
                )

    def _vectors(self, path: Path, table: Any, key: str) -> NDArray[np.float64]:
        shape = self.features[key].shape
        try:
            values = np.asarray(table.column(key).to_pylist(), np.float64)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f'{path}: {key}: got {shortened(error)}, expected numbers {list(shape)}'
            ) from error
        if values.ndim == 1 and shape == (1,):
            values = values[:, None]
        if values.shape != (len(table), *shape):
            raise ConfigError(
                f'{path}: {key}: got {list(values.shape[1:])}, expected {list(shape)} of '
                f'{self._info_path}'
            )
        return values

    def _pictures(
        self, episode: SourceEpisode, camera: str, table: Any
    ) -> Iterator[Callable[[], Rgb]]:
        if self.features[camera].dtype == 'video':
            places, start_s = episode.videos.get(camera, (episode.data, 0.0))
            path = self._file('video_path', places, camera)
            if not path.is_file():
                raise self._no_video(path)
            yield from video_frames(path, start_s, episode.length, self.fps)
            return
        for index, item in enumerate(table.column(camera).to_pylist()):
            yield lambda item=item, index=index: self._image(item, episode, index)  # type: ignore[misc]

    def _no_video(self, path: Path) -> MessageError:
        text = f'{path}: got no file, expected a video (video_path of {self._info_path})'
        top = self.folder / path.relative_to(self.folder).parts[0]
        if not top.exists():
            there = sorted(item.name for item in self.folder.iterdir() if item.is_dir())
            text += (
                f'; got the folders {first_few(there)}, expected {top.name}: rename or fetch it'
            )
        return MessageError(text)

    def _image(self, item: Any, episode: SourceEpisode, index: int) -> Rgb:
        from PIL import Image

        try:
            data = item['bytes']
            if data is None:
                name = PurePosixPath(item['path'])
                if name.is_absolute() or '..' in name.parts:
                    raise ValueError(f'a path {quoted(item["path"])}')
                data = (self.folder / name).read_bytes()
            return np.array(Image.open(io.BytesIO(data)).convert('RGB'), np.uint8)
        # Pillow raises exceptions of many kinds on a broken image.
        except Exception as error:
            raise MessageError(
                f'{self.folder}: episode {episode.index}: image {index}: got '
                f'{shortened(error)}, expected an image'
            ) from error

    def _wrong(self, what: str, got: str, expected: str) -> ConfigError:
        return ConfigError(f'{self._info_path}: {what}: got {got}, expected {expected}')


def _names(value: Any) -> tuple[str, ...]:
    """Return the names of a feature; v2.1 may have one more key or list around them."""
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return ()
    return tuple(value)
