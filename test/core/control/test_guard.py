# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The guard: between two commands the limits hold, whatever is wanted and however long it took."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.axes import Axes, axes_of
from hma_ros.core.control.guard import Guard, Motion
from hma_ros.core.embodiment import available_embodiments, load_embodiment

SPECS = {name: load_embodiment(name) for name in available_embodiments()}
AXES = {name: axes_of(spec) for name, spec in SPECS.items()}
PERIODS_S = {name: 1.0 / spec.rates.command_hz for name, spec in SPECS.items()}
PERIOD_S = 0.01
STILL = np.zeros(6)
# The tool in the middle of its box, in the orientation of reference.
MIDDLE = np.array([0.5, 0.0, 0.2, 0.0, 0.0, 0.0])


def placed(name: str, position: np.ndarray) -> Guard:
    guard = Guard(AXES[name], PERIODS_S[name])
    guard.place(position, PERIODS_S[name])
    return guard


def followed(guard: Guard, goal: np.ndarray, commands: int) -> list[Motion]:
    """Follow a goal that stands still."""
    return [guard.follow(goal, np.zeros_like(goal), PERIOD_S) for _ in range(commands)]


def away(offset: list[float]) -> np.ndarray:
    return np.add(MIDDLE, [*offset, 0.0, 0.0, 0.0])


class Judge:
    """Two commands in a row, by what they are and when they are: no more is known of them."""

    def __init__(self, axes: Axes, first: np.ndarray) -> None:
        self._axes, self._position, self._velocity = axes, first, np.zeros_like(first)

    def take(self, position: np.ndarray, elapsed_s: float) -> None:
        axes = self._axes
        velocity = (position - self._position) / elapsed_s
        # Positions have 1e-16 of a radian or metre: in a velocity, that over the time.
        slack = 1e-6 + 1e-12 / elapsed_s**2
        assert (np.abs(velocity) <= axes.velocity * (1 + slack)).all()
        change = np.abs(velocity - self._velocity)
        assert (change <= axes.acceleration * elapsed_s * (1 + slack)).all()
        farther = axes.excess(position) - axes.excess(self._position)
        assert (farther <= 1e-9).all()
        self._position, self._velocity = position, velocity


@st.composite
def actions(draw: st.DrawFn) -> tuple[Axes, float, float, list[tuple[str, float, int]]]:
    """Draw a robot and what is asked of its guard: kind, elapsed periods, a seed for numbers."""
    name = draw(st.sampled_from(sorted(SPECS)))
    elapsed = st.one_of(st.just(1.0), st.floats(1.0, 3.0), st.floats(1.0, 1000.0))
    kind = st.sampled_from(('jump', 'walk', 'border', 'far', 'brake', 'place'))
    steps = st.lists(st.tuples(kind, elapsed, st.integers(0, 2**32 - 1)), min_size=1, max_size=60)
    return AXES[name], PERIODS_S[name], draw(st.floats(0.0, 1.0)), draw(steps)


def act(guard: Guard, axes: Axes, kind: str, elapsed_s: float, seed: int) -> Motion | None:
    """Ask for something; None where the guard does not allow it."""
    rng, here = np.random.default_rng(seed), guard.last.position_X
    if kind == 'brake':
        return guard.brake(elapsed_s)
    goals: dict[str, Callable[[], np.ndarray]] = {
        'jump': lambda: rng.uniform(axes.lower, axes.upper),
        'walk': lambda: here + rng.normal(0.0, 0.5, len(here)) * axes.velocity * elapsed_s,
        'border': lambda: np.where(rng.random(len(here)) < 0.5, axes.lower, axes.upper),
        'far': lambda: rng.normal(0.0, 1e6, len(here)),
        'place': lambda: np.clip(
            here + rng.normal(0.0, 1.0) * axes.acceleration * PERIOD_S * elapsed_s,
            np.minimum(axes.lower, here),
            np.maximum(axes.upper, here),
        ),
    }
    goal = goals[kind]()
    if kind == 'place':
        return guard.place(goal, elapsed_s) if elapsed_s >= guard.wait_s(goal) else None
    speed = rng.normal(0.0, 1.0, len(here)) * axes.velocity * rng.integers(0, 2)
    return guard.follow(goal, speed, elapsed_s, float(rng.uniform(0.0, 1.0) ** 0.1))


@settings(deadline=None, max_examples=200)
@given(actions())
def test_no_goal_and_no_pause_breaks_a_limit(
    run: tuple[Axes, float, float, list[tuple[str, float, int]]],
) -> None:
    axes, period_s, place, steps = run
    guard = Guard(axes, period_s)
    first = guard.place(axes.lower + place * (axes.upper - axes.lower), period_s)
    judge = Judge(axes, first.position_X)
    waited_s = 0.0
    for kind, elapsed, seed in steps:
        waited_s += elapsed * period_s
        motion = act(guard, axes, kind, waited_s, seed)
        if motion is not None:
            judge.take(motion.position_X, waited_s)
            waited_s = 0.0
    # From wherever it was: it comes to rest inside the limits, and stays there.
    while not guard.last.is_at_rest:
        judge.take(guard.brake(waited_s + period_s).position_X, waited_s + period_s)
        waited_s = 0.0
    np.testing.assert_array_equal(guard.brake(period_s).position_X, guard.last.position_X)


@settings(deadline=None, max_examples=100)
@given(actions())
def test_a_controller_that_hears_no_more_stops_inside_the_limits(
    run: tuple[Axes, float, float, list[tuple[str, float, int]]],
) -> None:
    axes, period_s, place, steps = run
    guard = Guard(axes, period_s)
    guard.place(axes.lower + place * (axes.upper - axes.lower), period_s)
    for kind, elapsed, seed in steps:
        motion = act(guard, axes, kind if kind != 'place' else 'far', elapsed * period_s, seed)
        assert motion is not None
        way = np.sign(motion.velocity_X) * motion.velocity_X**2 / (2.0 * axes.acceleration)
        assert (axes.excess(motion.position_X + way) <= 1e-9).all()


def test_start_towards_a_far_goal_is_soft() -> None:
    motion = followed(placed('franka', MIDDLE), away([0.1, 0.0, 0.0]), 1)[0]
    # 3 m/s^2 for one period of 0.01 s
    np.testing.assert_allclose(motion.position_X, away([3.0 * 0.01 * 0.01, 0.0, 0.0]))
    assert motion.limited == ('velocity of x',)


def test_goal_that_stands_still_is_reached_without_overshoot_and_kept() -> None:
    guard, goal = placed('franka', MIDDLE), away([0.05, 0.0, -0.02])
    path = np.array([motion.position_X for motion in followed(guard, goal, 200)])
    assert path[:, 0].max() <= 0.55 + 1e-12
    np.testing.assert_allclose(path[-1], goal, atol=1e-9)
    assert guard.follow(goal, STILL, PERIOD_S).limited == ()


def test_feasible_motion_passes_unchanged() -> None:
    guard = placed('sim_franka', MIDDLE)
    # A full step of 0.015 m in 0.05 s.
    speed = np.array([0.0, 0.3, 0.0, 0.0, 0.0, 0.0])
    for tick in range(1, 20):
        motion = guard.follow(MIDDLE + speed * PERIOD_S * tick, speed, PERIOD_S)
        assert motion.limited == ()
        np.testing.assert_allclose(motion.position_X, MIDDLE + speed * PERIOD_S * tick)


def test_moving_goal_is_met_at_its_own_speed() -> None:
    guard, position = placed('franka', MIDDLE), MIDDLE
    for tick in range(1, 30):
        speed, soon = (np.array([min(0.03 * k, 0.2), 0, 0, 0, 0, 0]) for k in (tick, tick + 1))
        position = position + speed * PERIOD_S
        assert guard.follow(position, soon, PERIOD_S).limited == ()


def test_goal_beyond_the_limits_is_approached_to_the_border_and_said() -> None:
    guard, goal = placed('franka', MIDDLE), away([0.4, 0.0, 0.0])
    last = followed(guard, goal, 400)[-1]
    np.testing.assert_allclose(last.position_X, away([0.12, 0.0, 0.0]), atol=1e-9)
    assert last.limited == ('position limit of x',)


def test_orientation_is_limited_like_a_position() -> None:
    guard, goal = placed('sim_franka', MIDDLE), np.add(MIDDLE, [0.0, 0.0, 0.0, 3.0, 0.0, 0.0])
    motions = followed(guard, goal, 200)
    speed = max(motion.velocity_X[3] for motion in motions)
    # 1.0 rad/s about any axis: each part of the rotation vector has its share.
    assert speed == pytest.approx(1.0 / np.sqrt(3.0))
    assert motions[-1].position_X[3] == pytest.approx(0.3)
    assert motions[-1].limited == ('position limit of rx',)


def test_start_outside_the_box_comes_in_but_goes_no_further_out() -> None:
    guard = placed('franka', away([0.13, 0.0, 0.0]))
    further = guard.follow(away([0.2, 0.0, 0.0]), STILL, PERIOD_S)
    np.testing.assert_array_equal(further.position_X, away([0.13, 0.0, 0.0]))
    path = np.array([motion.position_X[0] for motion in followed(guard, MIDDLE, 300)])
    assert (np.diff(path) <= 1e-12).all()
    np.testing.assert_allclose(path[-1], MIDDLE[0], atol=1e-9)


def test_braking_uses_the_acceleration_limit_and_ends_at_rest() -> None:
    guard, period_s = placed('ur5e', STILL), PERIODS_S['ur5e']
    for _ in range(20):
        guard.follow(STILL + 1.0, STILL, period_s)
    speeds = [guard.brake(period_s).velocity_X[0] for _ in range(100)]
    stops = next(index for index, speed in enumerate(speeds) if speed == 0.0)
    assert 2 < stops < 99
    assert not any(speeds[stops:])
    # 5 rad/s^2, all of it but in the last step.
    np.testing.assert_allclose(np.diff(speeds[:stops]), -5.0 * period_s)


def test_velocity_scale_shares_out_the_velocity_limit() -> None:
    guard = placed('sim_franka', MIDDLE)
    goal = away([0.1, 0.0, 0.0])
    motion = guard.follow(goal, STILL, PERIOD_S, velocity_scale=0.25)
    assert motion.velocity_X[0] == pytest.approx(0.25 * 0.6)
    assert not guard.follow(goal, STILL, PERIOD_S, velocity_scale=0.0).velocity_X.any()


def test_a_place_is_allowed_as_far_as_the_time_since_the_last_command_allows() -> None:
    guard = Guard(AXES['franka'], PERIOD_S)
    assert guard.wait_s(MIDDLE) == 0.0  # nothing was commanded before
    guard.place(MIDDLE, PERIOD_S)
    # It may coast for 0.02 of the following error of 0.08 m, so 0.098 m/s at 3 m/s^2.
    speed = (2.0 * 3.0 * 0.02 * 0.08) ** 0.5
    assert guard.wait_s(away([0.1, 0.0, 0.0])) == pytest.approx(0.1 / speed)


def test_a_place_was_a_motion_for_the_command_after_it() -> None:
    guard = placed('franka', MIDDLE)
    motion = guard.place(away([0.01, 0.0, 0.0]), 0.34)
    assert motion.is_at_rest
    # It went forward at 0.0294 m/s, and back at 0.03 m/s would be twice the acceleration.
    back = guard.follow(away([-0.1, 0.0, 0.0]), STILL, PERIOD_S)
    assert back.velocity_X[0] == pytest.approx(0.01 / 0.34 - 0.03)


def test_a_configuration_that_follows_another_goes_on_from_its_last_command() -> None:
    last = placed('franka', MIDDLE).last
    guard = Guard(AXES['franka'], PERIOD_S, last)
    assert guard.wait_s(away([0.1, 0.0, 0.0])) > 0.1
    np.testing.assert_array_equal(guard.brake(PERIOD_S).position_X, MIDDLE)


def test_after_a_command_sent_late_the_next_accelerates_from_what_the_robot_saw() -> None:
    guard = Guard(axes_of(load_embodiment('sim_so101')), 0.01)
    guard.place(np.zeros(6), 0.01)
    seen = guard.follow(np.full(6, 0.01), np.zeros(6), 0.01)
    guard.delay(0.01, 0.03)
    np.testing.assert_allclose(guard.last.velocity_X, seen.velocity_X / 4.0)
    np.testing.assert_array_equal(guard.last.position_X, seen.position_X)
