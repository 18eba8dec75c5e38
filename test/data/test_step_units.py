# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Angles in degrees differ from jumps in rad, and joints in another unit are refused."""

from dataclasses import replace

import numpy as np
import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import MessageError
from hma_ros.data.steps import JointRangeError, Step, check_step, looks_like_degrees

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


def test_joints_in_degrees_are_refused_however_small_the_actions_are() -> None:
    with pytest.raises(JointRangeError) as refusal:
        check_step(SPEC, step(np.degrees(HOME), 0.01, 'measured'), 'bag: step 7')
    assert str(refusal.value) == (
        "bag: step 7: joint 'shoulder_pan_joint': got 15.4699, expected -6.2831..6.2831 rad or a "
        'little beyond; correct its unit, or limits.lower and limits.upper'
    )


@pytest.mark.parametrize('share', [0.0, 1.0, 1.05])
def test_joints_a_little_beyond_their_limits_are_measured(share: float) -> None:
    upper = np.array(SPEC.limits.upper)
    check_step(SPEC, step(share * upper, 0.01, 'measured'), 'bag: step 7')


def test_joints_that_turn_without_end_may_have_turned_far() -> None:
    endless = replace(SPEC.limits, continuous=(False, False, False, False, False, True))
    turned = HOME + np.array([0, 0, 0, 0, 0, 100], np.float32)
    check_step(replace(SPEC, limits=endless), step(turned, 0.01, 'measured'), 'bag: step 7')
    with pytest.raises(MessageError, match='wrist_3_joint'):
        check_step(SPEC, step(turned, 0.01, 'measured'), 'bag: step 7')


def test_joints_of_a_tool_that_is_commanded_have_no_limits() -> None:
    spec = load_embodiment('franka')
    frame = np.zeros((*spec.camera.resize, 3), np.uint8)
    joints = np.full(len(spec.state.joints), 9.0, np.float32)
    actions = np.zeros((spec.rates.stride, len(spec.action.names)), np.float32)
    check_step(spec, Step(0, frame, joints, actions), 'bag: step 7')
