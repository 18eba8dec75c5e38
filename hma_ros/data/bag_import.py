# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bags to episodes of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hma_ros.core.embodiment import EmbodimentSpec, parse_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import SERIAL, Pool
from hma_ros.core.short_text import first_few
from hma_ros.core.topics import (
    CLOCK_TOPIC,
    EMBODIMENT_KEY,
    EPISODE_TOPIC,
    EXECUTED_TOPIC,
    NAMESPACE_KEY,
    needed_topics,
    recorded_topics,
    resolve,
)
from hma_ros.data.bag_custom_data import custom_data
from hma_ros.data.bag_messages import BagMessages, Recorded, bag_files
from hma_ros.data.bag_steps import BagSteps
from hma_ros.data.embodiment_difference import differences
from hma_ros.data.episode_cutter import EpisodeCutter
from hma_ros.data.imported_source import (
    ImportedSource,
    committed,
    find,
    imported_before,
    take_back_other_unit,
)
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.parallel_import import Read, read_parts
from hma_ros.data.topic_counts import TopicCounts

_TRANSPORTS = {'sensor_msgs/msg/Image': 'raw', 'sensor_msgs/msg/CompressedImage': 'compressed'}
_NO_BEGIN = (
    'got no mark begin, expected one before each episode: all {} steps lie outside of episodes; '
    'leave the topic out of the bag to import them as one episode'
)
_NO_MARKS = (
    'got no marks, expected some as in the other bags: it ends too early, perhaps before the '
    'first begin; if it was recorded without marks, import it to another --out'
)


def import_bags(
    paths: Sequence[Path],
    writer: LeRobotWriter,
    namespace: str | None = None,
    pool: Pool = SERIAL,
) -> Iterator[ImportedSource]:
    """
    Append the episodes of bags, one bag after the other; one imported already is skipped.

    All bags are looked at before the first is read.

    :param namespace: of the robot's topics in the bag; by default what the bag says of itself.
    :param pool: reads the bags.
    :raises ConfigError: a bag cannot be read, lacks a topic of the embodiment, or is another
        version of one that was imported before.
    """
    imported = [source['source'] for source in writer.sources]
    bags = [_look_at(path, namespace, writer.spec, imported) for path in paths]
    are_marked = any(bag.has_marks for bag in bags)
    are_marked = are_marked or any(source.get('has_marks') for source in writer.sources)
    reads: list[Read] = [partial(_read_bag, bag, are_marked) for bag in bags if bag.is_new]
    with closing(read_parts(reads, writer, pool)) as parts:
        for bag in bags:
            before = imported_before(bag.path, bag.identity, writer)
            yield before or _taken(bag.path, writer, next(parts))


class _Bag(NamedTuple):
    """
    A bag before it is read.

    :param identity: how it begins, and how many messages it has; so one that was moved, or has
        got its metadata since, is the same, and one that has grown begins as it did.
    :param is_new: whether it was not imported yet; the rest is known of new ones only.
    :param names: see :func:`bag_topics`, and so `others`.
    """

    path: Path
    identity: dict[str, Any]
    is_truncated: bool
    is_new: bool
    names: dict[str, str]
    others: dict[str, str]
    has_marks: bool


def _look_at(
    path: Path, namespace: str | None, spec: EmbodimentSpec, imported: list[dict[str, Any]]
) -> _Bag:
    """Look at a bag; one that was not imported is added to those that were."""
    with BagMessages(path) as bag:
        identity = {
            'path': str(path.absolute()),
            'beginning': bag.beginning(),
            'messages': sum(map(bag.count, bag.topics)),
        }
        if find(path, identity, imported) is not None:
            return _Bag(path, identity, bag.is_truncated, False, {}, {}, False)
        imported.append(identity)
        if namespace is None:
            namespace = custom_data(path).get(NAMESPACE_KEY, '')
        names, others = bag_topics(spec, bag.topics, namespace, str(path))
        has_marks = bag.has(names.get(EPISODE_TOPIC, ''))
        return _Bag(path, identity, bag.is_truncated, True, names, others, has_marks)


def _read_bag(source: _Bag, are_marked: bool, writer: LeRobotWriter) -> dict[str, Any]:
    path, names = source.path, source.names
    # Else the time before the first begin would be a demonstration.
    is_ahead_of_marks = are_marked and source.is_truncated and not source.has_marks
    has_marks = source.has_marks or is_ahead_of_marks
    with BagMessages(path) as bag:
        reader = BagSteps(writer.spec, names, str(path), has_marks)
        episodes = EpisodeCutter(writer, has_marks)
        _cut(bag.messages(list(names.values())), reader, episodes)
        unread = {name: TopicCounts(first_fault=fault) for name, fault in source.others.items()}
        counts = {**reader.counts, **unread}
        if source.has_marks and not episodes.marks['begun']:
            marks = counts[names[EPISODE_TOPIC]]
            marks.first_fault = marks.first_fault or _NO_BEGIN.format(episodes.outside)
        return {
            'source': source.identity,
            'is_truncated': bag.is_truncated,
            'has_marks': has_marks,
            'marks': episodes.marks,
            'split_attempts': episodes.split,
            'empty_attempts': episodes.empty,
            'topics': {name: item.facts() for name, item in counts.items()},
            **episodes.facts(),
            'left_out': [_NO_MARKS] if is_ahead_of_marks else [],
            'origins': dict(reader.alignment.origins),
        }


def _taken(path: Path, writer: LeRobotWriter, facts: dict[str, Any]) -> ImportedSource:
    """Commit a bag; of one in another unit nothing, so that those behind it are read."""
    if reason := take_back_other_unit(writer, facts):
        facts = {**facts, 'left_out': [*facts['left_out'], reason]}
    return committed(path, writer, facts)


def _cut(messages: Iterable[Recorded], reader: BagSteps, episodes: EpisodeCutter) -> None:
    for recorded in messages:
        if recorded.follows_damage:
            for left in reader.lose_track():
                episodes.take(left)
            episodes.lose_track()
        for item in reader.feed(recorded):
            episodes.take(item)
    for left in reader.close():
        episodes.take(left)
    episodes.close()


def bag_embodiment(paths: Sequence[Path]) -> tuple[EmbodimentSpec, str, list[str]]:
    """
    Return the embodiment that the first of bags holds, and the text of its file.

    :returns: also the names of keys without a part in the data that differ in the others.
    :raises ConfigError: no such bag, or one that holds none, or another one than the first.
    """
    for path in paths:
        if not path.exists():
            raise ConfigError(f'{path}: got no such file or folder, expected a bag')
        if path.is_dir() and not (path / 'metadata.yaml').exists():
            bag_files(path)
    texts = {path: custom_data(path).get(EMBODIMENT_KEY) for path in paths}
    first = paths[0]
    for path, text in texts.items():
        if text is None:
            raise ConfigError(
                f'{path}: got a bag without an embodiment file in its metadata, expected one of '
                'hma record; give --embodiment'
            )
    text = texts[first] or ''
    spec = parse_embodiment(text, str(first))
    differing = [_other_keys(*item, spec, text) for item in texts.items()]
    return spec, text, list(dict.fromkeys(key for keys in differing for key in keys))


def _other_keys(path: Path, other: str | None, spec: EmbodimentSpec, text: str) -> list[str]:
    """Refuse another embodiment than the first, if it makes other data; else say what differs."""
    if other is None or other == text:
        return []
    deciding, others = differences(parse_embodiment(other, str(path)), spec)
    if deciding:
        raise ConfigError(
            f'{path}: embodiment: {first_few(list(map(str, deciding)), "; ")} as in '
            f'{Path(spec.path).parent}; import it to another --out'
        )
    return others


def bag_topics(
    spec: EmbodimentSpec, present: dict[str, str], namespace: str, where: str
) -> tuple[dict[str, str], dict[str, str]]:
    """
    Find the topics of an embodiment in a bag.

    :param present: the bag's topics.
    :returns: name in the bag of each topic that is there, and by that name what is wrong with
        those that are not read because they have another type.
    :raises ConfigError: one without which there is no step is absent (the text lists those there)
        or has another type.
    """
    needed = needed_topics(spec)
    wanted = [*needed, EXECUTED_TOPIC, EPISODE_TOPIC, CLOCK_TOPIC]
    resolved = {name: resolve(name, namespace) for name in dict.fromkeys(wanted)}
    missing = [resolved[name] for name in needed if resolved[name] not in present]
    if missing:
        raise ConfigError(
            f'{where}: got the topics {", ".join(sorted(present)) or "of an empty bag"}, expected '
            f'{", ".join(missing)} as well; set --namespace, or the topics of {spec.path}'
        )
    types = {topic.name: topic.type for topic in recorded_topics(spec, use_sim_time=True)}
    names, others = dict[str, str](), dict[str, str]()
    for name, topic in resolved.items():
        got, expected = present.get(topic), types[name]
        if got in (None, expected):
            names |= {} if got is None else {name: topic}
            continue
        fault = f'got the type {got}, expected {expected}'
        if name in needed:
            raise ConfigError(f'{where}: {topic}: {fault}; {_type_advice(spec, name, got)}')
        others[topic] = f'{fault}: not read; give that topic another name'
    return names, others


def _type_advice(spec: EmbodimentSpec, name: str, got: str | None) -> str:
    if name == spec.camera.topic and got in _TRANSPORTS:
        return f'set camera.transport: {_TRANSPORTS[got]} and camera.encodings of {spec.path}'
    return f'correct the topic in {spec.path}, or record again'
