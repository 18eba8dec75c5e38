# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What an import made of one source, and how a source is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hma_ros.core.errors import ConfigError
from hma_ros.core.file_hash import add_file
from hma_ros.core.short_text import quoted
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import JointRangeError

# Of a bag without a message.
_NO_BEGINNING = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class ImportedSource:
    """
    What one source gave.

    :param facts: counts for each topic, dropped steps with their reasons, origins of the actions.
    """

    path: str
    episodes: int
    steps: int
    is_new: bool
    facts: dict[str, Any]


def imported_before(
    path: Path,
    known: dict[str, Any],
    writer: LeRobotWriter,
    options: dict[str, Any] | None = None,
) -> ImportedSource | None:
    """
    Return what an earlier import made of a source of the same content, if there was one.

    :param known: see :func:`find`.
    :param options: what the steps also depend on, as JSON has it.
    :raises ConfigError: the earlier import had other options, or :func:`find` refuses it.
    """
    place = find(path, known, [source['source'] for source in writer.sources])
    if place is None:
        return None
    source = writer.sources[place]
    _check_options(path, source.get('options', options) or {}, options or {})
    steps = sum(item['length'] for item in source['episodes'])
    return ImportedSource(str(path), len(source['episodes']), steps, False, source)


def imported_now(path: Path, writer: LeRobotWriter, facts: dict[str, Any]) -> ImportedSource:
    """
    Commit the episodes that a writer has finished, as those of one source.

    :raises ConfigError: :func:`take_back_other_unit` took them back.
    """
    if reason := take_back_other_unit(writer, facts):
        raise ConfigError(f'{path}: {reason}')
    return committed(path, writer, facts)


def committed(path: Path, writer: LeRobotWriter, facts: dict[str, Any]) -> ImportedSource:
    """Commit the episodes that a writer has finished, if any, as those of one source."""
    steps = [item.length for item in writer.finished]
    writer.commit(facts)
    return ImportedSource(str(path), len(steps), sum(steps), True, facts)


def take_back_other_unit(writer: LeRobotWriter, facts: dict[str, Any]) -> str | None:
    """
    Remove the finished episodes of a source in another unit: all its steps would be wrong.

    :returns: the reason, if the joints of most steps of attempts lie far beyond their limits.
        Between attempts an arm may rest anywhere.
    """
    far = facts['dropped_steps'].get(JointRangeError.kind, 0)
    kept = sum(item.length for item in writer.finished)
    if far <= kept:
        return None
    writer.take_back(len(writer.finished))
    first = facts.get('first_drops', {}).get(JointRangeError.kind)
    example = f'; the first: {first}' if first else ''
    return (
        f'got {far} of {far + kept} steps with {JointRangeError.kind}, expected few; '
        f'correct the unit of the joints, or limits.lower and limits.upper{example}'
    )


def _check_options(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    for name, value in now.items():
        expected = before.get(name, '')
        if expected != value:
            raise ConfigError(
                f'{path}: {name}: got {quoted(value)}, expected {quoted(expected)} as in the '
                'import before; choose another --out'
            )


def find(path: Path, known: dict[str, Any], imported: Sequence[dict[str, Any]]) -> int | None:
    """
    Find a source among others by its content, wherever it is.

    A truncated bag whose messages an earlier import did not count is found by its beginning.

    :param known: of the source: see :func:`identity`, or that of a bag.
    :raises ConfigError: another version of it is among them, such as a bag that has grown since.
    """
    for are_alike in (_are_equal, _is_uncounted):
        for place, other in enumerate(imported):
            if are_alike(known, other):
                return place
    for other in imported:
        if _is_version(known, other):
            raise ConfigError(
                f'{path}: got another version of {other["path"]}, which was imported before, '
                'expected the same content or another source; import all sources to a new --out'
            )
    return None


def are_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two sources, each as :func:`find` takes it, are one, or a bag and what it became."""
    both_begin = 'beginning' in one and 'beginning' in other
    return _are_equal(one, other) or (both_begin and _is_version(one, other))


def identity(path: Path, pattern: str = '*') -> dict[str, Any]:
    """
    Return what tells a source from another, and from itself after a change.

    :param pattern: of the files of a folder that belong to it.
    """
    is_folder = path.is_dir()
    files = sorted(item for item in path.rglob(pattern) if item.is_file()) if is_folder else [path]
    digest = hashlib.sha256()
    for item in files:
        digest.update(f'{item.relative_to(path)} {item.stat().st_size} '.encode())
        add_file(digest, item)
    return {'path': str(path.absolute()), 'pattern': pattern, 'sha256': digest.hexdigest()}


def _are_equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return {**one, 'path': ''} == {**other, 'path': ''}


def _is_uncounted(known: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether an import before found a bag that begins so truncated, and did not count it."""
    has_begun = other.get('beginning', _NO_BEGINNING) != _NO_BEGINNING
    return has_begun and other.get('messages') == 0 and _is_version(known, other)


def _is_version(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two sources of unequal content are bags that begin alike, or in one place."""
    if 'beginning' in one and 'beginning' in other:
        return bool(one['beginning'] == other['beginning'])
    return bool(one['path'] == other['path'] and one.get('pattern') == other.get('pattern'))
