# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Inverse kinematics reaches the pose, or the direction, that was asked for."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from hma_ros.sim.kinematics import TOOL_DOWN, Kinematics
from hma_ros.sim.scene import load_robot
from hma_ros.sim.ur5e import Ur5ePush

HOME = np.array([0.27, -1.88, -2.13, -0.71, 1.57, -1.30])
PLACES = [(0.5, 0.0, 0.1), (0.4, -0.2, 0.05), (0.6, 0.2, 0.2)]


@pytest.fixture(scope='module')
def arm() -> Kinematics:
    spec = load_robot('ur5e')
    turn = [np.sqrt(0.5), -np.sqrt(0.5), 0, 0]
    spec.body('wrist_3_link').add_site(name='tool', pos=[0, 0.2, 0], quat=turn)
    model: mujoco.MjModel = spec.compile()
    return Kinematics(model, Ur5ePush.joint_names, 'tool')


@pytest.mark.parametrize('place', PLACES)
def test_a_rotation_is_reached(arm: Kinematics, place: tuple[float, float, float]) -> None:
    at, rotation = arm.forward(arm.solve(HOME, np.array(place), TOOL_DOWN, 200))
    np.testing.assert_allclose(at, place, atol=1e-3)
    np.testing.assert_allclose(rotation, TOOL_DOWN, atol=1e-2)


@pytest.mark.parametrize('place', PLACES)
def test_a_direction_is_reached_however_the_tool_is_turned(
    arm: Kinematics, place: tuple[float, float, float]
) -> None:
    direction = np.array([0.2, -0.3, -1.0])
    direction /= np.linalg.norm(direction)
    turned = HOME.copy()
    turned[5] += 1.0
    joints = arm.solve(turned, np.array(place), direction, 200)
    at, rotation = arm.forward(joints)
    np.testing.assert_allclose(at, place, atol=1e-3)
    np.testing.assert_allclose(rotation[:, 2], direction, atol=1e-2)
    assert joints[5] == pytest.approx(turned[5], abs=0.6)
