# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Windows of steps: each frame with the action executed from it."""

from dataclasses import replace

import numpy as np
import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.data.windows import EpisodeWindows, TokenEpisode, factors_of, patches_of


def episode(steps, start=0):
    """Frame k holds k, and so do its action and, ten times over, its joints."""
    count = np.arange(start, start + steps + 1)
    tokens = np.tile(count[:, None, None], (1, 3, 2)).astype(np.uint8)
    numbers = np.tile(count[:, None], (1, 4)).astype(np.float32)
    return TokenEpisode(tokens, numbers[:-1], -numbers[:-1], 10 * numbers, numbers)


def test_a_window_is_consecutive_steps_of_one_episode():
    batch = EpisodeWindows([episode(6), episode(9, 100)], steps=4).draw(200, seed=0)
    assert batch.tokens.shape == (200, 4, 3, 2)
    assert batch.tokens.dtype == np.int64
    assert batch.actions.dtype == np.float32
    assert (np.diff(batch.tokens[:, :, 0, 0], axis=1) == 1).all()
    assert (batch.tokens[:, :, 0, 0] == batch.actions[:, :, 0]).all()
    # Three starts in one episode, six in the other.
    assert set(batch.tokens[:, 0, 0, 0]) == {0, 1, 2, *range(100, 106)}


def test_episodes_that_are_too_short_are_refused():
    with pytest.raises(ConfigError, match='got no episode of 7 steps among 1, expected one'):
        EpisodeWindows([episode(6)], steps=7)


def test_a_window_knows_what_is_around_it():
    batch = EpisodeWindows([episode(6)], steps=3).draw(50, seed=0)
    starts = batch.tokens[:, 0, 0, 0]
    assert set(starts) == {0, 1, 2, 3}
    around = batch.around
    assert (around.after[:, 0, 0] == starts + 3).all()
    assert (around.before[:, 0, 0] == np.maximum(starts - 1, 0)).all()
    assert (around.known == (starts > 0)).all()
    assert (around.led_here[:, 0] == np.maximum(starts - 1, 0)).all()
    steps = starts[:, None] + np.arange(3)
    assert (around.labels[..., 0] == -steps).all()
    assert (around.joints[..., 0] == 10 * steps).all()
    assert (around.states[..., 0] == steps).all()


def test_the_same_seed_draws_the_same_windows():
    windows = EpisodeWindows([episode(30)], steps=3)
    first, again, other = (windows.draw(8, seed).tokens for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_latents_stay_real():
    item = episode(2)
    latents = replace(item, tokens=np.full((3, 1, 2), 0.5, np.float16))
    assert EpisodeWindows([latents], steps=2).draw(1, seed=0).tokens.dtype == np.float32


def test_ids_have_factor_zero_in_their_lowest_digits():
    factors = factors_of(3, 10)(np.array([[[321, 7]]]))
    assert factors.tolist() == [[[1, 2, 3], [7, 0, 0]]]


def test_latents_of_folders_are_cut_into_patches():
    frames = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    assert patches_of(2)(frames)[0, 0].tolist() == [0, 1, 4, 5]
