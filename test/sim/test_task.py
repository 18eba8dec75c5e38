# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The simulated robots keep their contract: determinism, steps, targets, limits and frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hma_ros.cli.train_data import EMBODIMENTS
from hma_ros.core.errors import ConfigError
from hma_ros.sim import TASK_NAMES, make_task
from hma_ros.sim.simulation import UPDATE_HZ, Task

CONTRACT = {
    'sim_franka': (20.0, 2, 4, 7, 3),
    'sim_ur5e': (10.0, 2, 6, 6, 6),
    'sim_so101': (20.0, 2, 6, 6, 6),
    'sim_planar': (10.0, 1, 2, 2, 2),
}


@pytest.fixture(params=TASK_NAMES)
def task(request: pytest.FixtureRequest) -> Iterator[Task]:
    made = make_task(request.param)
    yield made
    made.close()


def rollout(task: Task, seed: int, steps: int = 4) -> np.ndarray:
    task.reset(seed)
    states = [task.state()]
    for _ in range(steps):
        task.step(task.expert())
        states.append(task.state())
    return np.array(states)


def test_these_robots_are_trained_on_by_default() -> None:
    assert set(EMBODIMENTS) == set(TASK_NAMES)


def test_rates_and_sizes_are_those_of_the_contract(task: Task) -> None:
    sizes = (
        task.control_hz,
        task.stride,
        task.action_dim,
        len(task.joint_names),
        task.command_target().size,
    )
    assert sizes == CONTRACT[task.name]
    assert task.expert().shape == (task.stride, task.action_dim)
    assert task.expert().dtype == np.float32
    assert task.joint_positions().shape == task.joint_velocities().shape


def test_state_holds_what_its_names_say(task: Task) -> None:
    task.reset(1)
    state = dict(zip(task.state_names, task.state(), strict=True))
    tool = [state[f'tool_{axis}'] for axis in 'xyz']
    joints = [state[name] for name in task.joint_names]
    np.testing.assert_allclose(tool, task.tool_pose()[0], atol=1e-6)
    np.testing.assert_allclose(joints, task.joint_positions(), atol=1e-6)


def test_same_seed_gives_the_same_episode(task: Task) -> None:
    first, second, other = rollout(task, 5), rollout(task, 5), rollout(task, 6)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], other[0])


def test_step_lasts_stride_control_steps(task: Task) -> None:
    task.reset(1)
    for _ in range(3):
        task.step(task.expert())
    assert task.time_s == pytest.approx(3 * task.stride / task.control_hz)


def test_step_is_set_target_and_advance(task: Task) -> None:
    """A node that interpolates the target itself sees the same motion as `step`."""
    steps = 3
    task.reset(2)
    chunks = []
    for _ in range(steps):
        chunks.append(task.expert())
        task.step(chunks[-1])
    expected = task.joint_positions()
    task.reset(2)
    size = task.command_target().size
    parts = round(UPDATE_HZ / task.control_hz)
    for action in np.concatenate(chunks).astype(np.float64):
        start = task.command_target()
        end = start + action[:size] if task.delta else action[:size]
        opening = (0.08 if action[-1] > 0 else 0.0) if task.gripper else None
        for part in range(1, parts + 1):
            task.set_target(start + (end - start) * part / parts, opening)
            task.advance(1 / UPDATE_HZ)
    np.testing.assert_allclose(task.joint_positions(), expected, atol=1e-9)


def test_advance_keeps_time_shorter_than_a_physics_step(task: Task) -> None:
    task.reset(0)
    for _ in range(30):
        task.advance(1 / 30)
    assert task.time_s == pytest.approx(1.0, abs=0.006)


def test_command_follows_the_actions_not_the_measured_robot(task: Task) -> None:
    task.reset(3)
    chunk = task.feasible(
        task.wander(task.draw_heading(np.random.default_rng(0)), np.random.default_rng(0))
        + np.zeros((task.stride, 1))
    )
    before, size = task.command_target(), task.command_target().size
    task.step(chunk)
    expected = before + chunk[:, :size].sum(axis=0) if task.delta else chunk[-1, :size]
    np.testing.assert_allclose(task.command_target(), expected, atol=1e-6)


def test_step_limits_a_jump_to_the_robots_speed(task: Task) -> None:
    task.reset(4)
    before, size = task.command_target(), task.command_target().size
    chunk = np.full((task.stride, task.action_dim), 100.0)
    feasible = task.feasible(chunk)
    task.step(chunk)
    moved = np.abs(task.command_target() - before)
    assert (moved <= task.max_step * task.stride + 1e-9).all()
    if task.delta:
        np.testing.assert_allclose(feasible[:, :size].sum(axis=0), moved, atol=1e-6)


def test_step_and_chunk_are_inverse(task: Task) -> None:
    task.reset(1)
    step = task.step_from(task.expert())
    np.testing.assert_allclose(task.step_from(task.chunk_from(step)), step, atol=1e-6)


@pytest.mark.parametrize('wrong', ['shape', 'nan', 'flat'])
def test_step_refuses_a_wrong_chunk(task: Task, wrong: str) -> None:
    chunk = np.zeros((task.stride, task.action_dim))
    if wrong == 'nan':
        chunk[0, 0] = np.nan
    bad = {
        'shape': np.zeros((task.stride + 1, task.action_dim)),
        'nan': chunk,
        'flat': chunk.ravel(),
    }[wrong]
    with pytest.raises(ConfigError, match=task.name):
        task.step(bad)
    with pytest.raises(ConfigError, match=task.name):
        task.feasible(bad)


def test_set_target_and_advance_refuse_nonsense(task: Task) -> None:
    with pytest.raises(ConfigError, match='target'):
        task.set_target(np.zeros(9))
    with pytest.raises(ConfigError, match='target'):
        task.set_target(np.full(task.command_target().size, np.inf))
    with pytest.raises(ConfigError, match='gripper'):
        task.set_target(task.command_target(), float('nan'))
    with pytest.raises(ConfigError, match='advance'):
        task.advance(-0.1)


def test_set_target_stays_within_the_robots_bounds(task: Task) -> None:
    task.set_target(np.full(task.command_target().size, 50.0))
    np.testing.assert_array_equal(task.command_target(), task.limits[1])


def test_tool_pose_is_a_unit_quaternion(task: Task) -> None:
    task.reset(0)
    position, quat_xyzw = task.tool_pose()
    np.testing.assert_allclose(position, task.state()[:3], atol=1e-6)
    assert np.linalg.norm(quat_xyzw) == pytest.approx(1.0)


def test_arms_of_the_table_tasks_point_down() -> None:
    for name in ('sim_franka', 'sim_ur5e'):
        task = make_task(name)
        task.reset(0)
        x, y, z, w = task.tool_pose()[1]
        direction = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]
        np.testing.assert_allclose(direction, [0, 0, -1], atol=0.05)
        task.close()


def test_frame_is_an_rgb_image(task: Task) -> None:
    task.reset(0)
    frame = task.frame()
    assert frame.shape == (128, 128, 3)
    assert frame.dtype == np.uint8
    assert frame.std() > 10
    np.testing.assert_array_equal(frame, task.frame())
    assert task.frame(48, 80).shape == (48, 80, 3)


def test_large_frame_shows_the_same_view(task: Task) -> None:
    task.reset(0)
    large = task.frame(256, 256).astype(np.float64)
    small = large.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    difference = np.abs(small - task.frame())
    assert difference.mean() < 1.5
    assert np.quantile(difference, 0.99) < 25


def test_block_or_ball_is_visible(task: Task) -> None:
    """The saturated object covers at least a few pixels in the first frame."""
    covered = []
    for seed in range(5):
        task.reset(seed)
        frame = task.frame().astype(int)
        covered.append(int((np.ptp(frame, axis=2) > 100).sum()))
    assert np.median(covered) >= 16


def test_frame_size_is_checked(task: Task) -> None:
    with pytest.raises(ConfigError, match='0 x 64'):
        task.frame(0, 64)
    with pytest.raises(ConfigError, match='641'):
        task.frame(64, 641)


def test_closed_task_gives_no_frames(task: Task) -> None:
    task.frame()
    task.close()
    task.close()
    with pytest.raises(ConfigError, match='closed'):
        task.frame()


def test_unknown_task_is_named() -> None:
    with pytest.raises(ConfigError, match=r'sim_spot.*sim_franka'):
        make_task('sim_spot')
