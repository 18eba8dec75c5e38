# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Reads the data sets that :mod:`hma_ros.data.lerobot_writer` writes, and checks each step."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError, HmaError
from hma_ros.core.json_file import read_json
from hma_ros.core.short_text import quoted, shortened
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.episode_metadata import SYNTHETIC
from hma_ros.data.outcomes import outcomes_of
from hma_ros.data.steps import Step, check_numbers, check_step

Read = TypeVar('Read')


class LeRobotData:
    """
    A data set of one robot, imported by ``hma data import``.

    ``outcomes`` has a word for each episode, see :func:`outcomes_of`;
    ``are_imagined`` says of which a world model imagined frames, ``synthetic`` how, by source.

    :param folder: its folder.
    :raises ConfigError: no such data set, or names, rate or sizes that differ from its embodiment.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if (folder / layout.JOURNAL).is_file() and not (folder / layout.INFO).is_file():
            raise ConfigError(
                f'{folder}: got an unfinished import, expected a data set; run the same hma data '
                'import again'
            )
        self.info = read_json(folder / layout.INFO)
        self.journal = read_json(folder / layout.JOURNAL)
        robot = str(self.info.get('robot_type'))
        self.spec = load_embodiment(layout.embodiment_file(folder, robot))
        rate = self.spec.rates.frame_hz
        self._check('codebase_version', self.info.get('codebase_version'), layout.VERSION)
        self._check('fps', self.info.get('fps'), int(rate) if rate == int(rate) else rate)
        for key, feature in layout.features(self.spec).items():
            self._check(f'features.{key}', self.info.get('features', {}).get(key), feature)
        sources = self.journal['sources']
        self.episodes: list[dict[str, Any]] = [
            item for source in sources for item in source['episodes']
        ]
        self.outcomes = outcomes_of(sources)
        self.synthetic: list[dict[str, Any]] = [
            source[SYNTHETIC] for source in sources if source.get(SYNTHETIC)
        ]
        self.are_imagined = [
            bool(source.get(SYNTHETIC)) for source in sources for _ in source['episodes']
        ]

    def __len__(self) -> int:
        """Count the episodes."""
        return len(self.episodes)

    def steps(self, episode: int) -> Iterator[Step]:
        """
        Yield the steps of one episode.

        :raises ConfigError: the file is missing or broken.
        :raises MessageError: a step that :func:`check_step` refuses.
        """
        yield from self._rows(episode, None, self._step)

    def numbers(self, episode: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """
        Read one episode without its frames.

        :returns: joints ``float32[T, J]`` in rad or m; actions ``float32[T, stride, A]`` in units.
        :raises ConfigError: the file is missing or broken.
        :raises MessageError: a step that :func:`check_numbers` refuses.
        """
        columns = [layout.STATE, layout.ACTION]
        joints, actions = zip(*self._rows(episode, columns, self._numbers), strict=True)
        return np.stack(joints), np.stack(actions)

    def _rows(
        self, episode: int, columns: list[str] | None, read: Callable[[dict[str, Any], str], Read]
    ) -> Iterator[Read]:
        """Yield what `read` makes of each step and of where it is, which errors name."""
        path = layout.data_file(self.folder, episode)
        count = 0
        try:
            with layout.load_pyarrow().parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=64, columns=columns):
                    for row in batch.to_pylist():
                        yield read(row, f'{path}: step {count}')
                        count += 1
        except HmaError:
            raise
        # Arrow and Pillow raise exceptions of many kinds on a broken file.
        except Exception as error:
            raise ConfigError(
                f'{path}: got {shortened(error)}, expected the steps of episode {episode}'
            ) from error
        if count != self.episodes[episode]['length']:
            raise ConfigError(
                f'{path}: got {count} steps, expected {self.episodes[episode]["length"]}'
            )

    def _chunk(self, row: dict[str, Any]) -> NDArray[np.float32]:
        shape = (self.spec.rates.stride, len(self.spec.action.names))
        return np.asarray(row[layout.ACTION], np.float32).reshape(shape)

    def _numbers(
        self, row: dict[str, Any], where: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        joints, actions = np.asarray(row[layout.STATE], np.float32), self._chunk(row)
        check_numbers(self.spec, joints, actions, where)
        return joints, actions

    def _step(self, row: dict[str, Any], where: str) -> Step:
        from PIL import Image

        step = Step(
            row[layout.STAMP],
            np.array(Image.open(io.BytesIO(row[layout.IMAGE]['bytes'])).convert('RGB'), np.uint8),
            np.asarray(row[layout.STATE], np.float32),
            self._chunk(row),
        )
        check_step(self.spec, step, where)
        return step

    def _check(self, what: str, got: Any, expected: Any) -> None:
        if got != expected:
            raise ConfigError(
                f'{self.folder / layout.INFO}: {what}: got {quoted(got)}, expected '
                f'{quoted(expected)} of {self.spec.name}'
            )
