# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The axes: coordinates and orientation with their limits, turns that do not count."""

from dataclasses import replace

import numpy as np
import pytest

from hma_ros.core.control.axes import Axes, axes_of
from hma_ros.core.embodiment import load_embodiment

FRANKA, UR5E = load_embodiment('sim_franka'), load_embodiment('sim_ur5e')


def turning() -> Axes:
    """The UR5e with a wrist that turns without end."""
    continuous = (False,) * 5 + (True,)
    return axes_of(replace(UR5E, limits=replace(UR5E.limits, continuous=continuous)))


def test_tool_pose_has_the_axes_of_its_orientation() -> None:
    axes, turn = axes_of(FRANKA), FRANKA.limits.orientation
    assert turn is not None
    assert axes.names == ('x', 'y', 'z', 'rx', 'ry', 'rz')
    np.testing.assert_allclose(axes.upper, [*FRANKA.limits.upper, *[turn.max_angle] * 3])
    np.testing.assert_allclose(axes.lower, [*FRANKA.limits.lower, *[-turn.max_angle] * 3])
    np.testing.assert_allclose(axes.margin[3:], turn.start_margin)
    np.testing.assert_allclose(axes.following_error[3:], turn.following_error)
    # All three at once turn the tool as fast as it may.
    assert np.linalg.norm(axes.velocity[3:]) == pytest.approx(turn.velocity)
    assert np.linalg.norm(axes.acceleration[3:]) == pytest.approx(turn.acceleration)


def test_joints_have_no_orientation_and_no_jerk_limit_unless_given() -> None:
    axes = axes_of(UR5E)
    assert axes.names == UR5E.action.coordinates
    assert np.isinf(axes.jerk).all()
    jerky = axes_of(replace(UR5E, limits=replace(UR5E.limits, jerk=(9.0,) * 6)))
    np.testing.assert_array_equal(jerky.jerk, [9.0] * 6)


def test_joint_that_turns_without_end_differs_by_less_than_half_a_turn() -> None:
    values, reference = np.full(6, 3.1), np.full(6, -3.1)
    difference = turning().difference(values, reference)
    np.testing.assert_allclose(difference, [6.2] * 5 + [6.2 - 2.0 * np.pi])


def test_excess_is_the_distance_to_the_limits() -> None:
    axes = axes_of(UR5E)
    outside = np.add(axes.upper, [0.5, 0.0, -1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(axes.excess(outside), [0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(axes.excess(axes.lower - 0.5, 0.2), [0.3] * 6)
    assert not axes.excess(axes.lower - 0.5, 0.6).any()
