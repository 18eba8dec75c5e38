# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How the ``config.json`` of a released checkpoint says sizes and variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import first_few, quoted, shortened
from hma_ros.network.config import Compat, Diffusion, Domain, HmaConfig, Injection
from hma_ros.network.factors import factor_size

# What the authors' code takes for a key that an older file does not have (hma/config.py of
# liruiw/HMA: GenieConfig, DiffusionGenieConfig). Only layers, heads and width have to be there.
DEFAULTS: Mapping[str, Any] = {
    'T': 12,
    'S': 256,
    'image_vocab_size': 262144,
    'num_factored_vocabs': 1,
    'use_mup': False,
    'qk_norm': True,
    'qkv_bias': False,
    'proj_bias': True,
    'mlp_ratio': 4.0,
    'mlp_bias': True,
    'drop_action_ratio': 0.0,
    'init_actions': False,
    'use_actions': True,
    'action_network': 'mlp',
    'action_domains': None,
    'd_actions': None,
    'action_stats': None,
    'action_token_size': 64,
    'action_loss_weight': 0.5,
    'jointly_predict_actions': False,
    'jointly_predict_states': True,
}
CONTINUOUS_DEFAULTS: Mapping[str, Any] = {
    'patch_size': 1,
    'vae_embed_dim': 4,
    'diffloss_w': 1024,
    'diffloss_d': 4,
    'num_sampling_steps': '100',
    'maskgit_steps': 16,
    'action_loss_weight': 1.0,
}
# What a file has that the authors' code takes no default for.
REQUIRED = ('num_layers', 'num_heads', 'd_model')


def missing_keys(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that an older configuration lacks, with what is taken for them."""
    defaults = dict(DEFAULTS)
    if _is_continuous(facts):
        defaults |= CONTINUOUS_DEFAULTS
    return {key: value for key, value in defaults.items() if key not in facts}


def defaults_text(missing: Mapping[str, Any]) -> str:
    """Name keys with what was taken for them, see :func:`missing_keys`."""
    return ', '.join(f'{key} {value}' for key, value in missing.items())


def released_config(facts: Mapping[str, Any], source: str = 'config.json') -> HmaConfig:
    """
    Read the configuration of a released checkpoint; it follows the authors' code.

    :param facts: the parsed ``config.json``; what it lacks is taken from :data:`DEFAULTS`.
    :param source: named in errors.
    :raises ConfigError: a key is missing or has a value this model cannot have.
    """
    if absent := [key for key in REQUIRED if key not in facts]:
        raise ConfigError(f'{source}: got no {", ".join(absent)}, expected a configuration of HMA')
    try:
        return _from_released({**facts, **missing_keys(facts)})
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ConfigError(f'{source}: {shortened(error)}') from error


def _whole(facts: Mapping[str, Any], key: str) -> int:
    # The authors' files have some of these as text.
    value, expected = facts[key], 'an integer of at least 1'
    number = _number(key, value, int, expected)
    if number < 1 or (isinstance(value, float) and number != value):
        raise ValueError(f'{key}: got {quoted(value)}, expected {expected}')
    return int(number)


def _real(facts: Mapping[str, Any], key: str) -> float:
    return float(_number(key, facts[key], float, 'a number'))


def _number(key: str, value: Any, kind: Callable[[Any], float], expected: str) -> float:
    try:
        if not isinstance(value, bool):
            return kind(value)
    except (ArithmeticError, TypeError, ValueError):
        pass
    raise ValueError(f'{key}: got {quoted(value)}, expected {expected}')


def _flag(facts: Mapping[str, Any], key: str) -> bool:
    value = facts[key]
    if not isinstance(value, int | None):
        raise ValueError(f'{key}: got {quoted(value)}, expected true or false')
    return bool(value)


def _is_continuous(facts: Mapping[str, Any]) -> bool:
    return bool(facts.get('Diffusion', 'vae_embed_dim' in facts))


def _from_released(facts: Mapping[str, Any]) -> HmaConfig:
    network = str(facts['action_network'])
    # The authors' code makes the stems where either is set.
    is_asked = _flag(facts, 'init_actions') or _flag(facts, 'use_actions')
    has_actions = bool(is_asked and facts['action_domains'])
    if not _flag(facts, 'jointly_predict_states'):
        raise ValueError(
            'jointly_predict_states: False, expected true: its token head is untrained'
        )
    return HmaConfig(
        layers=_whole(facts, 'num_layers'),
        heads=_whole(facts, 'num_heads'),
        width=_whole(facts, 'd_model'),
        window=_whole(facts, 'T'),
        positions=_whole(facts, 'S'),
        action_tokens=_whole(facts, 'action_token_size'),
        factors=_whole(facts, 'num_factored_vocabs'),
        factor_size=_factor_size(facts),
        concat='concat' in network,
        injection=_injection(network) if has_actions else Injection.NONE,
        predict_actions=_flag(facts, 'jointly_predict_actions'),
        mup=_flag(facts, 'use_mup'),
        qk_norm=_flag(facts, 'qk_norm'),
        qkv_bias=_flag(facts, 'qkv_bias'),
        proj_bias=_flag(facts, 'proj_bias'),
        mlp_ratio=_real(facts, 'mlp_ratio'),
        mlp_bias=_flag(facts, 'mlp_bias'),
        action_loss_weight=_real(facts, 'action_loss_weight'),
        dropped_actions=_real(facts, 'drop_action_ratio'),
        domains=_domains(facts) if has_actions else (),
        diffusion=_diffusion(facts) if _is_continuous(facts) else None,
        compat=Compat.UPSTREAM,
    )


def _injection(network: str) -> Injection:
    """Find the injection in the name of the action network; the first that fits counts."""
    for injection in (Injection.ADD, Injection.CROSS_ATTENTION, Injection.MODULATE):
        if injection.value in network:
            return injection
    if 'concat' in network:
        return Injection.NONE
    raise ValueError(
        f"action_network: '{network}', expected mlp, cross_attention, modulate, concat or "
        'concat with one of them'
    )


def _factor_size(facts: Mapping[str, Any]) -> int:
    if facts['image_vocab_size'] is None:
        size = facts.get('factored_vocab_size') or 64
        return _whole({'factored_vocab_size': size}, 'factored_vocab_size')
    factors, vocabulary = _whole(facts, 'num_factored_vocabs'), _whole(facts, 'image_vocab_size')
    size = factor_size(vocabulary, factors)
    if size is None:
        raise ValueError(f'image_vocab_size: got {vocabulary}, expected a power of {factors}')
    return size


def _domains(facts: Mapping[str, Any]) -> tuple[Domain, ...]:
    names, sizes, stats = facts['action_domains'], facts['d_actions'], facts['action_stats']
    for key, what in (
        ('action_domains', 'names'),
        ('d_actions', 'the numbers of a chunk'),
        ('action_stats', 'mean and std of an action'),
    ):
        if facts[key] is None:
            raise ValueError(
                f'{key}: got null, expected {what} for each of action_domains '
                f'({first_few(names)}); set it to what the model was trained with'
            )
        if not isinstance(facts[key], list | tuple):
            raise ValueError(f'{key}: got {quoted(facts[key])}, expected a list of {what}')
    if not len(names) == len(sizes) == len(stats):
        raise ValueError(
            f'action_domains, d_actions, action_stats: {len(names)}, {len(sizes)} and '
            f'{len(stats)} entries, expected as many of each'
        )
    return tuple(_domain(*facts) for facts in zip(names, sizes, stats, strict=True))


def _domain(name: Any, size: Any, stats: Any) -> Domain:
    if not isinstance(name, str):
        raise ValueError(f'action_domains: got {quoted(name)}, expected names')
    key = f'd_actions of {shortened(name)}'
    numbers, (mean, std) = _whole({key: size}, key), _statistics(name, stats)
    if numbers % len(mean):
        raise ValueError(f'{key}: got {numbers}, expected a multiple of the {len(mean)} means')
    return Domain(name, numbers // len(mean), mean, std)


def _statistics(name: str, stats: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    key = f'action_stats of {shortened(name)}'
    try:
        mean, std = (tuple(map(float, values)) for values in stats)
    except (ArithmeticError, TypeError, ValueError):
        raise ValueError(
            f'{key}: got {quoted(stats)}, expected two lists of numbers, mean and std'
        ) from None
    if not mean or len(mean) != len(std):
        raise ValueError(
            f'{key}: got {len(mean)} means and {len(std)} stds, expected as many of each'
        )
    return mean, std


def _diffusion(facts: Mapping[str, Any]) -> Diffusion:
    return Diffusion(
        patch=_whole(facts, 'patch_size'),
        latent_channels=_whole(facts, 'vae_embed_dim'),
        width=_whole(facts, 'diffloss_w'),
        blocks=_whole(facts, 'diffloss_d'),
        steps=_whole(facts, 'num_sampling_steps'),
        mask_steps=_whole(facts, 'maskgit_steps'),
    )
