# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Windows over the authors' data sets, in our meaning and in theirs."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.errors import ConfigError
from hma_ros.data.token_folders import TokenFolder
from hma_ros.data.token_windows import (
    TokenWindows,
    episode_starts,
    upstream_starts,
    without_overlaps,
)

ROBOMIMIC = Path(__file__).parent / 'golden/data/robomimic_magvit'
episodes = st.lists(st.integers(1, 12), min_size=1, max_size=6).map(
    lambda lengths: np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
)


def test_a_window_holds_every_chunk_of_its_steps():
    # Two steps of two frames need four frames: two places in five, one in four.
    ids = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1], np.int32)
    assert episode_starts(ids, 2, 2).tolist() == [0, 1, 5]
    # Theirs looks three frames ahead only, and leaves the last place out.
    assert upstream_starts(ids, 2, 2).tolist() == [0, 1, 2]


def test_an_id_that_comes_again_is_another_episode():
    assert episode_starts(np.array([7, 7, 3, 7, 7], np.int32), 2, 1).tolist() == [0, 3]


@pytest.mark.parametrize('rule', [episode_starts, upstream_starts])
def test_short_data_have_no_window(rule):
    for frames in range(4):
        assert rule(np.zeros(frames, np.int32), 2, 2).tolist() == []


@settings(max_examples=50, deadline=None)
@given(episodes, st.integers(1, 4), st.integers(1, 3))
def test_starts_are_those_whose_frames_are_all_of_one_episode(ids, steps, stride):
    span = steps * stride
    places = range(len(ids) - span + 1)
    expected = [start for start in places if len(set(ids[start : start + span])) == 1]
    assert episode_starts(ids, steps, stride).tolist() == expected
    # Theirs has all of these but a last one, and more.
    theirs = upstream_starts(ids, steps, stride).tolist()
    assert set(expected) - set(theirs) <= {len(ids) - span}


@settings(max_examples=50, deadline=None)
@given(episodes, st.integers(1, 4), st.integers(1, 3))
def test_without_overlaps_no_frame_is_used_twice(ids, steps, stride):
    starts = episode_starts(ids, steps, stride)
    kept = without_overlaps(starts, steps, stride).tolist()
    used = [start + step * stride for start in kept for step in range(steps)]
    assert len(used) == len(set(used))
    # None could be added.
    for start in set(starts.tolist()) - set(kept):
        assert {start + step * stride for step in range(steps)} & set(used)


def test_published_windows_that_run_into_the_next_episode_are_not_ours():
    folder = TokenFolder.open(ROBOMIMIC)
    published = TokenWindows(folder, 6, start_rule=upstream_starts)
    ours = TokenWindows(folder, 6)
    assert (len(published), len(ours)) == (75, 72)
    segments = folder.segment_ids
    broken = [start for start in published.starts if segments[start] != segments[start + 17]]
    assert broken == sorted(set(published.starts) - set(ours.starts))
    # The last place of the data set is ours alone.
    assert set(ours.starts) - set(published.starts) == {132 - 18}


def test_a_step_joins_the_actions_from_its_frame_on():
    folder = TokenFolder.open(ROBOMIMIC)
    windows = TokenWindows(folder, 6, overlapping=False)
    window = windows[3]
    assert windows.starts[3] == 18
    np.testing.assert_array_equal(window.frames[2], folder.video[18 + 2 * 3])
    np.testing.assert_array_equal(window.actions[2], folder.actions[24:27].ravel())


def test_data_in_which_no_window_fits_are_refused():
    folder = TokenFolder.open(ROBOMIMIC)
    with pytest.raises(ConfigError, match='no window of 60 steps of 3 frames fits'):
        TokenWindows(folder, 60)
