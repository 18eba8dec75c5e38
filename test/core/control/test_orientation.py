# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Orientations to rotation vectors and back."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.orientation import quaternion, rotation_vector
from hma_ros.core.control.orientation_goal import OrientationGoal
from hma_ros.core.embodiment import load_embodiment

DOWN = (1.0, 0.0, 0.0, 0.0)


@st.composite
def units(draw: st.DrawFn, size: int) -> np.ndarray:
    """Draw a direction."""
    values = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).normal(size=size)
    return values / np.linalg.norm(values)


@settings(deadline=None)
@given(units(4), units(3), st.floats(0.0, 3.0))
def test_vectors_and_orientations_are_each_others_inverse(
    reference: np.ndarray, axis: np.ndarray, angle_rad: float
) -> None:
    turn = quaternion(axis * angle_rad, reference)
    assert np.linalg.norm(turn) == pytest.approx(1.0)
    np.testing.assert_allclose(rotation_vector(turn, reference), axis * angle_rad, atol=1e-7)


@settings(deadline=None)
@given(units(4), units(4))
def test_a_quaternion_and_its_negative_are_one_orientation(
    quat: np.ndarray, reference: np.ndarray
) -> None:
    vector = rotation_vector(quat, reference)
    assert np.linalg.norm(vector) <= np.pi + 1e-9
    np.testing.assert_allclose(rotation_vector(-quat, reference), vector, atol=1e-7)
    np.testing.assert_allclose(rotation_vector(quat, -reference), vector, atol=1e-7)


def test_a_quarter_turn_about_the_axes_of_the_reference() -> None:
    half = np.sqrt(0.5)
    vector = rotation_vector((0.0, 0.0, half, half), (0.0, 0.0, 0.0, 1.0))
    np.testing.assert_allclose(vector, [0.0, 0.0, np.pi / 2.0])
    # The tool points down: its own z axis is the other way round.
    turned = quaternion([0.0, 0.0, np.pi / 2.0], DOWN)
    np.testing.assert_allclose(rotation_vector(turned, DOWN), [0.0, 0.0, np.pi / 2.0])
    np.testing.assert_allclose(np.abs(turned), [half, half, 0.0, 0.0], atol=1e-12)


def test_goal_keeps_the_orientation_of_the_start_or_takes_that_of_the_embodiment() -> None:
    spec = load_embodiment('sim_franka')
    goal = OrientationGoal(spec)
    goal.begin([0.1, 0.0, 0.0])
    np.testing.assert_array_equal(goal.goal_3, [0.1, 0.0, 0.0])
    given = quaternion([0.0, 0.2, 0.0], DOWN)
    goal = OrientationGoal(
        replace(spec, commands=(replace(spec.commands[0], orientation_xyzw=given),))
    )
    goal.begin([0.1, 0.0, 0.0])
    np.testing.assert_array_equal(goal.goal_3, [0.1, 0.0, 0.0])
    goal.aim()
    np.testing.assert_allclose(goal.goal_3, [0.0, 0.2, 0.0], atol=1e-9)


def test_robots_without_a_tool_pose_have_no_orientation() -> None:
    goal = OrientationGoal(load_embodiment('sim_ur5e'))
    assert goal.vector(DOWN).shape == goal.goal_3.shape == (0,)
    assert goal.quaternion([]) is None
