# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Angles modulo one turn."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.core.control.angles import TURN_RAD, nearest_turn, unwrap

ANGLES = st.floats(-50.0, 50.0)


@given(ANGLES, ANGLES)
def test_nearest_turn_is_equivalent_and_within_half_a_turn(angle: float, reference: float) -> None:
    nearest = float(nearest_turn(angle, reference))
    assert abs(nearest - reference) <= math.pi + 1e-9
    turns = (nearest - angle) / TURN_RAD
    assert abs(turns - round(turns)) < 1e-9


@given(ANGLES, st.floats(-3.1, 3.1))
def test_what_is_near_already_is_unchanged(reference: float, offset: float) -> None:
    assert float(nearest_turn(reference + offset, reference)) == reference + offset


def test_other_coordinates_stay_as_they_are() -> None:
    nearest = nearest_turn([3.14, 3.14], [-3.14, -3.14], [True, False])
    np.testing.assert_allclose(nearest, [3.14 - TURN_RAD, 3.14])


@given(st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=30), ANGLES)
def test_unwrapping_undoes_wrapping(steps: list[float], start: float) -> None:
    path = start + np.cumsum([0.0, *steps])
    wrapped = np.remainder(path + math.pi, TURN_RAD) - math.pi
    both = np.stack([wrapped, wrapped], axis=1)
    unwrapped = unwrap(both, [True, False], path[:1].repeat(2))
    np.testing.assert_allclose(unwrapped[:, 0], path, atol=1e-9)
    np.testing.assert_array_equal(unwrapped[:, 1], wrapped)


def test_the_first_sample_stays_without_a_reference() -> None:
    unwrapped = unwrap([[3.14], [-3.14], [3.13]], [True])
    np.testing.assert_allclose(unwrapped, [[3.14], [TURN_RAD - 3.14], [3.13]])
