# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A trajectory is followed on straight lines, and its end is held."""

import numpy as np

from hma_ros.core.control.timed_targets import TimedTargets


def test_moves_straight_and_holds_the_end() -> None:
    targets = TimedTargets([0.0, 1.0])
    targets.follow(1000, [2000, 4000], [[1.0, 1.0], [3.0, 0.0]])
    np.testing.assert_allclose(targets.target(1000), [0.0, 1.0])
    np.testing.assert_allclose(targets.target(1500), [0.5, 1.0])
    np.testing.assert_allclose(targets.target(3000), [2.0, 0.5])
    np.testing.assert_allclose(targets.target(9000), [3.0, 0.0])


def test_new_targets_start_where_the_old_ones_are_now() -> None:
    targets = TimedTargets([0.0])
    targets.follow(0, [1000], [[1.0]])
    targets.follow(500, [1500], [[0.0]])
    np.testing.assert_allclose(targets.target(500), [0.5])
    np.testing.assert_allclose(targets.target(1000), [0.25])


def test_passed_targets_are_skipped_and_a_passed_end_is_taken_at_once() -> None:
    targets = TimedTargets([0.0])
    targets.follow(1500, [1000, 2000], [[5.0], [1.0]])
    np.testing.assert_allclose(targets.target(1750), [0.5])
    targets.follow(5000, [4000], [[7.0]])
    np.testing.assert_allclose(targets.target(5000), [7.0])
