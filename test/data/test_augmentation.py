# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Copies of demonstrations show the same motion from another mount, in another light."""

import numpy as np
import pytest
from test_imported_episodes import write

from hma_ros.data.augmentation import Augmented, Change
from hma_ros.data.imported_episodes import ImportedEpisodes


@pytest.fixture
def recorded(tmp_path):
    return ImportedEpisodes(write(tmp_path / 'set', [True, None]))


def frames(episode):
    return np.stack(list(episode.frames))


def test_recorded_episodes_come_first_and_unchanged(recorded):
    both = list(Augmented(recorded, 2))
    assert len(both) == len(Augmented(recorded, 2)) == 6
    for before, after in zip(recorded, both[:2], strict=True):
        np.testing.assert_array_equal(frames(before), frames(after))


def test_copies_differ_in_their_frames_only_and_are_always_the_same(recorded):
    augmented = Augmented(recorded, 2)
    first, copies = list(recorded), list(augmented)[2:]
    for index, copy in enumerate(copies):
        np.testing.assert_array_equal(copy.actions, first[index % 2].actions)
        np.testing.assert_array_equal(copy.joints, first[index % 2].joints)
        assert frames(copy).shape == frames(first[index % 2]).shape
        np.testing.assert_array_equal(frames(copy), frames(list(augmented)[2 + index]))
    shown = [frames(item) for item in (first[0], copies[0], copies[2])]
    assert len({item.tobytes() for item in shown}) == 3
    fingerprints = {Augmented(recorded, count).fingerprint for count in (1, 2)}
    assert len(fingerprints | {recorded.fingerprint}) == 3


def test_a_shift_repeats_the_edge():
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[0], frame[4, 5] = 7, 200
    moved = Change((0.25, -0.125), np.ones(3, np.float32), 0.0)(frame)
    expected = np.zeros((8, 8, 3), np.uint8)
    expected[:3], expected[6, 4] = 7, 200
    np.testing.assert_array_equal(moved, expected)


def test_colours_saturate():
    frame = np.full((2, 2, 3), (0, 100, 250), np.uint8)
    changed = Change((0.0, 0.0), np.float32([1.0, 1.1, 1.1]), -5.0)(frame)
    np.testing.assert_array_equal(changed[0, 0], [0, 105, 255])


def test_all_frames_of_a_copy_change_alike(recorded):
    copy, source = list(Augmented(recorded, 1))[2], next(iter(recorded))
    change = Change.random(np.random.default_rng((0, 0)))
    expected = np.stack([change(frame) for frame in frames(source)])
    np.testing.assert_array_equal(frames(copy), expected)
