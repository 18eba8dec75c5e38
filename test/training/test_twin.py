# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What training shows the model, and what it asks."""

from dataclasses import replace

import numpy as np
import torch

from hma_ros.data.windows import EpisodeWindows, TokenEpisode
from hma_ros.network.config import Domain, Joints, preset
from hma_ros.network.initial import initialised
from hma_ros.training.recordings import standardise_states
from hma_ros.training.twin import (
    TwinConfig,
    action_losses,
    corrupt,
    frame_loss,
    layout,
    prepare,
)


def generator():
    return torch.Generator().manual_seed(0)


def episode(steps=6, tokens=4, factors=2):
    rng = np.random.default_rng(0)
    return TokenEpisode(
        rng.integers(4, size=(steps + 1, tokens, factors)).astype(np.uint8),
        np.arange(steps, dtype=np.float32)[:, None],
        -np.arange(steps, dtype=np.float32)[:, None],
        10 * np.arange(steps + 1, dtype=np.float32)[:, None],
        np.arange(steps + 1, dtype=np.float32)[:, None],
    )


def test_masked_steps_attend_to_clean_steps_before_them_and_to_themselves():
    places = layout(steps=3, window=2)
    assert places.allowed(2).tolist() == [
        [True, False, False, False, False, False],
        [True, True, False, False, False, False],
        [False, True, True, False, False, False],
        [True, False, False, True, False, False],
        [False, True, False, False, True, False],
        [False, False, True, False, False, True],
    ]
    assert places.lag_RP[5, 2] == 1
    assert places.lag_RP[5, 5] == 0


def test_a_step_stands_with_the_action_that_led_to_it():
    batch = EpisodeWindows([episode()], steps=3).draw(50, seed=0)
    config = TwinConfig(masked_history=0.0, masked_action=0.0, corruption=0)
    twins = prepare(batch, config, 4, generator())
    starts = batch.actions[:, 0, 0].astype(int).tolist()
    for start, actions, known in zip(starts, twins.actions, twins.known, strict=True):
        before = max(start - 1, 0)
        clean, masked = [before, start, start + 1], [start, start + 1, start + 2]
        assert actions[:, 0].tolist() == clean + masked
        assert known.tolist() == [start > 0, *[True] * 5]


def test_prepared_steps_hide_only_what_is_to_be_predicted():
    batch = EpisodeWindows([episode()], steps=3).draw(8, seed=0)
    config = TwinConfig(fully_masked=1.0, masked_history=1.0, masked_action=0.0, corruption=0)
    steps = prepare(batch, config, 4, generator())
    assert not steps.masked[:, :3].any()
    assert steps.masked[:, 3:].all()
    assert not steps.known[:, :3].any()
    assert steps.known[:, 3:].all()
    torch.testing.assert_close(steps.factors[:, 3:], steps.targets)
    torch.testing.assert_close(steps.previous[:, 3:], steps.factors[:, :3])


def test_corruption_replaces_at_most_its_share():
    tokens = torch.zeros(400, 3, 64, 2, dtype=torch.long)
    changed = (corrupt(tokens, 0.2, 8, generator()) != 0).any(-1).float().mean()
    assert 0.02 < changed < 0.1
    assert (corrupt(tokens, 0.0, 8, generator()) == 0).all()


def test_frame_loss_is_zero_for_certain_right_answers_and_counts_masked_tokens_only():
    batch = EpisodeWindows([episode()], steps=3).draw(4, seed=0)
    steps = prepare(batch, TwinConfig(fully_masked=0.0, corruption=0), 4, generator())
    logits = torch.nn.functional.one_hot(steps.targets, 4).float() * 50
    assert frame_loss(logits, steps, 3.0) < 1e-6
    wrong = torch.where(steps.masked[:, 3:, :, None, None], logits, -logits)
    assert frame_loss(wrong, steps, 3.0) < 1e-6


def test_unknown_states_teach_nothing():
    joints = Joints(('slider',), (0.0,), (1.0,), 'unknown', (0.0,), (1.0,), state_size=1)
    stem = Domain('one', 1, (0.0,), (1.0,), joints=joints)
    sizes = {'layers': 1, 'heads': 2, 'width': 16, 'positions': 4, 'factors': 2, 'factor_size': 4}
    torch.manual_seed(0)
    head = initialised(preset('small', [stem], **sizes)).action_heads['one'].train()
    around = EpisodeWindows([episode()], steps=3).draw(4, seed=0).surroundings
    features, states = torch.randn(4, 3, 8, 16), around.states.copy()
    states[:, 1:] = np.nan
    part = replace(around, states=states)
    _, whole = action_losses(head, features, around, TwinConfig(), generator())
    _, known = action_losses(head, features, part, TwinConfig(), generator())
    assert 0 < known < whole
    known.backward()
    assert all(
        torch.isfinite(item.grad).all() for item in head.parameters() if item.grad is not None
    )


def test_states_are_standardised_by_those_that_are_known():
    known = episode()
    states = known.states.copy()
    states[4:] = np.nan
    (found,) = standardise_states([replace(known, states=states)])
    (alone,) = standardise_states([replace(known, states=states[:4])])
    np.testing.assert_array_equal(found.states[:4], alone.states)
    assert np.isnan(found.states[4:]).all()
