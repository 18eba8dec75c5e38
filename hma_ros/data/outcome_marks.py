# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Change which episodes of a data set count as succeeded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hma_ros.core.errors import ConfigError
from hma_ros.data.lerobot_metadata import journal_locked, write_metadata
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.outcomes import outcomes_of


def mark_anew(folder: Path, numbers: Sequence[int], success: bool) -> list[str]:
    """
    Change whether episodes succeeded; the journal keeps their first result as ``recorded``.

    :returns: what became of each, in the order of `numbers`: ``succeeded -> failed``.
    :raises ConfigError: no such data set or episode, or a world model imagined its frames.
    """
    LeRobotData(folder)  # before the lock, which makes the folder it needs
    with journal_locked(folder):
        return _mark(LeRobotData(folder), numbers, success)


def _mark(data: LeRobotData, numbers: Sequence[int], success: bool) -> list[str]:
    folder = data.folder
    for number in numbers:
        if not 0 <= number < len(data):
            raise ConfigError(
                f'{folder}: episode: got {number}, expected 0 to {len(data) - 1}; choose a number '
                'of inspect.html'
            )
        if data.are_imagined[number]:
            raise ConfigError(
                f'{folder}: episode {number}: got imagined frames, expected recorded ones; '
                'leave it out'
            )
    for number in numbers:
        item = data.episodes[number]
        item.setdefault('recorded', data.outcomes[number])
        item['success'] = success
    write_metadata(folder, data.spec, data.journal)
    after = outcomes_of(data.journal['sources'])
    return [f'{data.outcomes[number]} -> {after[number]}' for number in numbers]
