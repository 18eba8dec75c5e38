# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a checkpoint can be used for is what it was trained for."""

import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.problem_setting import ProblemSetting
from hma_ros.network.abilities import abilities, bundle_abilities, require
from hma_ros.network.config import Compat, Diffusion, Domain, HmaConfig, Injection

DOMAINS = (Domain('robot', 1, (0.0,), (1.0,)),)
DIFFUSION = Diffusion(patch=2, latent_channels=4, width=8, blocks=1, steps=10, mask_steps=2)
ALL = {'policy', 'forward', 'passive', 'full'}


def config(**changes) -> HmaConfig:
    sizes = {'layers': 1, 'heads': 2, 'width': 16, 'window': 4, 'positions': 4, 'domains': DOMAINS}
    return HmaConfig(**{**sizes, **changes})


@pytest.mark.parametrize(
    ('changes', 'possible', 'cautioned'),
    [
        ({}, ALL, set()),
        ({'predict_actions': False}, {'forward', 'passive'}, {'passive'}),
        ({'predict_actions': False, 'dropped_actions': 0.1}, {'forward', 'passive'}, set()),
        ({'domains': ()}, {'passive'}, set()),
        ({'compat': Compat.UPSTREAM}, ALL, ALL - {'forward'}),
        ({'compat': Compat.UPSTREAM, 'dropped_actions': 0.1}, ALL, {'policy', 'full'}),
        # Concatenated tokens alone do mask what is to be predicted.
        ({'compat': Compat.UPSTREAM, 'injection': Injection.NONE}, ALL, set()),
        (
            {'compat': Compat.UPSTREAM, 'injection': Injection.NONE, 'diffusion': DIFFUSION},
            ALL,
            ALL - {'forward'},
        ),
    ],
)
def test_settings_follow_from_the_training(changes, possible, cautioned):
    found = abilities(config(**changes))
    assert {name.value for name, ability in found.items() if not ability.refusal} == possible
    assert {name.value for name, ability in found.items() if ability.caution} == cautioned


def test_a_refusal_says_why_and_what_else():
    require(abilities(config()), ProblemSetting.POLICY, 'here')
    with pytest.raises(ConfigError) as caught:
        require(abilities(config(predict_actions=False)), ProblemSetting.POLICY, 'here')
    assert str(caught.value) == (
        'here: cannot be used for policy: its action heads were never trained '
        '(jointly_predict_actions: false); expected one of forward, passive'
    )


@pytest.mark.parametrize(
    ('changes', 'possible'),
    [
        ({}, ALL),
        ({'predict_actions': False}, {'forward', 'passive'}),
        ({'domains': ()}, set()),
        ({'compat': Compat.UPSTREAM}, {'forward'}),
        ({'compat': Compat.UPSTREAM, 'injection': Injection.CROSS_ATTENTION}, set()),
        ({'compat': Compat.UPSTREAM, 'injection': Injection.NONE}, ALL),
        (
            {'compat': Compat.UPSTREAM, 'injection': Injection.NONE, 'diffusion': DIFFUSION},
            {'forward'},
        ),
    ],
)
def test_a_bundle_can_do_less_where_actions_cannot_be_masked(changes, possible):
    found = bundle_abilities(config(**changes))
    assert {name.value for name, ability in found.items() if not ability.refusal} == possible
