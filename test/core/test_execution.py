# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Plan, guard and history together: what was decided is what is executed, and reported."""

import numpy as np
import pytest

from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import MessageError
from hma_ros.core.execution import Execution

S = 1_000_000_000
FRANKA = load_embodiment('sim_franka')
MIDDLE = np.mean([FRANKA.limits.lower, FRANKA.limits.upper], axis=0)
STAY = np.array([[0.0, 0.0, 0.0, 1.0]] * 2)


def execute(
    spec: EmbodimentSpec, chunks: np.ndarray, late_s: float
) -> tuple[np.ndarray, set[str]]:
    """Execute chunks ``[rows, stride, A]`` on a robot that follows; return rows and verdicts."""
    execution = Execution(spec, max_chunk_age_s=1.0)
    tick_ns, row_ns = round(S / spec.rates.command_hz), round(S * spec.rates.frame_dt_s)
    arrivals = {S + row * row_ns + round(late_s * S): row for row in range(len(chunks))}
    measured, verdicts = np.mean([spec.limits.lower, spec.limits.upper], axis=0), set()
    for now_ns in range(S - tick_ns, S + len(chunks) * row_ns + 1, tick_ns):
        if now_ns in arrivals:
            row = arrivals[now_ns]
            execution.accept(S + row * row_ns, spec.rates.step_dt_s, chunks[row], now_ns)
        decision = execution.step(now_ns, measured, 0.0)
        assert decision.target_D is not None
        measured = decision.target_D
        verdicts.add(decision.verdict)
    rows = [execution.executed(S + row * row_ns) for row in range(len(chunks))]
    return np.array(
        [np.full(chunks.shape[1:], np.nan) if row is None else row for row in rows]
    ), verdicts


def full_speed(spec: EmbodimentSpec) -> np.ndarray:
    """Chunks that go to and fro at the bounds of the action."""
    signs = np.array([1, 1, -1, -1, 1, -1])
    chunks = np.tile(np.array(spec.action.upper), (len(signs), spec.rates.stride, 1))
    return chunks * signs[:, None, None]


@pytest.mark.parametrize('name', ['sim_franka', 'sim_ur5e'])
def test_chunk_on_time_is_executed_step_by_step(name: str) -> None:
    spec = load_embodiment(name)
    chunks = full_speed(spec)
    executed, verdicts = execute(spec, chunks, late_s=0.0)
    np.testing.assert_allclose(executed, chunks, atol=1e-9)
    assert verdicts == {'pass'}


@pytest.mark.parametrize(
    ('name', 'late_s'),
    [('sim_franka', 0.02), ('sim_franka', 0.05), ('sim_ur5e', 0.04), ('sim_ur5e', 0.1)],
)
def test_late_chunk_moves_as_far_by_the_end_of_its_row(name: str, late_s: float) -> None:
    spec = load_embodiment(name)
    chunks = full_speed(spec)
    executed, verdicts = execute(spec, chunks, late_s)
    width = len(spec.action.coordinates)
    moved, decided = executed[1:].sum(axis=1)[:, :width], chunks[1:].sum(axis=1)[:, :width]
    np.testing.assert_allclose(moved, decided, atol=1e-9)
    assert verdicts == {'pass'}


def test_absolute_targets_are_executed_as_decided() -> None:
    spec = load_embodiment('sim_planar')
    chunks = np.array([[[0.03, 0.01]], [[0.06, -0.02]], [[0.04, -0.01]]])
    executed, verdicts = execute(spec, chunks, late_s=0.0)
    np.testing.assert_allclose(executed, chunks, atol=1e-9)
    assert verdicts == {'pass'}


def test_after_a_hold_increments_start_where_the_robot_stands() -> None:
    execution = Execution(FRANKA, max_chunk_age_s=1.0)
    execution.step(S, MIDDLE, 0.0)
    execution.accept(S, 0.05, [[0.015, 0, 0, 1]] * 2, S)
    for tick in range(1, 4):
        execution.step(S + tick * S // 100, MIDDLE, 0.0)
    for tick in range(4, 20):  # the state went stale: the robot stops short of the target
        held = execution.step(S + tick * S // 100, MIDDLE, 9.0)
    assert held.verdict == 'hold'
    assert execution.expired(S + 19 * S // 100)
    assert execution.gripper == 1.0
    now_ns = S + 20 * S // 100
    targets = execution.accept(now_ns, 0.05, [[0.01, 0, 0, 1]], now_ns)
    np.testing.assert_allclose(targets.positions_HD[0], np.add(held.target_D, [0.01, 0, 0]))


def test_stop_latches_and_refuses_chunks_until_reset() -> None:
    execution = Execution(FRANKA, max_chunk_age_s=1.0)
    execution.step(S, MIDDLE, 0.0)
    execution.accept(S, 0.05, [[0.015, 0, 0, 1]] * 2, S)
    moving = execution.step(S + S // 100, MIDDLE, 0.0)
    execution.stop('emergency stop')
    for tick in range(2, 30):
        decision = execution.step(S + tick * S // 100, MIDDLE, 0.0)
        np.testing.assert_array_equal(decision.target_D, moving.target_D)
    with pytest.raises(MessageError) as error:
        execution.accept(S, 0.05, STAY, S + S // 20)
    assert str(error.value) == (
        'action chunk: expected none while stopped (emergency stop), got one'
    )
    execution.reset()
    elsewhere = np.add(MIDDLE, [0.02, 0, 0])
    decision = execution.step(2 * S, elsewhere, 0.0)
    assert decision.verdict == 'pass'
    np.testing.assert_array_equal(decision.target_D, elsewhere)


def test_chunk_before_the_robot_state_is_refused() -> None:
    with pytest.raises(MessageError, match='expected none before the robot state, got one'):
        Execution(FRANKA, max_chunk_age_s=1.0).accept(S, 0.05, STAY, S)


def test_chunk_of_another_control_rate_is_refused() -> None:
    execution = Execution(FRANKA, max_chunk_age_s=1.0)
    execution.step(S, MIDDLE, 0.0)
    with pytest.raises(MessageError) as error:
        execution.accept(S, 0.1, STAY, S)
    assert str(error.value) == ('action chunk: expected steps of 0.05 s (sim_franka), got 0.1 s')


def test_refused_chunk_leaves_the_robot_where_it_is() -> None:
    execution = Execution(FRANKA, max_chunk_age_s=1.0)
    execution.step(S, MIDDLE, 0.0)
    with pytest.raises(MessageError, match='expected finite values'):
        execution.accept(S, 0.05, STAY * np.nan, S)
    decision = execution.step(S + S // 100, MIDDLE, 0.0)
    np.testing.assert_array_equal(decision.target_D, MIDDLE)
    assert execution.gripper is None


def test_nothing_is_commanded_before_the_state_is_known() -> None:
    execution = Execution(FRANKA, max_chunk_age_s=1.0)
    assert execution.step(S, None, 0.0).target_D is None
    assert execution.executed(S) is None
