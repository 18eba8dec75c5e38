# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The guard: whatever it is told, the command stays within the limits; a stop is a stop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.guard import Guard
from hma_ros.core.embodiment import EmbodimentSpec, available_embodiments, load_embodiment

SPECS = {name: load_embodiment(name) for name in available_embodiments()}
FRANKA, SO101, UR5E = SPECS['franka'], SPECS['sim_so101'], SPECS['ur5e']
MIDDLE = np.array([0.5, 0.0, 0.2])


def settle(guard: Guard, desired: object, steps: int) -> np.ndarray:
    """Follow a fixed target with a robot that follows perfectly; return all commands."""
    commands = []
    for _ in range(steps):
        measured = guard.commanded_D
        commands.append(guard.step(desired, measured, 0.0).target_D)  # type: ignore[arg-type]
    return np.array(commands)


@st.composite
def hostile_runs(draw: st.DrawFn) -> tuple[EmbodimentSpec, list[tuple[object, object, float]]]:
    """Draw targets near, at and far beyond the limits, NaN, silence and stale states."""
    spec = SPECS[draw(st.sampled_from(sorted(SPECS)))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lower, upper = np.array(spec.limits.lower), np.array(spec.limits.upper)
    desired, inputs = rng.uniform(lower, upper), []
    for kind in draw(st.lists(st.sampled_from('jjjwwwbbfnsgom'), min_size=1, max_size=60)):
        if kind == 'j':
            desired = rng.uniform(lower, upper)
        elif kind == 'w':
            desired = desired + rng.normal(0, 0.01, len(lower))
        elif kind == 'b':
            desired = np.where(rng.random(len(lower)) < 0.5, lower, upper)
        elif kind == 'f':
            desired = rng.normal(0, 1e6, len(lower))
        wrong = {'n': np.full(len(lower), np.nan), 's': None, 'o': np.zeros(len(lower) + 1)}
        age_s = 10.0 if kind == 'g' else 0.0
        inputs += [(wrong.get(kind, desired), kind != 'm', age_s)] * int(rng.integers(1, 12))
    return spec, inputs


@settings(deadline=None, max_examples=120)
@given(hostile_runs(), st.floats(0.0, 1.0))
def test_no_input_breaks_a_limit(
    run: tuple[EmbodimentSpec, list[tuple[object, object, float]]], place: float
) -> None:
    spec, inputs = run
    lower, upper = np.array(spec.limits.lower), np.array(spec.limits.upper)
    start, dt_s = lower + place * (upper - lower), 1.0 / spec.rates.command_hz
    guard, commands = Guard(spec), [start, start]
    for desired, is_measured, age_s in inputs:
        measured = commands[-1]
        decision = guard.step(
            desired,
            measured if is_measured else None,
            age_s,  # type: ignore[arg-type]
            desired + 0.002 if isinstance(desired, np.ndarray) else None,
        )
        if decision.target_D is not None:
            commands.append(decision.target_D)
        elif commands[-1] is not commands[-2]:
            np.testing.assert_array_equal(commands[-1], commands[-2])  # silent only at rest
    path = np.array(commands)
    velocity = np.diff(path, axis=0) / dt_s
    acceleration = np.diff(velocity, axis=0) / dt_s
    assert np.isfinite(path).all()
    assert (path >= lower - 1e-9).all()
    assert (path <= upper + 1e-9).all()
    assert (np.abs(velocity) <= np.array(spec.limits.velocity) * (1 + 1e-6)).all()
    assert (np.abs(acceleration) <= np.array(spec.limits.acceleration) * (1 + 1e-6) + 1e-6).all()


@settings(deadline=None, max_examples=40)
@given(hostile_runs())
def test_after_a_stop_nothing_moves(
    run: tuple[EmbodimentSpec, list[tuple[object, object, float]]],
) -> None:
    spec, inputs = run
    guard = Guard(spec)
    start = np.mean([spec.limits.lower, spec.limits.upper], axis=0)
    for step in range(5):
        guard.step(start + 0.01 * step, start, 0.0)
    last = guard.commanded_D
    guard.stop('emergency stop')
    for index, (desired, _, age_s) in enumerate(inputs):
        decision = guard.step(desired, start, age_s)  # type: ignore[arg-type]
        assert (decision.verdict, decision.reasons) == ('stopped', ('emergency stop',))
        if index == 0:
            np.testing.assert_array_equal(decision.target_D, last)
        else:
            assert decision.target_D is None


def test_first_command_is_where_the_robot_is() -> None:
    guard = Guard(FRANKA)
    assert guard.commanded_D is None
    decision = guard.step(MIDDLE, MIDDLE, 0.0)
    assert decision.verdict == 'pass'
    np.testing.assert_array_equal(decision.target_D, MIDDLE)


def test_start_towards_a_far_target_is_soft() -> None:
    guard = Guard(FRANKA)
    decision = guard.step(np.add(MIDDLE, [0.1, 0, 0]), MIDDLE, 0.0)
    assert decision.verdict == 'limited'
    assert decision.reasons == ('velocity of x', 'acceleration of x')
    # 3 m/s^2 for one period of 0.01 s
    np.testing.assert_allclose(decision.target_D, np.add(MIDDLE, [3.0 * 0.01 * 0.01, 0, 0]))


def test_fixed_target_is_reached_without_overshoot_and_kept() -> None:
    guard = Guard(FRANKA)
    guard.step(MIDDLE, MIDDLE, 0.0)
    path = settle(guard, np.add(MIDDLE, [0.05, 0, -0.02]), 200)
    assert path[:, 0].max() <= 0.55 + 1e-12
    np.testing.assert_allclose(path[-1], np.add(MIDDLE, [0.05, 0, -0.02]), atol=1e-9)
    assert guard.step(np.add(MIDDLE, [0.05, 0, -0.02]), guard.commanded_D, 0.0).verdict == 'pass'


def test_feasible_motion_passes_unchanged() -> None:
    guard, spec = Guard(SPECS['sim_franka']), SPECS['sim_franka']
    guard.step(MIDDLE, MIDDLE, 0.0)
    step = 0.015 * spec.rates.control_hz / spec.rates.command_hz
    for tick in range(1, 20):
        desired = np.add(MIDDLE, [0, step * tick, 0])
        decision = guard.step(desired, desired, 0.0)
        assert decision.verdict == 'pass'
        np.testing.assert_allclose(decision.target_D, desired)


def test_moving_target_is_met_at_its_own_speed() -> None:
    guard = Guard(FRANKA)
    guard.step(MIDDLE, MIDDLE, 0.0)
    speed, verdicts = 0.0, []
    position = MIDDLE.copy()
    for _ in range(30):
        speed = min(speed + 0.03, 0.2)
        position = np.add(position, [speed * 0.01, 0, 0])
        following = np.add(position, [min(speed + 0.03, 0.2) * 0.01, 0, 0])
        verdicts.append(guard.step(position, position, 0.0, following).verdict)
    assert set(verdicts) == {'pass'}


def test_increments_rest_at_the_workspace_border() -> None:
    guard = Guard(FRANKA)
    guard.step(MIDDLE, MIDDLE, 0.0)
    path = settle(guard, [0.9, 0.0, 0.2], 400)
    np.testing.assert_allclose(path[-1], [0.62, 0.0, 0.2], atol=1e-9)
    decision = guard.step([0.9, 0.0, 0.2], guard.commanded_D, 0.0)
    assert (decision.verdict, decision.reasons) == ('limited', ('workspace of x',))


def test_absolute_target_outside_is_held_not_changed() -> None:
    guard = Guard(SO101)
    guard.step(np.zeros(6), np.zeros(6), 0.0)
    decision = guard.step([0, 0, 1.7, 0, 0, 0], np.zeros(6), 0.0)
    assert decision.verdict == 'hold'
    assert decision.reasons == ('elbow_flex: target beyond its limit by 0.01, expected at most 0',)
    np.testing.assert_array_equal(decision.target_D, np.zeros(6))


@pytest.mark.parametrize(
    ('desired', 'measured', 'age_s', 'reason'),
    [
        ([0.5, np.nan, 0.2], MIDDLE, 0.0, 'target: expected a finite y, got nan'),
        ([0.5, 0.2], MIDDLE, 0.0, 'target: expected 3 values, got shape [2]'),
        (None, MIDDLE, 0.0, 'no target'),
        (MIDDLE, None, 0.0, 'no measured state'),
        (MIDDLE, MIDDLE, 0.3, 'stale measured state: expected at most 0.1 s old, got 0.300 s'),
        (
            MIDDLE,
            MIDDLE,
            -0.3,
            'measured state ahead of the clock: expected at most 0.1 s, got 0.300 s',
        ),
        (MIDDLE, MIDDLE, np.nan, 'stale measured state: expected at most 0.1 s old, got nan s'),
        (MIDDLE, [0.5, np.inf, 0.2], 0.0, 'measured state: expected a finite y, got inf'),
        (
            MIDDLE,
            np.add(MIDDLE, [0, 0.1, 0]),
            0.0,
            'y: following error 0.1, expected at most 0.08',
        ),
    ],
)
def test_what_cannot_be_obeyed_is_held_with_a_reason(
    desired: object, measured: object, age_s: float, reason: str
) -> None:
    guard = Guard(FRANKA)
    guard.step(MIDDLE, MIDDLE, 0.0)
    decision = guard.step(desired, measured, age_s)  # type: ignore[arg-type]
    assert (decision.verdict, decision.reasons) == ('hold', (reason,))
    np.testing.assert_array_equal(decision.target_D, MIDDLE)


def test_nothing_is_commanded_before_the_robot_was_seen() -> None:
    guard = Guard(FRANKA)
    for measured, age_s in ((None, 0.0), (MIDDLE, 1.0), (MIDDLE * np.nan, 0.0)):
        decision = guard.step(MIDDLE, measured, age_s)
        assert decision.verdict == 'hold'
        assert decision.target_D is None


def test_hold_brakes_within_the_acceleration_limit() -> None:
    guard = Guard(UR5E)
    start = np.zeros(6)
    guard.step(start, start, 0.0)
    settle(guard, start + 1.0, 20)
    path = np.array([guard.step(None, guard.commanded_D, 0.0).target_D for _ in range(40)])
    speed = np.diff(path[:, 0]) * UR5E.rates.command_hz
    assert speed[0] > 0.3
    assert speed[-1] == 0.0
    assert np.abs(np.diff(speed)).max() <= 5.0 / UR5E.rates.command_hz + 1e-9


def test_lost_robot_is_braked_then_left_alone_then_met_where_it_is() -> None:
    guard = Guard(UR5E)
    start = np.zeros(6)
    guard.step(start, start, 0.0)
    settle(guard, start + 1.0, 20)
    sent = [guard.step(start + 1.0, guard.commanded_D, 9.0).target_D for _ in range(40)]
    moving = [target for target in sent if target is not None]
    assert sent[len(moving) :] == [None] * (40 - len(moving))
    assert 2 < len(moving) < 20
    np.testing.assert_array_equal(moving[-1], moving[-2])
    elsewhere = start - 0.5
    np.testing.assert_array_equal(guard.step(elsewhere, elsewhere, 0.0).target_D, elsewhere)


def test_robot_that_did_not_follow_is_met_again_only_near_the_command() -> None:
    guard = Guard(FRANKA)
    guard.step(MIDDLE, MIDDLE, 0.0)
    away, near = np.add(MIDDLE, [0, 0.1, 0]), np.add(MIDDLE, [0, 0.05, 0])
    np.testing.assert_array_equal(guard.step(MIDDLE, away, 0.0).target_D, MIDDLE)
    for measured, age_s in ((away, 0.0), (away, 9.0), (near, 9.0), (away, 0.0)):
        decision = guard.step(MIDDLE, measured, age_s)
        assert (decision.verdict, decision.target_D) == ('hold', None)
    np.testing.assert_array_equal(guard.step(near, near, 0.0).target_D, near)
    guard.step(near, MIDDLE - 0.1, 0.0)
    assert guard.step(near, MIDDLE - 0.1, 0.0).target_D is None
    guard.reset()
    np.testing.assert_array_equal(guard.step(MIDDLE, MIDDLE, 0.0).target_D, MIDDLE)


def test_only_release_releases_the_latch_and_starts_where_the_robot_is() -> None:
    guard = Guard(FRANKA)
    guard.step(MIDDLE, MIDDLE, 0.0)
    guard.stop('first')
    guard.stop('second')
    assert guard.stop_reason == 'first'
    guard.reset()
    assert guard.stop_reason == 'first'
    assert guard.step(MIDDLE, MIDDLE, 0.0).verdict == 'stopped'
    guard.release()
    assert guard.stop_reason is None
    elsewhere = np.add(MIDDLE, [0.05, 0.05, 0])
    np.testing.assert_array_equal(guard.step(elsewhere, elsewhere, 0.0).target_D, elsewhere)


def test_robot_outside_its_box_may_come_in_but_not_leave_further() -> None:
    outside = np.array([0.66, 0.0, 0.2])
    guard = Guard(FRANKA)
    further = guard.step(np.add(outside, [0.05, 0, 0]), outside, 0.0)
    np.testing.assert_array_equal(further.target_D, outside)
    path = settle(guard, MIDDLE, 300)
    assert (np.diff(path[:, 0]) <= 1e-12).all()
    np.testing.assert_allclose(path[-1], MIDDLE, atol=1e-9)
