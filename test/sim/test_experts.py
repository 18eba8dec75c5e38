# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The scripted experts do their tasks, under noise, and from states they did not make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.sim import TASK_NAMES, make_task
from hma_ros.sim.experts import Pusher
from hma_ros.sim.exploration import Explorer, Kind
from hma_ros.sim.simulation import Task


def finish(task: Task, explorer: Explorer | None = None) -> bool:
    for _ in range(task.horizon_steps):
        label = task.expert()
        task.step(label if explorer is None else explorer.act(label))
        if task.success():
            return True
    return False


@pytest.mark.parametrize('name', TASK_NAMES)
def test_noisy_expert_succeeds(name: str) -> None:
    task = make_task(name)
    done = []
    for seed in range(200, 210):
        task.reset(seed)
        done.append(finish(task, Explorer(task, 'expert', np.random.default_rng(seed))))
    task.close()
    assert sum(done) >= 9


@pytest.mark.parametrize('name', TASK_NAMES)
@pytest.mark.parametrize('kind', ['play', 'random'])
def test_expert_takes_over_from_any_state(name: str, kind: Kind) -> None:
    task = make_task(name)
    done = []
    for seed in range(300, 305):
        task.reset(seed)
        explorer = Explorer(task, kind, np.random.default_rng(seed))
        for _ in range(15):
            task.step(explorer.act(task.expert()))
        done.append(task.success() or finish(task))
    task.close()
    assert sum(done) >= 4


@pytest.mark.parametrize('name', TASK_NAMES)
def test_expert_has_no_memory(name: str) -> None:
    """Asking twice, or asking before the episode, changes nothing."""
    task = make_task(name)
    task.reset(7)
    first = task.expert()
    task.step(first)
    task.reset(7)
    np.testing.assert_array_equal(task.expert(), first)
    np.testing.assert_array_equal(task.expert(), first)
    task.close()


@pytest.mark.parametrize('kind', ['expert', 'play', 'random'])
@pytest.mark.parametrize('name', TASK_NAMES)
def test_explored_actions_are_feasible(name: str, kind: Kind) -> None:
    task = make_task(name)
    task.reset(8)
    explorer = Explorer(task, kind, np.random.default_rng(8))
    for _ in range(10):
        chunk = explorer.act(task.expert())
        np.testing.assert_allclose(task.feasible(chunk), chunk, atol=1e-6)
        task.step(chunk)
    task.close()


def test_planar_target_moves_at_most_five_centimetres_a_step() -> None:
    task = make_task('sim_planar')
    for kind in ('expert', 'play', 'random'):
        task.reset(9)
        explorer = Explorer(task, kind, np.random.default_rng(9))
        for _ in range(20):
            before = task.command_target()
            task.step(explorer.act(task.expert()))
            assert np.linalg.norm(task.command_target() - before) <= 0.05 + 1e-6
    task.close()


PLACE = st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2)).map(np.array)


@given(tool=PLACE, block=PLACE, goal=PLACE)
def test_push_is_finite_and_no_longer_than_a_step(
    tool: np.ndarray, block: np.ndarray, goal: np.ndarray
) -> None:
    move = Pusher(0.06, 0.04).push(tool, block, goal)
    assert np.isfinite(move).all()
    assert np.linalg.norm(move) <= 0.04 + 1e-9


def test_push_goes_straight_when_behind_and_stops_at_the_goal() -> None:
    pusher = Pusher(0.06, 0.04)
    block = np.array([0.0, 0.0])
    move = pusher.push(np.array([-0.06, 0.0]), block, np.array([0.2, 0.0]))
    np.testing.assert_allclose(move, [0.04, 0.0], atol=1e-9)
    np.testing.assert_array_equal(pusher.push(move, block, np.array([0.005, 0.0])), [0, 0])
