# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The configuration of a model to train: a preset, made to fit what it learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hma_ros.core.errors import ConfigError
from hma_ros.network.config import (
    CONTINUOUS_PRESETS,
    PRESETS,
    Compat,
    Diffusion,
    HmaConfig,
    TimePositions,
    preset,
)
from hma_ros.training.recordings import Recordings, read_by


def configuration(
    recordings: Sequence[Recordings],
    name: str,
    kind: str,
    compat: Compat,
    changes: Mapping[str, Any],
    diffusion: Mapping[str, Any],
) -> HmaConfig:
    """
    Fit a preset to data sets: their action spaces, and the tokens of their frames.

    :param name: of the preset.
    :param kind: ``discrete`` or ``continuous``.
    :param changes: fields of :class:`HmaConfig` that shall be other than the preset has them.
    :param diffusion: the same of :class:`Diffusion`.
    :raises ConfigError: data of another kind, two data sets of one name, or a preset that has no
        such variant.
    :raises ValueError: sizes do not fit each other.
    """
    domains = tuple(item.domain for item in recordings)
    _check_names([domain.name for domain in domains])
    facts = {'positions': recordings[0].image_pixels, 'compat': compat, **changes}
    if compat is Compat.UPSTREAM:
        if name == 'small':
            raise ConfigError('preset: got small, expected base or xl with compat upstream')
        facts['time'] = TimePositions.LEARNED
    for item in recordings:
        item.check_kind(kind)
    if kind == 'discrete':
        facts |= recordings[0].factors(facts.get('factors', PRESETS[name]['factors']))
    else:
        chosen: Diffusion = CONTINUOUS_PRESETS[name]['diffusion']
        chosen = replace(chosen, latent_channels=recordings[0].channels, **diffusion)
        facts = {**facts, 'diffusion': chosen}
    config = preset(name, domains, kind, **facts)
    return replace(config, domains=tuple(read_by(config, domain) for domain in domains))


def check_variant(name: str, kind: str, options: Mapping[str, object]) -> None:
    """
    Refuse what only the discrete preset ``small`` has, before anything is trained.

    :param options: by the name of the option; false where it is not set.
    :raises ConfigError: one is set, of another preset or kind.
    """
    for option, value in options.items():
        if value and (name, kind) != ('small', 'discrete'):
            raise ConfigError(
                f'--{option}: got {value} with preset {name}, {kind}, expected preset small, '
                'discrete; leave it out'
            )


def default_length(config: HmaConfig) -> int:
    """
    Return how many steps a window of training has.

    Where a context slides, and steps stand in the sequence once, half as many again as a step
    attends to: a step then sees steps that have seen others before.
    """
    is_short = config.twin or config.time is TimePositions.LEARNED
    return config.window if is_short else config.window + (config.window + 1) // 2


def _check_names(names: Sequence[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f'embodiments: {twice[0]} twice, expected a stem or domain of its own')
