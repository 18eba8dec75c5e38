# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A stem, projectors and a head for a new robot, beside the weights of a trained model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hma_ros.core.errors import ConfigError
from hma_ros.network.checkpoint import Hma
from hma_ros.network.config import Compat, Domain, HmaConfig, Injection
from hma_ros.network.initial import initialised

_OF_STEMS = (
    *('.action_preprocessor', '.action_mlp', '.action_projectors'),
    *('.action_heads', '.action_out_projectors', '.action_diff_losses'),
)


def extended_config(config: HmaConfig, domain: Domain, kept: Collection[str]) -> HmaConfig:
    """
    Return the configuration of a model with one stem more, which learns to act.

    What upstream trained goes on as the paper describes it, so that a policy never sees the action
    that it has to predict.

    :param kept: stems to keep.
    :raises ConfigError: a kept stem has that name, or the model's cross-attention is upstream's.
    """
    if domain.name in kept:
        raise ConfigError(
            f"stem '{domain.name}': got a model that keeps one of that name, expected a new name; "
            'choose one with --stem, and write it into the embodiment file'
        )
    if not config.is_cacheable:
        raise ConfigError(
            'injection: got cross_attention with compat: upstream, expected a model whose past '
            'steps can be kept; choose another --init'
        )
    has_way = config.concat or config.injection is not Injection.NONE
    return replace(
        config,
        domains=(*(old for old in config.domains if old.name in kept), domain),
        compat=Compat.CORRECTED,
        predict_actions=True,
        injection=config.injection if has_way else Injection.MODULATE,
    )


def with_stem(model: Hma, config: HmaConfig) -> Hma:
    """
    Build a model of another configuration with the weights of a trained one.

    :param model: trained.
    :param config: of :func:`extended_config`; the last of its domains is the new one.
    :returns: a model that computes for the stems kept what it did; the new stem begins untrained,
        and its actions change nothing yet.
    """
    extended, new = initialised(config), config.domains[-1].name
    weights, own = model.state_dict(), extended.state_dict()
    trained = {name: weights[name] for name in own if name in weights}
    old = {name: value for name, value in trained.items() if not is_of_stem(name, new)}
    extended.load_state_dict({**own, **old})
    return extended


def is_of_stem(name: str, stem: str) -> bool:
    """Whether a parameter belongs to a stem: to its encoder, projectors or head."""
    return any(f'{part}.{stem}.' in f'.{name}' for part in _OF_STEMS)
