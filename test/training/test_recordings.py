# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Statistics of episodes that a model can be trained with."""

import numpy as np
import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.embodiment.action_meaning import meaning_of
from hma_ros.data.episodes import Episode, EpisodeDataset, EpisodeWriter
from hma_ros.training.recordings import domain_of


def written(folder, names=('x', 'y')):
    """Episodes of the planar robot, of which one coordinate hardly moves."""
    actions = np.zeros((4, 1, 2), np.float32)
    actions[:, 0, 0] = [0.0, 0.1, 0.0, 0.1]
    actions[:, 0, 1] = 0.02
    joints = np.zeros((5, 2), np.float32)
    joints[:4, 0] = actions[:, 0, 0]
    joints[:, 1] = 0.02
    frames = np.zeros((5, 8, 8, 3), np.uint8)
    with EpisodeWriter(folder, 'sim_planar', 10.0, 1, names, ('s', 't')) as writer:
        writer.add(Episode(frames, actions, actions, joints, joints, 'expert', 0, True))
    return EpisodeDataset([folder])


def test_a_stem_says_what_the_numbers_of_its_episodes_mean(tmp_path):
    said = domain_of(written(tmp_path / 'a')).robot.meaning
    assert said == meaning_of(load_embodiment('sim_planar'))
    assert domain_of(written(tmp_path / 'b', ('p', 'q'))).robot.meaning is None


def test_an_action_that_hardly_moves_has_a_deviation_of_the_range_of_its_limits(tmp_path):
    """Else 0.05 m beside it would be tens of thousands of deviations."""
    domain = domain_of(written(tmp_path / 'a'))
    assert domain.std[0] == pytest.approx(0.05)
    # The limits of sim_planar are 0.48 m apart.
    assert domain.std[1] == pytest.approx(0.0048)
    assert domain.joints.move_std == pytest.approx((0.0048, 0.0048))
    assert abs(0.05 - domain.mean[1]) / domain.std[1] < 10
