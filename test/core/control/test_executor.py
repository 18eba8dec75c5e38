# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Plan, guard and history together: what was decided is what is executed, and reported."""

from dataclasses import replace

import numpy as np
import pytest
from rig import Rig, S

from hma_ros.core.control.decision import State
from hma_ros.core.control.executor import Executor
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import EarlierError, LateError, MessageError

FRANKA = load_embodiment('sim_franka')
STAY = np.array([[0.0, 0.0, 0.0, 1.0]] * 2)


def execute(rig: Rig, chunks: np.ndarray, late_periods: int) -> tuple[np.ndarray, set[str]]:
    """Execute chunks ``[T, stride, A]``; return what was executed, and what limited it."""
    rig.started()
    frame_ns = round(S * rig.spec.rates.frame_dt_s)
    begin_ns, limited = rig.now_ns + rig.period_ns, set[str]()
    arrivals = {
        begin_ns + index * frame_ns + (late_periods - 1) * rig.period_ns: index
        for index in range(len(chunks))
    }
    for _ in range(len(chunks) * frame_ns // rig.period_ns + late_periods):
        index = arrivals.get(rig.now_ns)
        if index is not None:
            rig.send(chunks[index], (rig.now_ns - begin_ns - index * frame_ns) / S)
        limited |= set(rig.tick().reasons)
    executed = [rig.executor.executed(begin_ns + index * frame_ns) for index in range(len(chunks))]
    unknown = np.full(chunks.shape[1:], np.nan)
    return np.array([unknown if step is None else step for step in executed]), limited


def full_speed(spec: EmbodimentSpec) -> np.ndarray:
    """Chunks that go to and fro at the bounds of the action."""
    signs = np.array([1, 1, -1, -1, 1, -1])
    chunks = np.tile(np.array(spec.action.upper), (len(signs), spec.rates.stride, 1))
    return chunks * signs[:, None, None]


@pytest.mark.parametrize('name', ['sim_franka', 'sim_ur5e'])
def test_chunk_on_time_is_executed_step_by_step(name: str) -> None:
    rig = Rig(load_embodiment(name))
    chunks = full_speed(rig.spec)
    executed, limited = execute(rig, chunks, late_periods=0)
    np.testing.assert_allclose(executed, chunks, atol=1e-9)
    assert limited == set()


@pytest.mark.parametrize(
    ('name', 'late_periods'),
    [('sim_franka', 2), ('sim_franka', 5), ('sim_ur5e', 2), ('sim_ur5e', 5)],
)
def test_late_chunk_moves_as_far_by_the_end_of_its_step(name: str, late_periods: int) -> None:
    rig = Rig(load_embodiment(name))
    chunks = full_speed(rig.spec)
    executed, limited = execute(rig, chunks, late_periods)
    width = len(rig.spec.action.coordinates)
    # Before the first chunk there was no grip: that step is not known.
    moved, decided = executed[1:].sum(axis=1)[:, :width], chunks[1:].sum(axis=1)[:, :width]
    np.testing.assert_allclose(moved, decided, atol=1e-9)
    assert limited == set()


def test_absolute_targets_are_executed_as_decided() -> None:
    chunks = np.array([[[0.03, 0.01]], [[0.06, -0.02]], [[0.04, -0.01]]])
    executed, limited = execute(Rig(load_embodiment('sim_planar')), chunks, late_periods=0)
    np.testing.assert_allclose(executed, chunks, atol=1e-9)
    assert limited == set()


def test_what_was_commanded_across_a_silence_is_not_known() -> None:
    rig = Rig(FRANKA).moving()
    before_ns = rig.now_ns
    rig.is_seen = False
    rig.until(State.LOST)
    rig.is_seen = True
    rig.run(20)
    assert rig.executor.executed(before_ns) is None
    assert rig.executor.executed(before_ns - S // 20) is None


def test_increments_after_a_loss_start_from_the_last_command() -> None:
    rig = Rig(FRANKA).moving()
    rig.is_seen = False
    rig.until(State.LOST)
    rig.is_seen, rig.sag_X = True, np.array([0.0, 0.0, -0.1, 0.0, 0.0, 0.0])
    rig.until(State.HOLDING)
    last = rig.command()[:3]
    targets = rig.send([[0.01, 0.0, 0.0, 1.0]])
    np.testing.assert_allclose(targets.positions_HD[0], np.add(last, [0.01, 0.0, 0.0]))


@pytest.mark.parametrize(
    ('steps', 'step_dt_s', 'text'),
    [
        (5, 0.05, 'got 5 steps, expected 1 to 4, two steps of the model'),
        (0, 0.05, 'got 0 steps, expected 1 to 4, two steps of the model'),
        (300_000, 0.05, 'got 300000 steps, expected 1 to 4, two steps of the model'),
        (2, 0.1, 'got steps of 0.1 s, expected 0.05 s (sim_franka)'),
    ],
)
def test_chunk_of_the_wrong_form_is_refused(steps: int, step_dt_s: float, text: str) -> None:
    rig = Rig(FRANKA).started()
    with pytest.raises(MessageError) as error:
        rig.executor.check_chunk(step_dt_s, steps)
    assert str(error.value) == f'action chunk: {text}'


def test_chunk_is_refused_while_none_can_be_followed() -> None:
    rig = Rig(FRANKA)
    with pytest.raises(MessageError) as error:
        rig.send(STAY)
    assert str(error.value) == (
        'action chunk: got one while waiting (no measured state), expected none'
    )
    rig.started().executor.stop('emergency stop')
    with pytest.raises(MessageError, match=r'got one while stopped \(emergency stop\)'):
        rig.send(STAY)


@pytest.mark.parametrize(
    'actions', [STAY * np.nan, [[1e9, 0.0, 0.0, 1.0]], [[0.0, 0.0, 0.0, 9.0]], [[0.0]]]
)
def test_refused_chunk_leaves_the_robot_where_it_is(actions: object) -> None:
    rig = Rig(FRANKA).started()
    place = rig.command()
    with pytest.raises(MessageError):
        rig.send(actions)
    np.testing.assert_array_equal([rig.run(10)[-1].motion.position_X], [place])
    assert rig.executor.gripper.position is None


def test_older_chunk_after_a_newer_one_changes_nothing() -> None:
    rig, calm = Rig(FRANKA).started(), Rig(FRANKA).started()
    for each in (rig, calm):
        each.send(each.forward())
        each.tick()
    with pytest.raises(LateError, match=r'0\.060 s before this motion began'):
        rig.send(-rig.forward(), age_s=0.07)
    rig.run(20)
    calm.run(20)
    np.testing.assert_array_equal(rig.command(), calm.command())


def test_the_frame_of_the_first_chunk_is_older_than_the_motion_and_that_is_no_lateness() -> None:
    rig = Rig(FRANKA).started()
    length_s = 2 * FRANKA.rates.step_dt_s
    with pytest.raises(EarlierError, match='before this motion began'):
        rig.send(rig.forward(), age_s=0.5 * length_s)
    with pytest.raises(LateError, match='before this motion began') as late:
        rig.send(rig.forward(), age_s=1.5 * length_s)
    assert not isinstance(late.value, EarlierError)
    rig.send(rig.forward())


def test_ramp_in_starts_slowly_once_for_each_start() -> None:
    rig = Rig(FRANKA, ramp_in_s=0.2).started()
    speeds = []
    for _ in range(3):
        rig.send(rig.forward())
        speeds += [decision.motion.velocity_X[0] for decision in rig.run(10)]
    share = np.minimum(np.arange(1, 31) / 20.0, 1.0)
    assert (np.array(speeds) <= 0.6 * share + 1e-9).all()
    assert speeds[0] == pytest.approx(0.6 / 20.0)
    assert max(speeds) > 0.29
    rig.executor.stop('a stop')
    rig.executor.release()
    rig.until(State.HOLDING)
    rig.send(rig.forward())
    assert rig.tick().motion.velocity_X[0] == pytest.approx(0.6 / 20.0)
    rig.check_limits()


def test_chunks_are_checked_but_not_followed_before_an_approval() -> None:
    rig = Rig(FRANKA, needs_approval=True).started()
    place = rig.command()
    rig.send(rig.forward())
    with pytest.raises(MessageError):
        rig.send([[1e9, 0.0, 0.0, 1.0]])
    assert {decision.state for decision in rig.run(20)} == {State.HOLDING}
    np.testing.assert_array_equal(rig.command(), place)
    # What was shown is over by now.
    rig.run(100)
    assert 'after the last chunk was over' in rig.executor.approval.give(rig.now_ns)
    assert not rig.executor.approval.is_there
    rig.send(rig.forward())
    assert rig.executor.approval.give(rig.now_ns) is None
    rig.send(rig.forward())
    assert rig.run(5)[-1].state is State.TRACKING
    assert rig.command()[0] > place[0]


@pytest.mark.parametrize('end', ['stop', 'loss', 'activation'])
def test_an_approval_lasts_to_the_next_stop_or_loss(end: str) -> None:
    rig = Rig(FRANKA, needs_approval=True).started()
    rig.send(rig.forward())
    rig.tick()
    assert rig.executor.approval.give(rig.now_ns) is None
    rig.send(rig.forward())
    rig.tick()
    if end == 'stop':
        rig.executor.stop('a stop')
        rig.executor.release()
    elif end == 'loss':
        rig.executor.interrupt('the model is silent')
    else:
        rig.executor.reset()
    assert not rig.executor.approval.is_there
    rig.until(State.HOLDING)
    assert not rig.executor.approval.is_there
    # What was shown before is forgotten too.
    assert 'before a chunk was shown' in rig.executor.approval.give(rig.now_ns)


def test_an_approval_before_a_chunk_was_shown_is_refused_and_not_kept() -> None:
    rig = Rig(FRANKA, needs_approval=True).started()
    refusal = rig.executor.approval.give(rig.now_ns)
    assert refusal is not None
    assert refusal.startswith('approval: got one before a chunk was shown')
    place = rig.command()
    with pytest.raises(MessageError):
        rig.send([[1e9, 0.0, 0.0, 1.0]])  # one that is refused was not shown
    assert rig.executor.approval.give(rig.now_ns) == refusal
    rig.send(rig.forward())
    rig.run(5)
    np.testing.assert_array_equal(rig.command(), place)


@pytest.mark.parametrize('share', [0.6, 3.0, -40.0])
def test_shadow_plans_from_rest_where_the_robot_is(share: float) -> None:
    rig = Rig(load_embodiment('ur5e'), is_shadow=True).started()
    for _ in range(5):
        # Moved between two chunks, as by hand: nothing is away from what was never commanded.
        rig.sag_X = rig.sag_X + share * rig.axes.following_error
        states = {decision.state for decision in rig.run(10)}
        assert states <= {State.HOLDING, State.TRACKING}
        measured = rig.measured()
        rig.executor.rebase(measured)
        assert rig.executor.is_at_rest
        rig.send(rig.forward())
        decision = rig.tick()
        step = np.abs(decision.motion.position_X - measured.values_X)
        assert (step <= rig.axes.velocity * rig.period_ns / S + 1e-9).all()
        assert rig.executor.stop_reason is None


def grips(values: list[float], listens: bool = True) -> list[object]:
    """Command a gripper value per step of the model; return what was executed."""
    rig = Rig(FRANKA).started()
    rig.listens, begin_ns = listens, rig.now_ns
    for value in values:
        rig.send([[0.0, 0.0, 0.0, value]] * 2)
        rig.run(10)
    steps = [rig.executor.executed(begin_ns + k * S // 10) for k in range(1, len(values))]
    return [None if step is None else step[1, -1] for step in steps]


def test_reported_gripper_is_the_commanded_one_not_the_models_output() -> None:
    # Within the hysteresis of 0.1 nothing is switched.
    assert grips([0.7, 0.3, -0.05, -0.3, 0.05]) == [1.0, 1.0, -1.0, -1.0]


def test_gripper_that_does_not_listen_is_not_reported_as_switched() -> None:
    assert grips([1.0, 1.0], listens=False) == [None]


def patient(rig: Rig) -> EmbodimentSpec:
    assert rig.spec.gripper is not None
    return replace(rig.spec, gripper=replace(rig.spec.gripper, min_interval_s=1.0))


@pytest.mark.parametrize('between', ['resume', 'configure'])
def test_interval_of_the_gripper_counts_over_a_stop_and_a_configuration(between: str) -> None:
    rig = Rig(patient(Rig(FRANKA))).started()
    rig.send([[0.0, 0.0, 0.0, 1.0]])
    rig.tick()
    opened_ns = rig.now_ns
    assert rig.executor.gripper.position == 0.08
    if between == 'resume':
        rig.executor.stop('a stop')
        rig.executor.release()
    else:
        rig.executor = Executor(rig.spec, 0.5, previous=rig.executor)
    rig.until(State.HOLDING)
    while rig.executor.gripper.position != 0.0:
        rig.send([[0.0, 0.0, 0.0, -1.0]])
        rig.tick()
    assert rig.now_ns - opened_ns == S


def test_grip_that_failed_is_not_known_until_one_is_carried_out() -> None:
    rig = Rig(FRANKA).started()
    rig.tick()
    for value, is_unknown, known in ((1.0, False, 1.0), (-1.0, True, None), (-1.0, False, -1.0)):
        rig.executor.gripper.is_unknown = is_unknown
        begin_ns = rig.now_ns
        rig.send([[0.0, 0.0, 0.0, value]] * 2)
        rig.run(10)
        executed = rig.executor.executed(begin_ns)
        assert (None if executed is None else executed[1, -1]) == known
