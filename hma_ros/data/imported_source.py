# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What an import made of one source, and how a source is known again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import quoted
from hma_ros.data.lerobot_writer import LeRobotWriter


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
    path: Path, writer: LeRobotWriter, pattern: str = '*', options: dict[str, Any] | None = None
) -> ImportedSource | None:
    """
    Return what an earlier import made of a source that has not changed since, if it did.

    :param pattern: see :func:`identity`.
    :param options: what the steps also depend on, as JSON has it.
    :raises ConfigError: the earlier import had other options.
    """
    known = identity(path, pattern)
    for source in writer.sources:
        if source['source'] == known:
            _check_options(path, source.get('options', options) or {}, options or {})
            steps = sum(item['length'] for item in source['episodes'])
            return ImportedSource(str(path), len(source['episodes']), steps, False, source)
    return None


def imported_now(path: Path, writer: LeRobotWriter, facts: dict[str, Any]) -> ImportedSource:
    """Commit the episodes that a writer has finished, as those of one source."""
    steps = [item.length for item in writer.finished]
    writer.commit(facts)
    return ImportedSource(str(path), len(steps), sum(steps), True, facts)


def _check_options(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    for name, value in now.items():
        expected = before.get(name, '')
        if expected != value:
            raise ConfigError(
                f'{path}: {name}: got {quoted(value)}, expected {quoted(expected)} as in the '
                'import before; choose another --out'
            )


def identity(path: Path, pattern: str = '*') -> dict[str, Any]:
    """
    Return what tells a source from another, and from itself after a change.

    :param pattern: of the files of a folder that belong to it.
    """
    is_folder = path.is_dir()
    files = sorted(item for item in path.rglob(pattern) if item.is_file()) if is_folder else [path]
    sizes = [
        [item.name, item.stat().st_size, item.stat().st_mtime_ns]
        for item in files
        if item.exists()
    ]
    return {'path': str(path.absolute()), 'files': sizes}
