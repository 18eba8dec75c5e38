# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The states of the executor one by one: what enters them, what they command, what leaves them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig import Rig, S

from hma_ros.core.control.decision import State
from hma_ros.core.control.executor import Executor
from hma_ros.core.control.measurement import Measurement
from hma_ros.core.control.orientation import quaternion
from hma_ros.core.embodiment import available_embodiments, load_embodiment

SPECS = {name: load_embodiment(name) for name in available_embodiments()}
FRANKA = SPECS['franka']  # takes ten periods from full speed to rest
WAITS = 'waiting for 5 consistent measurements'
SILENT = 'no measured state'
STRAYED = 'y: following error: got 0.1, expected at most 0.08'
AWAY = np.array([0.0, 0.1, 0.0, 0.0, 0.0, 0.0])


def brakes(rig: Rig, states: set[State]) -> None:
    """Check that the commands end with one at rest, within the limits, and nothing after it."""
    decisions = [rig.decision, *rig.run(30)]
    motions = [decision.motion for decision in decisions]
    count = motions.index(None)
    assert motions[count:] == [None] * (31 - count)
    assert not any(motion.is_at_rest for motion in motions[: count - 1])
    assert motions[count - 1].is_at_rest
    assert count > 5
    assert {decision.state for decision in decisions} == states
    rig.check_limits()


def lost() -> Rig:
    rig = Rig(FRANKA).moving()
    rig.is_seen = False
    rig.until(State.LOST)
    return rig


def test_waiting_commands_nothing_until_measurements_agree() -> None:
    rig = Rig(FRANKA)
    waiting = rig.run(4)
    assert {(item.state, item.motion, item.reasons) for item in waiting} == {
        (State.WAITING, None, (WAITS,))
    }
    place = rig.robot_X
    start = rig.tick()
    assert (start.state, start.reasons) == (State.HOLDING, ())
    assert start.motion.is_at_rest
    np.testing.assert_array_equal(start.motion.position_X, place)


def test_waiting_says_what_it_waits_for() -> None:
    rig = Rig(FRANKA)
    rig.is_seen, rig.refusal = False, '/emergency_stop: got no message that says "no stop"'
    assert rig.run(10)[-1].reasons == (SILENT,)
    rig.is_seen = True
    assert rig.run(10)[-1].reasons == (rig.refusal,)
    assert rig.executor.state is State.WAITING
    rig.refusal = None
    assert rig.tick().state is State.HOLDING


def test_holding_repeats_its_command_and_a_chunk_is_tracked_until_it_is_over() -> None:
    rig = Rig(FRANKA).started()
    place = rig.command()
    assert all(np.array_equal(item.motion.position_X, place) for item in rig.run(10))
    rig.send(rig.forward())
    tracking = rig.run(9)
    assert {item.state for item in tracking} == {State.TRACKING}
    rig.until(State.HOLDING)
    assert rig.is_at_rest()
    assert rig.executor.expired(rig.now_ns)
    assert rig.command()[0] == pytest.approx(place[0] + 2 * FRANKA.action.upper[0])


def test_target_beyond_the_limits_is_held_where_targets_are_absolute() -> None:
    spec = SPECS['so101']
    narrow = (0.2, *spec.limits.upper[1:])
    rig = Rig(replace(spec, limits=replace(spec.limits, upper=narrow)))
    rig.robot_X = np.zeros(6)
    rig.started().send([[place, 0, 0, 0, 0, 0] for place in (0.05, 0.1, 0.15, 0.5)])
    rig.until(State.TRACKING)
    rig.until(State.HOLDING)
    (reason,) = rig.decision.reasons
    assert reason.startswith(f'{spec.action.names[0]}: target beyond its limit by: got ')
    rig.run(100)
    assert rig.is_at_rest()
    assert 0.02 < rig.command()[0] <= 0.2
    rig.check_limits()


def test_lost_state_brakes_to_one_command_at_rest_and_then_nothing() -> None:
    rig = Rig(FRANKA).moving()
    rig.is_seen = False
    assert rig.tick().state is State.BRAKING
    assert rig.decision.reasons == (SILENT,)
    brakes(rig, {State.BRAKING, State.LOST})


def test_robot_that_does_not_follow_brakes() -> None:
    rig = Rig(FRANKA).moving()
    rig.sag_X = AWAY
    decision = rig.tick()
    assert (decision.state, decision.reasons) == (State.BRAKING, (STRAYED,))


@pytest.mark.parametrize('name', ['tick', 'interrupt'])
def test_interruptions_brake_and_drop_the_chunk(name: str) -> None:
    rig = Rig(FRANKA).moving()
    if name == 'tick':
        rig.tick(1, 'the clock jumped by -1.000 s')
    else:
        rig.executor.interrupt('the clock jumped by -1.000 s')
        rig.tick()
    assert rig.decision.state is State.BRAKING
    assert rig.decision.reasons == ('the clock jumped by -1.000 s',)
    rig.until(State.HOLDING)
    assert rig.executor.expired(rig.now_ns)
    rig.check_limits()


def test_after_a_jump_back_chunks_with_older_stamps_are_followed() -> None:
    rig = Rig(FRANKA).moving()
    rig.now_ns -= 10**9
    rig.tick(1, 'the clock jumped by -1.000 s')
    rig.until(State.HOLDING)
    rig.send(rig.forward())
    assert rig.tick().state is State.TRACKING


def test_braking_ends_at_rest_even_if_the_state_is_back() -> None:
    rig = Rig(FRANKA).moving()
    rig.is_seen = False
    rig.tick()
    rig.is_seen = True
    rig.until(State.LOST)
    assert rig.is_at_rest()
    last = rig.command()
    assert rig.tick().state is State.HOLDING
    np.testing.assert_array_equal(rig.command(), last)


def test_lost_says_why_and_goes_on_from_the_last_command() -> None:
    rig = lost()
    last = rig.command()
    decision = rig.run(50)[-1]
    assert (decision.state, decision.motion, decision.reasons) == (State.LOST, None, (SILENT,))
    rig.is_seen, rig.sag_X = True, 0.7 * AWAY
    decision = rig.tick()
    assert (decision.state, decision.reasons) == (State.HOLDING, ())
    np.testing.assert_array_equal(decision.motion.position_X, last)


def strayed() -> Rig:
    """Lose the robot, and find it away from its last command."""
    rig = lost()
    rig.is_seen, rig.sag_X = True, AWAY
    decision = rig.tick()
    assert (decision.state, decision.motion, decision.reasons) == (State.WAITING, None, (STRAYED,))
    return rig


def test_robot_that_settles_away_from_the_last_command_stops_until_somebody_resumes() -> None:
    rig = strayed()
    last, count = rig.command(), len(rig.positions)
    assert {decision.state for decision in rig.run(20)} == {State.WAITING}
    rig.until(State.STOPPED)
    assert rig.executor.stop_reason == (
        f'y: away from the last command: got 0.1 measured, expected {last[1]:.4g} commanded; look '
        'at the robot, then call ~/resume, which starts from the measured position; if the robot '
        'is not there, mend the state first'
    )
    # It latches: also where the robot is back, and over an activation.
    rig.sag_X = 0.0 * AWAY
    rig.executor.reset()
    assert {decision.state for decision in rig.run(100)} == {State.STOPPED}
    assert len(rig.positions) == count
    rig.sag_X = AWAY
    rig.executor.release()
    rig.tick()
    rig.until(State.HOLDING)
    np.testing.assert_allclose(rig.command(), last + AWAY)
    assert rig.is_at_rest()
    rig.check_limits()


def test_robot_that_moves_elsewhere_is_waited_for_until_it_rests() -> None:
    rig = strayed()
    for _ in range(100):
        rig.sag_X = rig.sag_X + 0.01 * AWAY
        assert rig.tick().state is State.WAITING
    assert 'waiting for the robot to come back or to rest' in rig.decision.reasons[0]
    rig.until(State.STOPPED)


def test_robot_whose_measurement_never_rests_stops_after_some_seconds() -> None:
    rig = strayed()
    noise_X = 0.06 * rig.axes.following_error
    count, start_ns = len(rig.positions), rig.now_ns
    while rig.executor.state is not State.STOPPED:
        noise_X = -noise_X
        rig.sag_X = AWAY + noise_X
        rig.tick()
        assert rig.now_ns - start_ns < 5.1 * S
    assert rig.now_ns - start_ns > 4.9 * S
    assert 'y: away from the last command' in rig.executor.stop_reason
    assert len(rig.positions) == count


def test_resume_while_it_waits_for_the_robot_releases_nothing() -> None:
    rig = strayed()
    last = rig.command()
    rig.executor.release()
    rig.until(State.STOPPED)
    np.testing.assert_array_equal(rig.command(), last)
    rig.executor.release()
    rig.until(State.HOLDING)
    np.testing.assert_allclose(rig.command(), last + AWAY)
    rig.check_limits()


@pytest.mark.parametrize('is_configured_anew', [False, True])
def test_an_activation_while_it_waits_for_the_robot_stops(is_configured_anew: bool) -> None:
    rig = strayed()
    count = len(rig.positions)
    if is_configured_anew:
        rig.executor = Executor(FRANKA, 0.5, previous=rig.executor)
    rig.executor.reset()
    assert 'y: away from the last command' in rig.executor.stop_reason
    assert {decision.state for decision in rig.run(100)} == {State.STOPPED}
    assert len(rig.positions) == count
    last = rig.command()
    rig.executor.release()
    rig.until(State.HOLDING)
    np.testing.assert_allclose(rig.command(), last + AWAY)
    # Once it moves it is not away any more.
    rig.executor.reset()
    assert rig.executor.stop_reason is None


def test_another_stop_replaces_that_of_a_robot_away_and_stays() -> None:
    rig = strayed()
    rig.until(State.STOPPED)
    rig.executor.stop('~/stop was called')
    assert rig.executor.stop_reason == '~/stop was called'
    rig.executor.stop('emergency stop')
    assert rig.executor.stop_reason == '~/stop was called'
    assert rig.tick().state is State.STOPPED
    assert rig.decision.reasons == ('~/stop was called',)


def test_an_activation_brakes_from_no_command_of_before() -> None:
    rig = Rig(FRANKA).moving()
    rig.executor.stop('emergency stop')
    rig.tick()
    # The commands could not be sent, and the robot was deactivated in motion.
    count = len(rig.positions)
    rig.executor.reset()
    assert {decision.state for decision in rig.run(20)} == {State.STOPPED}
    assert len(rig.positions) == count


def test_swapped_joints_stop_and_say_which() -> None:
    spec = SPECS['ur5e']
    rig = Rig(spec)
    rig.robot_X = np.array(spec.home)
    rig.started()
    rig.measured = lambda: Measurement(rig.robot_X[[1, 0, 2, 3, 4, 5]], rig.now_ns)
    rig.until(State.STOPPED)
    assert '(and 1 more): away from the last command' in rig.executor.stop_reason


def test_degrees_are_suspected() -> None:
    spec = SPECS['ur5e']
    rig = Rig(spec)
    rig.robot_X = np.degrees(spec.home)
    rig.run(10)
    (reason,) = rig.decision.reasons
    assert 'measured outside its limit and start margin by' in reason
    assert reason.endswith(': expected radians, these look like degrees')
    # Not so if no unit would explain it.
    rig.robot_X = np.full(6, 1e4)
    assert 'degrees' not in rig.tick().reasons[0]


def test_robot_that_comes_back_to_the_last_command_goes_on_from_it() -> None:
    rig = lost()
    last = rig.command()
    rig.is_seen, rig.sag_X = True, AWAY
    rig.run(3)
    rig.sag_X = 0.5 * AWAY
    rig.until(State.HOLDING)
    np.testing.assert_array_equal(rig.command(), last)


def test_stop_comes_to_rest_then_is_silent_until_released() -> None:
    rig = Rig(FRANKA).moving()
    rig.executor.stop('emergency stop')
    rig.executor.stop('another')
    decision = rig.tick()
    assert (decision.state, decision.reasons) == (State.STOPPED, ('emergency stop',))
    brakes(rig, {State.STOPPED})
    rig.executor.reset()
    assert rig.executor.stop_reason == 'emergency stop'
    assert rig.tick().state is State.STOPPED
    rig.executor.release()
    assert rig.executor.stop_reason is None
    assert rig.tick().state is State.WAITING
    rig.until(State.HOLDING)


@pytest.mark.parametrize('state', [State.WAITING, State.LOST])
def test_stop_of_a_silent_executor_commands_nothing(state: State) -> None:
    rig = lost() if state is State.LOST else Rig(FRANKA)
    rig.tick()
    rig.executor.stop('emergency stop')
    assert [decision.motion for decision in rig.run(20)] == [None] * 20


def test_stop_while_braking_goes_on_braking() -> None:
    rig = Rig(FRANKA).moving()
    rig.executor.interrupt('the model is silent')
    rig.tick()
    rig.executor.stop('emergency stop')
    rig.tick()
    brakes(rig, {State.STOPPED})


@pytest.mark.parametrize('periods', range(4))
def test_stop_and_resume_at_once_comes_to_rest_before_a_new_start(periods: int) -> None:
    rig = Rig(FRANKA).moving()
    rig.executor.stop('emergency stop')
    rig.run(periods)
    rig.executor.release()
    rig.until(State.HOLDING)
    assert rig.is_at_rest()
    rig.check_limits()
    rig.send(rig.forward())
    rig.run(30)
    rig.check_limits()


@pytest.mark.parametrize('is_stopped', [False, True])
def test_shutting_down_comes_to_rest(is_stopped: bool) -> None:
    rig = Rig(FRANKA).moving()
    if is_stopped:
        rig.executor.stop('emergency stop')
    motions = []
    while (motion := rig.halt().motion) is not None:
        motions.append(motion)
    assert len(motions) > 5
    assert motions[-1].is_at_rest
    rig.check_limits()


def test_shutting_down_while_silent_commands_nothing() -> None:
    assert Rig(FRANKA).halt().motion is None
    assert lost().halt().motion is None


def test_a_new_configuration_starts_within_the_limits_of_the_last_command() -> None:
    rig = Rig(FRANKA).started()
    rig.executor = Executor(FRANKA, 0.5, previous=rig.executor)
    rig.sag_X = AWAY
    rig.run(10)
    assert rig.decision.reasons[0].startswith('away from the last command: a start in ')
    rig.executor.reset()
    rig.until(State.HOLDING)


def test_default_pose_and_flipped_tool_are_never_commanded() -> None:
    rig = Rig(FRANKA)
    reference = FRANKA.limits.orientation.reference_xyzw
    flipped = quaternion([np.pi, 0.0, 0.0], reference)
    wrong = [([0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]), ([0.5, 0.0, 0.2], flipped)]
    for xyz, quat_xyzw in wrong:
        rig.measured = lambda xyz=xyz, turn=quat_xyzw: rig.executor.measurement(
            xyz, turn, rig.now_ns, 'pose'
        )
        assert {item.state for item in rig.run(300)} == {State.WAITING}
        assert 'measured outside its limit and start margin by: got ' in rig.decision.reasons[0]
    assert rig.positions == []


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(SPECS)),
    st.one_of(st.floats(-3.0, -0.3), st.floats(0.3, 3.0)),
    st.integers(0, 30),
    st.integers(1, 4),
)
def test_wrong_samples_in_between_move_nothing(
    name: str, size: float, first: int, count: int
) -> None:
    rig = Rig(SPECS[name])
    place = rig.robot_X
    for index in range(80):
        is_wrong = first <= index < first + count
        rig.sag_X = size * (rig.axes.upper - rig.axes.lower) * is_wrong
        rig.is_seen = not 10 <= index < 25  # with a loss in between
        rig.tick()
    commands = np.array(rig.positions)
    np.testing.assert_array_equal(commands, np.tile(place, (len(commands), 1)))
    assert rig.executor.state is State.HOLDING


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(SPECS)), st.floats(-0.99, 0.99), st.integers(1, 40))
def test_gaps_ratchet_nothing(name: str, share: float, periods: int) -> None:
    rig = Rig(SPECS[name]).started()
    place = rig.command()
    rig.sag_X = share * rig.axes.following_error
    for _ in range(20):
        rig.is_seen = False
        rig.run(periods)
        rig.is_seen = True
        rig.until(State.HOLDING)
    commands = np.array(rig.positions)
    np.testing.assert_array_equal(commands, np.tile(place, (len(commands), 1)))


def test_robot_that_starts_outside_comes_back_in_by_absolute_targets() -> None:
    rig = Rig(load_embodiment('sim_so101'))
    rig.robot_X = rig.axes.upper + 0.5 * rig.axes.margin
    rig.started()
    inside = rig.axes.upper - 0.05
    for _ in range(10):
        rig.send(np.tile(inside, (2, 1)))
        rig.run(10)
    np.testing.assert_allclose(rig.command(), inside, atol=1e-6)
    rig.check_limits()
