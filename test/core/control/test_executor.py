# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Plan, guard and history together: what was decided is what is executed, and reported."""

import numpy as np
import pytest

from hma_ros.core.control.executor import Execution
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import MessageError

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
    sent = []
    for tick in range(4, 20):  # the state went stale: the command brakes, then there is none
        sent.append(execution.step(S + tick * S // 100, MIDDLE, 9.0).target_D)
    assert sent[0] is not None
    assert sent[-1] is None
    assert execution.expired(S + 19 * S // 100)
    assert execution.gripper_position == 0.08
    with pytest.raises(MessageError, match=r'a command to start from \(stale measured state'):
        execution.accept(S + 19 * S // 100, 0.05, STAY, S + 19 * S // 100)
    now_ns, elsewhere = S + 20 * S // 100, np.add(MIDDLE, [0, 0.1, 0])  # meanwhile it was moved
    np.testing.assert_array_equal(execution.step(now_ns, elsewhere, 0.0).target_D, elsewhere)
    targets = execution.accept(now_ns, 0.05, [[0.01, 0, 0, 1]], now_ns)
    np.testing.assert_allclose(targets.positions_HD[0], np.add(elsewhere, [0.01, 0, 0]))
    # What was commanded across the silence is not known, rather than a straight line.
    assert execution.executed(S + 15 * S // 100) is None


def test_stop_latches_falls_silent_and_refuses_chunks_until_released() -> None:
    execution = Execution(FRANKA, max_chunk_age_s=1.0)
    execution.step(S, MIDDLE, 0.0)
    execution.accept(S, 0.05, [[0.015, 0, 0, 1]] * 2, S)
    moving = execution.step(S + S // 100, MIDDLE, 0.0)
    execution.stop('emergency stop')
    at_rest = execution.step(S + 2 * S // 100, MIDDLE, 0.0)
    np.testing.assert_array_equal(at_rest.target_D, moving.target_D)
    for tick in range(3, 30):
        decision = execution.step(S + tick * S // 100, MIDDLE, 0.0)
        assert (decision.verdict, decision.target_D) == ('stopped', None)
    with pytest.raises(MessageError) as error:
        execution.accept(S, 0.05, STAY, S + S // 20)
    assert str(error.value) == (
        'action chunk: expected none while stopped (emergency stop), got one'
    )
    execution.reset()
    assert execution.stop_reason == 'emergency stop'
    assert execution.step(2 * S, MIDDLE, 0.0).target_D is None
    execution.release()
    elsewhere = np.add(MIDDLE, [0.02, 0, 0])
    decision = execution.step(2 * S, elsewhere, 0.0)
    assert decision.verdict == 'pass'
    np.testing.assert_array_equal(decision.target_D, elsewhere)


def test_chunk_before_the_robot_state_is_refused() -> None:
    with pytest.raises(MessageError, match=r'a command to start from \(no measured state\)'):
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
    assert execution.gripper_position is None


def test_nothing_is_commanded_before_the_state_is_known() -> None:
    execution = Execution(FRANKA, max_chunk_age_s=1.0)
    assert execution.step(S, None, 0.0).target_D is None
    assert execution.executed(S) is None


def rows_of_gripper(values: list[float], listens: bool = True) -> list[object]:
    """Command a row per value on a standing robot; return the gripper that was executed."""
    execution = Execution(FRANKA, max_chunk_age_s=1.0)
    execution.step(S, MIDDLE, 0.0)
    row_ns = S // 10
    for row, value in enumerate(values):
        begin_ns = S + row * row_ns
        execution.accept(begin_ns, 0.05, [[0, 0, 0, value]] * 2, begin_ns)
        for tick in range(1, 11):
            execution.step(begin_ns + tick * S // 100, MIDDLE, 0.0, listens)
    rows = [execution.executed(S + row * row_ns) for row in range(1, len(values))]
    return [None if row is None else row[0, -1] for row in rows]


def test_reported_gripper_is_the_commanded_one_not_the_models_output() -> None:
    # Within the hysteresis of 0.1 nothing is switched.
    assert rows_of_gripper([0.7, 0.3, -0.05, -0.3, 0.05]) == [1.0, 1.0, -1.0, -1.0]


def test_gripper_that_does_not_listen_is_not_reported_as_switched() -> None:
    assert rows_of_gripper([1.0, 1.0], listens=False) == [None]
