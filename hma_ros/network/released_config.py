# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How the ``config.json`` of a released checkpoint says sizes and variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import first_few, shortened
from hma_ros.network.config import Compat, Diffusion, Domain, HmaConfig, Injection

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
    number = int(value := facts[key])
    if isinstance(value, bool) or (isinstance(value, float) and number != value):
        raise ValueError(f'{key}: got {value!r}, expected an integer')
    return number


def _is_continuous(facts: Mapping[str, Any]) -> bool:
    return bool(facts.get('Diffusion', 'vae_embed_dim' in facts))


def _from_released(facts: Mapping[str, Any]) -> HmaConfig:
    network = str(facts['action_network'])
    # The authors' code makes the stems where either is set.
    is_asked = facts['init_actions'] or facts['use_actions']
    has_actions = bool(is_asked and facts['action_domains'])
    if not facts['jointly_predict_states']:
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
        predict_actions=bool(facts['jointly_predict_actions']),
        mup=bool(facts['use_mup']),
        qk_norm=bool(facts['qk_norm']),
        qkv_bias=bool(facts['qkv_bias']),
        proj_bias=bool(facts['proj_bias']),
        mlp_ratio=float(facts['mlp_ratio']),
        mlp_bias=bool(facts['mlp_bias']),
        action_loss_weight=float(facts['action_loss_weight']),
        dropped_actions=float(facts['drop_action_ratio']),
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
        return int(facts.get('factored_vocab_size') or 64)
    factors, vocabulary = _whole(facts, 'num_factored_vocabs'), _whole(facts, 'image_vocab_size')
    size = round(vocabulary ** (1 / factors))
    if size**factors != vocabulary:
        raise ValueError(f'image_vocab_size: got {vocabulary}, expected a power of {factors}')
    return size


def _domains(facts: Mapping[str, Any]) -> tuple[Domain, ...]:
    names, sizes, stats = facts['action_domains'], facts['d_actions'], facts['action_stats']
    for key, what in (
        ('d_actions', 'the numbers of a chunk'),
        ('action_stats', 'mean and deviation of an action'),
    ):
        if facts[key] is None:
            raise ValueError(
                f'{key}: got null, expected {what} for each of action_domains '
                f'({first_few(names)}); set it to what the model was trained with'
            )
    if not len(names) == len(sizes) == len(stats):
        raise ValueError(
            f'action_domains, d_actions, action_stats: {len(names)}, {len(sizes)} and '
            f'{len(stats)} entries, expected as many of each'
        )
    return tuple(
        _domain(name, size, mean, std)
        for name, size, (mean, std) in zip(names, sizes, stats, strict=True)
    )


def _domain(name: str, size: int, mean: list[float], std: list[float]) -> Domain:
    if len(mean) != len(std) or size % len(mean):
        raise ValueError(
            f'd_actions of {name}: got {size}, expected a multiple of the {len(mean)} means and '
            f'{len(std)} deviations'
        )
    return Domain(name, size // len(mean), tuple(map(float, mean)), tuple(map(float, std)))


def _diffusion(facts: Mapping[str, Any]) -> Diffusion:
    return Diffusion(
        patch=_whole(facts, 'patch_size'),
        latent_channels=_whole(facts, 'vae_embed_dim'),
        width=_whole(facts, 'diffloss_w'),
        blocks=_whole(facts, 'diffloss_d'),
        steps=_whole(facts, 'num_sampling_steps'),
        mask_steps=_whole(facts, 'maskgit_steps'),
    )
