# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Actions to targets and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.action_space import actions_from_targets, targets_from_actions
from hma_ros.core.embodiment import available_embodiments, load_embodiment
from hma_ros.core.errors import MessageError

# Actions that turn the tool: test_pose_actions.py.
SPECS = {
    name: spec
    for name in available_embodiments()
    if (spec := load_embodiment(name)).action.rotation is None
}
FRANKA, SO101 = SPECS['sim_franka'], SPECS['sim_so101']
MIDDLE = [0.5, 0.0, 0.2]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(SPECS)), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_targets_lead_back_to_the_actions(name: str, horizon: int, seed: int) -> None:
    spec, rng = SPECS[name], np.random.default_rng(seed)
    base = np.mean([spec.limits.lower, spec.limits.upper], axis=0)
    room = 0.1 if spec.action.is_delta else 1.0  # increments that stay inside the workspace
    actions = room * rng.uniform(
        spec.action.lower, spec.action.upper, (horizon, len(spec.action.names))
    )
    if not spec.action.is_delta:
        actions = np.clip(actions, spec.action.lower, spec.action.upper)
    targets = targets_from_actions(spec, base, actions)
    assert not targets.saturated_HD.any()
    back = actions_from_targets(spec, base, targets.positions_HD, targets.gripper_H)
    np.testing.assert_allclose(back, actions, atol=1e-12)


def test_increments_integrate_on_the_base() -> None:
    targets = targets_from_actions(FRANKA, MIDDLE, [[0.01, 0, 0, 1], [0.01, -0.005, 0, -1]])
    np.testing.assert_allclose(targets.positions_HD, [[0.51, 0, 0.2], [0.52, -0.005, 0.2]])
    np.testing.assert_array_equal(targets.gripper_H, [1, -1])


def test_increments_stop_at_the_border_and_say_so() -> None:
    targets = targets_from_actions(FRANKA, [0.61, 0, 0.2], [[0.015, 0, 0, 1], [0.015, 0.01, 0, 1]])
    np.testing.assert_allclose(targets.positions_HD, [[0.62, 0, 0.2], [0.62, 0.01, 0.2]])
    assert targets.saturated_HD.tolist() == [[True, False, False], [True, False, False]]


def test_increment_beyond_its_bound_is_cut_off_and_said() -> None:
    targets = targets_from_actions(FRANKA, MIDDLE, [[0.029, 0, 0, 1.9]])
    np.testing.assert_allclose(targets.positions_HD, [[0.515, 0, 0.2]])
    assert targets.saturated_HD.tolist() == [[True, False, False]]
    np.testing.assert_array_equal(targets.gripper_H, [1.0])


@pytest.mark.parametrize(
    ('actions', 'text'),
    [
        ([[0.031, 0, 0, 1]], 'action dx of step 0: got 0.031, expected -0.03..0.03 m'),
        ([[0, -1e9, 0, 1]], 'action dy of step 0: got -1e+09, expected -0.03..0.03 m'),
        ([[0] * 4, [0, 0, 0, 5]], 'action gripper of step 1: got 5, expected -2..2 open_closed'),
    ],
)
def test_increment_of_more_than_twice_its_bound_is_refused(
    actions: list[list[float]], text: str
) -> None:
    with pytest.raises(MessageError) as error:
        targets_from_actions(FRANKA, MIDDLE, actions)
    assert str(error.value) == f'sim_franka: {text}'


def test_from_outside_the_workspace_one_comes_in_without_a_jump() -> None:
    outside = [0.66, 0, 0.2]
    targets = targets_from_actions(FRANKA, outside, [[0.01, 0, 0, 1], [-0.01, 0, 0, 1]])
    np.testing.assert_allclose(targets.positions_HD[:, 0], [0.66, 0.65])


def test_absolute_target_out_of_bounds_is_refused() -> None:
    with pytest.raises(MessageError) as error:
        targets_from_actions(SO101, np.zeros(6), [[0] * 6, [0, 0, 1.8, 0, 0, 0]])
    assert str(error.value) == (
        'sim_so101: action elbow_flex of step 1: got 1.8, expected -1.69..1.69 rad'
    )


def test_float32_rounding_at_a_bound_is_not_a_mistake() -> None:
    upper = np.array([SO101.action.upper], np.float32)
    targets = targets_from_actions(SO101, np.zeros(6), upper)
    np.testing.assert_allclose(targets.positions_HD, upper, atol=1e-6)


@pytest.mark.parametrize(
    ('actions', 'text'),
    [
        (
            [[0, 0, float('nan'), 1]],
            'sim_franka: actions: got nan at [0, 2], expected finite values',
        ),
        ([[0, 0, 0]], 'sim_franka: actions: got shape [1, 3], expected [H, 4]'),
        ([0, 0, 0, 1], 'sim_franka: actions: got shape [4], expected [H, 4]'),
        (np.zeros((0, 4)), 'sim_franka: actions: got shape [0, 4], expected [H, 4]'),
    ],
)
def test_malformed_actions_are_refused(actions: object, text: str) -> None:
    with pytest.raises(MessageError) as error:
        targets_from_actions(FRANKA, MIDDLE, actions)  # type: ignore[arg-type]
    assert str(error.value) == text


def test_gripper_values_go_with_a_gripper_only() -> None:
    with pytest.raises(MessageError, match='sim_so101: gripper values: got some, expected none'):
        actions_from_targets(SO101, np.zeros(6), np.zeros((1, 6)), [1.0])
    with pytest.raises(MessageError, match='gripper values: got none, expected one per step'):
        actions_from_targets(FRANKA, MIDDLE, [MIDDLE], None)
