# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Angles in degrees are told from jumps in rad."""

import numpy as np
import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.data.steps import Step, looks_like_degrees

SPEC = load_embodiment('ur5e')
HOME = np.array([0.27, -1.87, -2.13, -0.70, 1.57, -1.29], np.float32)


def step(joints: np.ndarray, increment: float, origin: str) -> Step:
    frame = np.zeros((*SPEC.camera.resize, 3), np.uint8)
    actions = np.full((SPEC.rates.stride, 6), increment, np.float32)
    return Step(0, frame, joints.astype(np.float32), actions, origin)


@pytest.mark.parametrize(
    ('joints', 'increment', 'origin', 'expected'),
    [
        (np.degrees(HOME), 17.6, 'measured', True),
        (HOME, 3.0, 'reported', True),
        (HOME, 3.0, 'measured', False),
        (HOME, 0.01, 'reported', False),
    ],
)
def test_degrees_are_recognised(
    joints: np.ndarray, increment: float, origin: str, expected: bool
) -> None:
    assert looks_like_degrees(SPEC, step(joints, increment, origin)) is expected
