# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which of the problem settings a checkpoint was trained for, and a bundle of it can serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.network.config import HmaConfig


@dataclass(frozen=True)
class Ability:
    """
    Whether a checkpoint, or a bundle of it, can be used in a setting.

    :param refusal: why it cannot; empty if it can.
    :param caution: what to know beforehand; empty if nothing.
    """

    refusal: str = ''
    caution: str = ''


def abilities(config: HmaConfig) -> dict[ProblemSetting, Ability]:
    """Say of every setting whether a model of this configuration was trained for it."""
    stems = Ability() if config.domains else Ability(refusal='it was trained without actions')
    heads = stems
    if config.domains and not config.predict_actions:
        heads = Ability(
            refusal='its action heads were never trained (jointly_predict_actions: false)'
        )
    elif config.domains and not config.hides_actions:
        heads = Ability(caution='in training it was shown the actions that it was to predict')
    return {
        ProblemSetting.POLICY: heads,
        ProblemSetting.FORWARD: stems,
        ProblemSetting.PASSIVE: Ability()
        if _has_seen_none(config)
        else Ability(caution='every window of its training had actions (drop_action_ratio: 0)'),
        ProblemSetting.FULL: heads,
    }


def bundle_abilities(config: HmaConfig) -> dict[ProblemSetting, Ability]:
    """Say of every setting whether a bundle of such a model can be used in it."""
    if not config.is_cacheable:
        return dict.fromkeys(
            ProblemSetting, Ability(refusal='its past steps change, so none can be kept')
        )
    if not config.domains:
        return dict.fromkeys(ProblemSetting, Ability(refusal='it has no stem'))
    found = abilities(config)
    if config.hides_actions:
        return found
    told = Ability(refusal="its blocks need the action of every step (upstream's)")
    return {
        name: ability if name is ProblemSetting.FORWARD or ability.refusal else told
        for name, ability in found.items()
    }


def require(found: Mapping[ProblemSetting, Ability], setting: ProblemSetting, source: str) -> None:
    """
    Refuse a setting that a model cannot be used in.

    :param found: of :func:`abilities` or :func:`bundle_abilities`.
    :param source: what is asked, named in the error.
    :raises ConfigError: with the reason.
    """
    if refusal := found[setting].refusal:
        able = [name.value for name, ability in found.items() if not ability.refusal]
        raise ConfigError(
            f'{source}: cannot be used for {setting.value}: {refusal}; expected one of '
            f'{", ".join(able) or "none"}'
        )


def _has_seen_none(config: HmaConfig) -> bool:
    """Whether steps without any action were part of the training."""
    hides = config.predict_actions and config.hides_actions
    return not config.domains or config.dropped_actions > 0 or hides
