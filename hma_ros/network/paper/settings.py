# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The four problem settings of the paper (sec. 3), and which a checkpoint was trained for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hma_ros.core.errors import ConfigError
from hma_ros.network.paper.config import Injection, Meaning, PaperConfig


class Setting(str, Enum):
    """What is predicted from what."""

    # Actions from frames.
    POLICY = 'policy'
    # Frames from frames and actions.
    FORWARD = 'forward'
    # Frames from frames.
    PASSIVE = 'passive'
    # Frames and actions from frames.
    FULL = 'full'


@dataclass(frozen=True)
class Ability:
    """
    Whether a checkpoint can be used in a setting.

    :param refusal: why it cannot; empty if it can.
    :param caution: what to know beforehand; empty if nothing.
    """

    refusal: str = ''
    caution: str = ''


def abilities(config: PaperConfig) -> dict[Setting, Ability]:
    """Say of every setting whether a model of this configuration was trained for it."""
    stems = Ability() if config.domains else Ability(refusal='it was trained without actions')
    heads = stems
    if config.domains and not config.predict_actions:
        heads = Ability(
            refusal='its action heads were never trained (jointly_predict_actions: false)'
        )
    elif config.domains and _shows_targets(config):
        heads = Ability(caution='in training it was shown the actions that it was to predict')
    return {
        Setting.POLICY: heads,
        Setting.FORWARD: stems,
        Setting.PASSIVE: Ability()
        if _has_seen_none(config)
        else Ability(caution='every window of its training had actions (drop_action_ratio: 0)'),
        Setting.FULL: heads,
    }


def require(config: PaperConfig, setting: Setting, source: str) -> None:
    """
    Refuse a setting that a model was not trained for.

    :param source: of the checkpoint, named in the error.
    :raises ConfigError: with the reason.
    """
    if refusal := abilities(config)[setting].refusal:
        able = [name.value for name, ability in abilities(config).items() if not ability.refusal]
        raise ConfigError(
            f'{source}: cannot be used for {setting.value}: {refusal}; expected one of '
            f'{", ".join(able)}'
        )


def _shows_targets(config: PaperConfig) -> bool:
    """Whether hidden actions were seen all the same: upstream hides them in tokens only."""
    is_seen = config.injection is not Injection.NONE or config.diffusion is not None
    return config.meaning is Meaning.UPSTREAM and is_seen


def _has_seen_none(config: PaperConfig) -> bool:
    """Whether rows without any action were part of the training."""
    hides = config.predict_actions and not _shows_targets(config)
    return not config.domains or config.dropped_actions > 0 or hides
