# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Statistics of episodes that a model can be trained with."""

import numpy as np
import pytest

from hma_ros.data.episodes import Episode, EpisodeDataset, EpisodeWriter
from hma_ros.training.recordings import domain_of


def test_an_action_that_hardly_moves_has_a_deviation_of_the_range_of_its_limits(tmp_path):
    """Else 0.05 m beside it would be tens of thousands of deviations."""
    actions = np.zeros((4, 1, 2), np.float32)
    actions[:, 0, 0] = [0.0, 0.1, 0.0, 0.1]
    actions[:, 0, 1] = 0.02
    joints = np.zeros((5, 2), np.float32)
    joints[:4, 0] = actions[:, 0, 0]
    joints[:, 1] = 0.02
    frames = np.zeros((5, 8, 8, 3), np.uint8)
    with EpisodeWriter(tmp_path / 'a', 'sim_planar', 10.0, 1, ('x', 'y'), ('s', 't')) as writer:
        writer.add(Episode(frames, actions, actions, joints, joints, 'expert', 0, True))
    domain = domain_of(EpisodeDataset([tmp_path / 'a']))
    assert domain.std[0] == pytest.approx(0.05)
    # The limits of sim_planar are 0.48 m apart.
    assert domain.std[1] == pytest.approx(0.0048)
    assert domain.joints.move_std == pytest.approx((0.0048, 0.0048))
    assert abs(0.05 - domain.mean[1]) / domain.std[1] < 10
