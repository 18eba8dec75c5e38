# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Sources read by the workers of a pool, and appended to one data set in their order.

Each part is written to a folder of its own, and appended once it is finished. If a worker dies,
Ray reads its part again; the unfinished files are removed at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.pool import Pool
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.lerobot_writer import FinishedEpisode, LeRobotWriter

Facts = dict[str, Any]
# Finishes the episodes of a part with a writer, and returns the facts about them.
Read = Callable[[LeRobotWriter], Facts]


def read_parts(
    reads: Iterable[Read], writer: LeRobotWriter, pool: Pool
) -> Generator[Facts, None, None]:
    """Yield the facts of each part, whose episodes are then finished and not yet committed."""
    if pool.is_serial:
        yield from (read(writer) for read in reads)
        return
    writer.prepare()
    folder = writer.folder / layout.PARTS
    folder.mkdir(parents=True, exist_ok=True)
    try:
        work = partial(_read_apart, folder, writer.spec, writer.text)
        for episodes, facts in pool.map(work, reads):
            writer.append(episodes)
            yield facts
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read_apart(
    folder: Path, spec: EmbodimentSpec, text: str, read: Read
) -> tuple[list[FinishedEpisode], Facts]:
    writer = LeRobotWriter(folder / uuid4().hex, spec, '', text)
    facts = read(writer)
    return writer.finished, facts


def joined(parts: Sequence[Any]) -> Any:
    """Join the facts of parts: sum counts, join lists, and take the first of texts."""
    known = [part for part in parts if part is not None]
    if not known or isinstance(known[0], str | bool):
        return known[0] if known else None
    if isinstance(known[0], dict):
        keys = dict.fromkeys(key for part in known for key in part)
        return {key: joined([part.get(key) for part in known]) for key in keys}
    return sum(known[1:], known[0])
