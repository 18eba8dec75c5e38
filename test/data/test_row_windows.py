# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Windows of rows: each frame with the action executed from it."""

import numpy as np
import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.data.row_windows import (
    OWN_LATENT_SCALE,
    EpisodeRows,
    RowEpisode,
    factors_of,
    patches_of,
)
from hma_ros.data.windows import TokenEpisode


def episode(rows, start=0):
    """Frame k holds k, and so does its action."""
    count = np.arange(start, start + rows)
    tokens = np.tile(count[:, None, None], (1, 3, 2)).astype(np.uint8)
    return RowEpisode(tokens, np.tile(count[:, None], (1, 4)).astype(np.float32))


def test_a_window_is_consecutive_rows_of_one_episode():
    batch = EpisodeRows([episode(6), episode(9, 100)], rows=4, seed=0).draw(200)
    assert batch.tokens.shape == (200, 4, 3, 2)
    assert batch.tokens.dtype == np.int64
    assert batch.actions.dtype == np.float32
    assert (np.diff(batch.tokens[:, :, 0, 0], axis=1) == 1).all()
    assert (batch.tokens[:, :, 0, 0] == batch.actions[:, :, 0]).all()
    # Three starts in one episode, six in the other.
    assert set(batch.tokens[:, 0, 0, 0]) == {0, 1, 2, *range(100, 106)}


def test_episodes_that_are_too_short_are_refused():
    with pytest.raises(ConfigError, match='none of 1 episodes has 7 rows'):
        EpisodeRows([episode(6)], rows=7, seed=0)


def test_the_frame_after_the_last_action_is_no_row():
    levels = np.arange(3, dtype=np.uint8).reshape(3, 1, 1)
    blank = np.zeros((3, 1), np.float32)
    rows = RowEpisode.of_levels(TokenEpisode(levels, blank[:2], blank[:2], blank, blank))
    assert rows.tokens[:, 0, 0].tolist() == [0, 1]


def test_latents_are_scaled_and_stay_real():
    latents = np.full((3, 1, 2), 0.5, np.float16)
    rows = RowEpisode.of_latents(latents, np.zeros((2, 2, 3), np.float32))
    assert rows.actions.shape == (2, 6)
    batch = EpisodeRows([rows], rows=2, seed=0).draw(1)
    assert batch.tokens.dtype == np.float32
    assert (batch.tokens == 0.5 * OWN_LATENT_SCALE).all()


def test_ids_have_factor_zero_in_their_lowest_digits():
    factors = factors_of(3, 10)(np.array([[[321, 7]]]))
    assert factors.tolist() == [[[1, 2, 3], [7, 0, 0]]]


def test_latents_of_folders_are_cut_into_patches():
    frames = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    assert patches_of(2)(frames)[0, 0].tolist() == [0, 1, 4, 5]
