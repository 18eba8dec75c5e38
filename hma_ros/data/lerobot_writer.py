# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writes a LeRobot v3 data set, source by source; what is committed survives an interruption."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hma_ros.core.atomic_file import write_text
from hma_ros.core.embodiment import EmbodimentSpec, parse_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.json_file import read_json
from hma_ros.core.short_text import counted, first_few, quoted
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.embodiment_difference import differences
from hma_ros.data.lerobot_metadata import journal_locked, write_metadata
from hma_ros.data.outcomes import outcomes_of
from hma_ros.data.running_statistics import RunningStatistics
from hma_ros.data.steps import Step, check_step

_ROW_GROUP = 64


class EpisodeFile:
    """
    One episode on its way to disk; nothing of it counts before :meth:`LeRobotWriter.commit`.

    :param first: index of its first frame in the data set.
    """

    def __init__(self, spec: EmbodimentSpec, folder: Path, episode: int, first: int) -> None:
        self._spec, self._episode, self._first = spec, episode, first
        self.path = layout.data_file(folder, episode)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        pq = layout.load_pyarrow().parquet
        self._schema = layout.schema(spec)
        self._writer = pq.ParquetWriter(self.path, self._schema, compression='snappy')
        self._rows: list[dict[str, Any]] = []
        self.length = 0
        widths = {
            layout.IMAGE: 3,
            layout.STATE: len(spec.state.joints),
            layout.ACTION: spec.rates.stride * len(spec.action.names),
        }
        self.statistics = {key: RunningStatistics(width) for key, width in widths.items()}

    def add(self, step: Step) -> None:
        """
        Append a step.

        :raises MessageError: :func:`check_step` refuses it.
        """
        check_step(self._spec, step, f'{self.path}: step {self.length}')
        actions = step.actions.ravel()
        self.statistics[layout.IMAGE].add(step.frame.reshape(-1, 3) / 255.0)
        self.statistics[layout.STATE].add(step.joints[None])
        self.statistics[layout.ACTION].add(actions[None])
        self._rows.append(
            {
                layout.IMAGE: {'bytes': _png(step.frame), 'path': None},
                layout.STATE: step.joints,
                layout.ACTION: actions,
                'timestamp': self.length / self._spec.rates.frame_hz,
                'frame_index': self.length,
                'episode_index': self._episode,
                'index': self._first + self.length,
                'task_index': 0,
                layout.STAMP: step.stamp_ns,
            }
        )
        self.length += 1
        if len(self._rows) == _ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write the rest and the footer."""
        self._flush()
        self._writer.close()

    def discard(self) -> None:
        """Remove the file."""
        self._writer.close()
        self.path.unlink()

    def _flush(self) -> None:
        if self._rows:
            pa = layout.load_pyarrow()
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows.clear()


@dataclass(frozen=True)
class FinishedEpisode:
    """
    One whole episode file.

    :param success: None if unknown.
    :param statistics: of each column, as in the import file.
    :param goes_on: whether it ends at a gap, and its attempt succeeded after that.
    """

    path: Path
    length: int
    success: bool | None
    statistics: dict[str, Any]
    goes_on: bool = False

    def facts(self) -> dict[str, Any]:
        """Return what the journal says of it."""
        facts = {'length': self.length, 'success': self.success, 'statistics': self.statistics}
        return {**facts, 'goes_on': True} if self.goes_on else facts


class LeRobotWriter:
    """
    A data set to append to.

    An import with another embodiment file can resume if both files agree in what determines the
    data; the data set keeps its file, and ``kept_keys`` names the other keys that differ.

    :param folder: a new folder, or one that an import with such an embodiment file began.
    :param task: what the robot does, in words.
    :param text: of the embodiment file, where it is not at ``spec.path``.
    :raises ConfigError: something else is there.
    """

    def __init__(
        self, folder: Path, spec: EmbodimentSpec, task: str, text: str | None = None
    ) -> None:
        self.folder, self.spec = folder, spec
        if text is None:
            text = Path(spec.path).read_text(encoding='utf-8')
        self._journal: dict[str, Any] = {'embodiment': text, 'task': task, 'sources': []}
        self.kept_keys: list[str] = []
        path, self._is_new = folder / layout.JOURNAL, not folder.exists()
        if path.exists():
            self._journal = read_json(path)
            self._resume(path, text, task)
        elif folder.exists() and any(folder.iterdir()):
            raise ConfigError(f'{folder}: got other files, expected a new folder; choose --out')
        # To be read again: the user may have corrected what made them empty.
        self._fruitless = [item for item in self._journal['sources'] if not item['episodes']]
        self._is_prepared = False
        self.finished: list[FinishedEpisode] = []
        # What an interruption left behind would be read as episodes.
        committed = {layout.data_file(folder, index) for index in range(len(self._episodes))}
        for left in set(folder.glob('data/*/*.parquet')) - committed:
            left.unlink()
        shutil.rmtree(folder / layout.PARTS, ignore_errors=True)

    @property
    def sources(self) -> list[dict[str, Any]]:
        """What was committed so far, without the sources of which nothing was taken before."""
        return [item for item in self._journal['sources'] if not self._is_fruitless(item)]

    @property
    def steps(self) -> int:
        """Committed so far."""
        return sum(item['length'] for item in self._episodes)

    @property
    def outcomes(self) -> list[str]:
        """A word for each episode committed so far, see :func:`outcomes_of`."""
        return outcomes_of(self._journal['sources'])

    @property
    def text(self) -> str:
        """The embodiment file."""
        return str(self._journal['embodiment'])

    @property
    def _episodes(self) -> list[dict[str, Any]]:
        return [item for source in self._journal['sources'] for item in source['episodes']]

    def _resume(self, path: Path, text: str, task: str) -> None:
        """Go on with an import; raises ConfigError if it is of something else."""
        journal = self._journal
        if missing := sorted({'embodiment', 'task', 'sources'} - journal.keys()):
            raise ConfigError(
                f'{path}: got no {", ".join(missing)}, expected the journal of an import'
            )
        if not self._episodes:
            journal.update(embodiment=text, task=task, sources=[])
            return
        if task != journal['task']:
            raise ConfigError(
                f'{path}: task: got {quoted(task)}, expected {quoted(journal["task"])} as in the '
                'import before; give --task, or choose another --out'
            )
        if text != journal['embodiment']:
            first = parse_embodiment(journal['embodiment'], str(path))
            deciding, self.kept_keys = differences(self.spec, first)
            if deciding:
                raise ConfigError(
                    f'{path}: embodiment: {first_few(list(map(str, deciding)), "; ")} as in the '
                    'import before; choose another --out'
                )

    def begin(self) -> EpisodeFile:
        """Start an episode."""
        self.prepare()
        return EpisodeFile(self.spec, self.folder, *self._next())

    def end(self, file: EpisodeFile, success: bool | None) -> None:
        """Finish an episode; ``success`` is None if unknown."""
        file.close()
        statistics = {key: item.facts() for key, item in file.statistics.items()}
        self.finished.append(FinishedEpisode(file.path, file.length, success, statistics))

    def append(self, episodes: Sequence[FinishedEpisode]) -> None:
        """Move the finished episodes of another writer, of the same embodiment, to this folder."""
        self.prepare()
        for item in episodes:
            number, first = self._next()
            path = layout.data_file(self.folder, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            layout.renumber(item.path, path, self.spec, number, first)
            item.path.unlink()
            self.finished.append(replace(item, path=path))

    def take_back(self, count: int) -> None:
        """Remove the last episodes that were finished and not committed."""
        for _ in range(count):
            self.finished.pop().path.unlink()

    def judge(self, count: int, success: bool | None, goes_on: bool = False) -> None:
        """Give the last episodes that were finished and not committed their result."""
        for place in range(len(self.finished) - count, len(self.finished)):
            item = self.finished[place]
            self.finished[place] = replace(item, success=success, goes_on=goes_on)

    def commit(self, facts: dict[str, Any]) -> None:
        """Commit the finished episodes as one source, which ``facts`` describes."""
        self.prepare()
        episodes = [item.facts() for item in self.finished]
        self.finished.clear()
        sources, place = self._journal['sources'], _place(facts)
        with journal_locked(self.folder):
            self._take_over_marks()
            sources[:] = [
                item for item in sources if not self._is_fruitless(item) or _place(item) != place
            ]
            sources.append({**facts, 'episodes': episodes})
            write_metadata(self.folder, self.spec, self._journal)

    def _take_over_marks(self) -> None:
        """Keep what `hma data mark` has said of committed episodes meanwhile."""
        path = self.folder / layout.JOURNAL
        sources = read_json(path)['sources'] if path.exists() else []
        there = [item for item in sources if item['episodes']]
        mine = [item for item in self._journal['sources'] if item['episodes']]
        if len(there) != len(mine):
            raise ConfigError(
                f'{path}: got {counted(len(there), "source")}, expected {len(mine)}: another '
                'import to this folder is under way; run one at a time'
            )
        for own, other in zip(mine, there, strict=True):
            own['episodes'] = other['episodes']

    def remove_if_empty(self) -> None:
        """Remove what was made for an import that has no step."""
        if self._episodes or not (self.folder / layout.JOURNAL).exists():
            return
        for name in ('data', 'meta'):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self._is_prepared = False
        if self._is_new and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _is_fruitless(self, source: dict[str, Any]) -> bool:
        return any(source is item for item in self._fruitless)

    def _next(self) -> tuple[int, int]:
        """Return the number of the next episode, and of its first frame."""
        lengths = [item['length'] for item in self._episodes]
        lengths += [item.length for item in self.finished]
        return len(lengths), sum(lengths)

    def prepare(self) -> None:
        """Write what makes the folder an import that can go on, before anything else is there."""
        if self._is_prepared:
            return
        robot, text = self.spec.name, self._journal['embodiment']
        with journal_locked(self.folder):
            self._take_over_marks()
            write_text(layout.embodiment_file(self.folder, robot), text)
            write_text(self.folder / layout.JOURNAL, json.dumps(self._journal, indent=1))
        self._is_prepared = True


def _place(facts: dict[str, Any]) -> Any:
    return facts.get('source', {}).get('path')


def _png(frame: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(frame).save(file, 'PNG', compress_level=1)
    return file.getvalue()
