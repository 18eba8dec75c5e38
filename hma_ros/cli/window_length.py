# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether the windows of a training run fit into its episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hma_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from hma_ros.data.episodes import Episodes


# One step has no other to predict.
_LEAST = 2


def check_length(length: int, where: object, dataset: Episodes, option: str = '--length') -> None:
    """
    Refuse windows that no episode fills.

    :param length: steps of a window.
    :param where: the episodes are, for the error.
    :param option: that sets the length, likewise.
    :raises ConfigError: it is less than two, or no episode has as many steps.
    """
    longest = longest_episode(dataset)
    if not _LEAST <= length <= longest:
        raise ConfigError(
            f'{option}: got {length}, expected {_LEAST} to {longest}, the steps of the longest '
            f'episode in {where}'
        )


def longest_episode(dataset: Episodes) -> int:
    """Return the steps of the longest episode."""
    return max(episode.steps for episode in dataset)
