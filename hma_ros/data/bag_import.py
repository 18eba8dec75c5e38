# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Bags to episodes of a data set.

Where the operator marked episodes, what lies between ``begin`` and the next mark is one; elsewhere
the whole bag is. A step that was dropped ends an episode, so that steps within one are always a
frame period apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hma_ros.core.embodiment import EmbodimentSpec, parse_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.topics import (
    CLOCK_TOPIC,
    EMBODIMENT_KEY,
    EPISODE_TOPIC,
    NAMESPACE_KEY,
    needed_topics,
)
from hma_ros.data.bag_custom_data import custom_data
from hma_ros.data.bag_messages import BagMessages
from hma_ros.data.bag_steps import EXECUTED_TOPIC, BagSteps, Mark
from hma_ros.data.lerobot_writer import EpisodeFile, LeRobotWriter
from hma_ros.data.steps import Step

# Shorter pieces teach nothing: a window needs a step and the next.
_FEWEST = 2


@dataclass(frozen=True)
class ImportedBag:
    """
    What one bag gave.

    :param facts: counts for each topic, dropped steps with their reasons, origins of the actions.
    """

    path: str
    episodes: int
    steps: int
    is_new: bool
    facts: dict[str, Any]


def import_bag(path: Path, writer: LeRobotWriter, namespace: str | None = None) -> ImportedBag:
    """
    Append the episodes of a bag; one that was imported already is skipped.

    :param namespace: of the robot's topics in the bag; by default what the bag says of itself.
    :raises ConfigError: the bag cannot be read, or lacks a topic of the embodiment.
    """
    identity = _identity(path)
    for source in writer.sources:
        if source['source'] == identity:
            steps = sum(item['length'] for item in source['episodes'])
            return ImportedBag(str(path), len(source['episodes']), steps, False, source)
    if namespace is None:
        namespace = custom_data(path).get(NAMESPACE_KEY, '')
    with BagMessages(path) as bag:
        names = bag_topics(writer.spec, bag.topics, namespace, str(path))
        reader = BagSteps(writer.spec, names, str(path))
        episodes = _Episodes(writer, bag.count(names.get(EPISODE_TOPIC, '')) > 0)
        for recorded in bag.messages(list(names.values())):
            for item in reader.feed(recorded):
                episodes.take(item)
        for item in reader.close():
            episodes.take(item)
        episodes.close()
        facts = {
            'source': identity,
            'is_truncated': bag.is_truncated,
            'topics': {name: item.facts() for name, item in reader.counts.items()},
            'dropped_steps': dict(reader.dropped),
            'first_drop': reader.first_drop,
            'outside_episodes': episodes.outside,
            'origins': dict(reader.origins),
        }
    writer.commit(facts)
    return ImportedBag(str(path), episodes.count, episodes.steps, True, facts)


def bag_embodiment(paths: Sequence[Path]) -> tuple[EmbodimentSpec, str]:
    """
    Return the embodiment that bags hold, and the text of its file.

    :raises ConfigError: a bag holds none, or another one than the first.
    """
    texts = {path: custom_data(path).get(EMBODIMENT_KEY) for path in paths}
    first = paths[0]
    for path, text in texts.items():
        if text is None:
            raise ConfigError(
                f'{path}: got a bag without an embodiment file in its metadata, expected one of '
                'hma record; give --embodiment'
            )
        if text != texts[first]:
            raise ConfigError(
                f'{path}: embodiment: got another file than that of {first}, expected the same; '
                'import it to another --out'
            )
    text = texts[first] or ''
    return parse_embodiment(text, str(first)), text


def bag_topics(
    spec: EmbodimentSpec, present: dict[str, str], namespace: str, where: str
) -> dict[str, str]:
    """
    Find the topics of an embodiment in a bag.

    :param present: the bag's topics.
    :returns: name in the bag of each topic that is there.
    :raises ConfigError: one without which there is no step is absent; the text lists those there.
    """
    needed = needed_topics(spec)
    wanted = [*needed, EXECUTED_TOPIC, EPISODE_TOPIC, CLOCK_TOPIC]
    resolved = {name: _resolved(name, namespace) for name in dict.fromkeys(wanted)}
    missing = [resolved[name] for name in needed if resolved[name] not in present]
    if missing:
        raise ConfigError(
            f'{where}: got the topics {", ".join(sorted(present)) or "of an empty bag"}, expected '
            f'{", ".join(missing)} as well; set --namespace, or the topics of {spec.path}'
        )
    return {name: topic for name, topic in resolved.items() if topic in present}


class _Episodes:
    """Cuts steps into episodes."""

    def __init__(self, writer: LeRobotWriter, has_marks: bool) -> None:
        self._writer, self._has_marks = writer, has_marks
        self._is_on = not has_marks
        self._file: EpisodeFile | None = None
        self.count = self.steps = self.outside = 0

    def take(self, item: Step | Mark) -> None:
        if isinstance(item, Mark):
            self._mark(item.text)
        elif not self._is_on:
            self.outside += 1
        else:
            if item.restarts:
                self._end(None)
            if self._file is None:
                self._file = self._writer.begin()
            self._file.add(item)

    def close(self) -> None:
        self._end(None)

    def _mark(self, text: str) -> None:
        if text == 'discard' and self._file is not None:
            self.outside += self._file.length
            self._file.discard()
            self._file = None
        self._end({'succeed': True, 'fail': False}.get(text))
        self._is_on = text == 'begin'

    def _end(self, success: bool | None) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        if file.length < _FEWEST:
            self.outside += file.length
            file.discard()
            return
        self._writer.end(file, success)
        self.count += 1
        self.steps += file.length


def _resolved(name: str, namespace: str) -> str:
    if name.startswith('/'):
        return name
    return '/' + '/'.join(part for part in (namespace.strip('/'), name) if part)


def _identity(path: Path) -> dict[str, Any]:
    """Return what tells a source from another, and from itself after a change."""
    files = sorted(item for item in path.rglob('*') if item.is_file()) if path.is_dir() else [path]
    sizes = [
        [item.name, item.stat().st_size, item.stat().st_mtime_ns]
        for item in files
        if item.exists()
    ]
    return {'path': str(path.absolute()), 'files': sizes}
