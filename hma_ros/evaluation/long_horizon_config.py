# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What to measure of long rollouts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.decoding import Decoding

Actions = Literal['wander', 'expert']
ACTIONS: tuple[Actions, ...] = ('wander', 'expert')
# Steps to imagine at most: the frames of an episode are kept in memory.
LONGEST = 10_000


@dataclass(frozen=True)
class LongHorizonConfig:
    """
    What to measure.

    :param steps: how far ahead to look, each at least 1; the largest is the horizon.
    :param episodes: of each robot and kind of actions.
    :param actions: whose: of ``ACTIONS``.
    :param seed: chooses the starts, which training never had.
    :param every: frames are kept and judged at multiples of so many steps, of which `steps` are.
    :param decoding: how to imagine, where that is to be other than the bundle recommends.
    """

    steps: tuple[int, ...] = (1, 8, 32, 100)
    episodes: int = 50
    actions: tuple[Actions, ...] = ACTIONS
    seed: int = 0
    every: int = 1
    decoding: Decoding = field(default_factory=Decoding)

    @property
    def horizon(self) -> int:
        """Steps to imagine."""
        return max(self.steps)


def check_config(config: LongHorizonConfig, longest: int) -> None:
    """
    Refuse what cannot be measured.

    :param longest: steps that the bundle imagines at once.
    :raises ConfigError: steps outside 1 to `longest` or no multiples of `every`, no episode, or
        unknown actions.
    """
    if config.every < 1:
        raise ConfigError(f'every: got {config.every}, expected at least 1 step')
    for steps in config.steps:
        if not 1 <= steps <= longest:
            raise ConfigError(f'steps: got {steps}, expected 1 to {longest} for this bundle')
        if steps % config.every:
            raise ConfigError(f'steps: got {steps}, expected a multiple of every {config.every}')
    if config.episodes < 1:
        raise ConfigError(f'episodes: got {config.episodes}, expected at least 1')
    for actions in config.actions:
        if actions not in ACTIONS:
            raise ConfigError(f'actions: got {actions!r}, expected one of {", ".join(ACTIONS)}')
