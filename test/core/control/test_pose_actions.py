# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Actions that turn the tool: numbers to orientations and back, limits, measured actions."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.core.control.action_space import actions_from_targets, targets_from_actions
from hma_ros.core.control.axes import axes_of
from hma_ros.core.control.guard import Guard
from hma_ros.core.control.measured_actions import measured_actions
from hma_ros.core.control.orientation import quaternion, rotation_vector
from hma_ros.core.control.pose_actions import composed_increment, pose_actions, pose_misses
from hma_ros.core.control.rotation import numbers_from_quaternion, quaternion_from_numbers
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.control.tool_path import tool_path
from hma_ros.core.embodiment import EmbodimentSpec, embodiment_folder, load_embodiment
from hma_ros.core.embodiment.spec import DELTA_FRAMES, ROTATIONS
from hma_ros.core.errors import ConfigError, MessageError
from hma_ros.nodes.execution_gate import check_may_execute

DROID = load_embodiment('franka_droid')
BASE = np.array([0.45, 0.0, 0.2, 0.0, 0.0, 0.0])
seeds = st.integers(0, 2**32 - 1)
rotations = st.sampled_from(sorted(ROTATIONS))
NS = 1_000_000_000


def with_rotation(rotation: str, delta_frame: str | None) -> EmbodimentSpec:
    """Return the Franka with other actions, which are bounded by 4 in each number."""
    count = ROTATIONS[rotation]
    names = ('x', 'y', 'z', *(f'r{i}' for i in range(count)), 'gripper')
    action = replace(
        DROID.action,
        semantics='ee_pose' if delta_frame is None else 'ee_pose_delta',
        rotation=rotation,
        delta_frame=delta_frame,
        names=names,
        units=('m',) * 3 + ('unitless',) * count + ('open_closed',),
        lower=(-4.0,) * (3 + count) + (0.0,),
        upper=(4.0,) * (3 + count) + (1.0,),
    )
    return replace(DROID, action=action)


def random_targets(seed: int, count: int = 7) -> np.ndarray:
    lower, upper = np.array(DROID.limits.lower), np.array(DROID.limits.upper)
    rng = np.random.default_rng(seed)
    return np.hstack([rng.uniform(lower, upper, (count, 3)), rng.uniform(-0.8, 0.8, (count, 3))])


@given(seeds, rotations)
def test_an_orientation_returns_from_its_numbers(seed: int, rotation: str) -> None:
    turn = np.random.default_rng(seed).normal(size=4)
    turn /= np.linalg.norm(turn)
    numbers = numbers_from_quaternion(rotation, turn)
    assert len(numbers) == ROTATIONS[rotation]
    again = quaternion_from_numbers(rotation, numbers)
    assert np.linalg.norm(rotation_vector(again, turn)) < 1e-6


@given(seeds, rotations, st.sampled_from([None, *DELTA_FRAMES]))
def test_targets_return_from_their_actions(seed: int, rotation: str, frame: str | None) -> None:
    spec, targets = with_rotation(rotation, frame), random_targets(seed)
    actions = actions_from_targets(spec, BASE, targets, np.ones(7))
    got = targets_from_actions(spec, BASE, actions)
    np.testing.assert_allclose(got.positions_HD, targets, atol=1e-6)
    assert not got.saturated_HD.any()


@given(seeds, st.sampled_from(DELTA_FRAMES))
def test_increments_never_turn_the_tool_beyond_its_limits(seed: int, frame: str) -> None:
    spec = with_rotation('rotation_vector', frame)
    actions = np.random.default_rng(seed).uniform(-1.5, 1.5, (14, 7))
    actions[:, 6] = 1.0
    got = targets_from_actions(spec, BASE, actions).positions_HD
    assert np.abs(got[:, 3:]).max() <= 0.8 + 1e-9


@given(seeds)
def test_the_guard_limits_the_angular_velocity_of_random_turns(seed: int) -> None:
    axes, period_s = axes_of(DROID), 0.01
    guard = Guard(axes, period_s)
    turns = [quaternion(guard.place(BASE, period_s).position_X[3:], (0.0, 0.0, 0.0, 1.0))]
    for target in np.repeat(random_targets(seed), 10, axis=0):
        motion = guard.follow(target, np.zeros(6), period_s)
        assert (motion.position_X <= axes.upper + 1e-9).all()
        assert (motion.position_X >= axes.lower - 1e-9).all()
        turns.append(quaternion(motion.position_X[3:], (0.0, 0.0, 0.0, 1.0)))
    fastest = (
        max(np.linalg.norm(rotation_vector(end, start)) for start, end in pairwise(turns))
        / period_s
    )
    assert fastest <= 1.0 + 1e-6


def test_actions_are_measured_from_tool_poses() -> None:
    measured = StateHistory(DROID)
    turn = quaternion_from_numbers('euler_sxyz', (3.0, 0.2, -0.4))
    for index in range(60):
        # Drivers may send either quaternion of an orientation.
        sign = (-1.0) ** index
        xyz = (0.4 + 0.001 * index, 0.0, 0.2)
        measured.add_tool(index * NS // 100, xyz, sign * np.array(turn))
        measured.add_gripper(index * NS // 100, ['fr3_finger_joint1'], [0.04])
    actions = measured_actions(DROID, measured, 0)
    assert actions is not None
    assert actions.shape == (7, 7)
    np.testing.assert_allclose(actions[:, 3:], np.tile([3.0, 0.2, -0.4, 0.0], (7, 1)), atol=1e-6)
    np.testing.assert_allclose(actions[:, 0], 0.4 + 0.1 * np.arange(1, 8) / 15, atol=1e-6)


@pytest.mark.parametrize('rotation', ['quaternion_xyzw', 'matrix_6d'])
def test_numbers_that_are_no_orientation_are_refused(rotation: str) -> None:
    with pytest.raises(MessageError, match='got norm 0'):
        quaternion_from_numbers(rotation, np.zeros(ROTATIONS[rotation]))


def test_actions_that_are_not_verified_are_not_executed() -> None:
    with pytest.raises(ConfigError, match='action.verified: got false'):
        check_may_execute(DROID, 'execute', 'bundle', True)
    check_may_execute(DROID, 'shadow', 'bundle', True)


def test_a_robot_in_simulation_does_not_execute_what_is_not_verified_either() -> None:
    with pytest.raises(ConfigError, match='action.verified: got false'):
        check_may_execute(replace(DROID, simulated=True), 'execute', '', True)


def test_actions_that_turn_the_tool_must_say_whether_they_are_verified(tmp_path: Path) -> None:
    data = yaml.safe_load((embodiment_folder() / 'franka_droid.yaml').read_text())
    del data['action']['verified']
    path = tmp_path / 'franka_droid.yaml'
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match='action.verified'):
        load_embodiment(str(path))


@pytest.mark.parametrize(
    ('rotation', 'numbers'),
    [
        # The same turn about z in numbers that the inverse would not give.
        ('quaternion_xyzw', (0.0, 0.0, -0.1, -0.995)),
        ('euler_sxyz', (np.pi, np.pi, np.pi + 0.2)),
        ('rotation_vector', (0.0, 0.0, 0.2 - 2.0 * np.pi)),
        ('matrix_6d', (2.0, 0.4, 0.0, 0.0, 3.0, 0.0)),
    ],
)
def test_a_turn_in_other_numbers_is_not_cut_off(rotation: str, numbers: tuple[float, ...]) -> None:
    spec = with_rotation(rotation, 'base')
    spec = replace(
        spec,
        action=replace(
            spec.action,
            lower=(-7.0,) * (len(spec.action.lower) - 1) + (0.0,),
            upper=(7.0,) * (len(spec.action.lower) - 1) + (1.0,),
        ),
    )
    got = targets_from_actions(spec, BASE, [[0.0, 0.0, 0.0, *numbers, 1.0]])
    assert 0.1 < np.linalg.norm(got.positions_HD[0, 3:]) < 0.3
    assert not got.saturated_HD.any()


@pytest.mark.parametrize('frame', DELTA_FRAMES)
def test_a_turn_beyond_the_limits_is_marked_as_cut_off(frame: str) -> None:
    spec = with_rotation('rotation_vector', frame)
    got = targets_from_actions(spec, BASE, [[0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]])
    assert got.saturated_HD.tolist() == [[False] * 3 + [True] * 3]


def test_the_path_of_increments_follows_the_turns_of_the_tool() -> None:
    spec = with_rotation('rotation_vector', 'tool')
    quarter = [0.02, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0]
    turn = np.array(DROID.limits.orientation.reference_xyzw)
    path = tool_path(spec, np.array([quarter, quarter]), BASE[:3], turn)
    assert path is not None
    # A hand that points down turns about its own z: to the other side of the base.
    moved = np.array([[0.02, 0.0, 0.0], [0.02 + 0.02 * np.cos(0.5), -0.02 * np.sin(0.5), 0.0]])
    np.testing.assert_allclose(path, BASE[:3] + moved, atol=1e-9)
    assert tool_path(spec, np.array([quarter]), BASE[:3], None) is None


@given(seeds, rotations, st.sampled_from(DELTA_FRAMES))
def test_a_composed_increment_leads_where_its_parts_lead(
    seed: int, rotation: str, frame: str
) -> None:
    spec, targets = with_rotation(rotation, frame), random_targets(seed, 4)
    parts = pose_actions(spec, BASE, targets)
    whole = composed_increment(spec, parts)
    misses = pose_misses(spec, BASE, targets[-1:], whole[None])
    np.testing.assert_allclose(misses, 0.0, atol=1e-6)
