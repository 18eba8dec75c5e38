# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Smoothed motion: within the limits of its plan, jerk bounded, nothing lags."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rig import Rig

from hma_ros.core.control.axes import Axes, axes_of
from hma_ros.core.control.smoothing import Smoother
from hma_ros.core.embodiment import load_embodiment

PLANAR = load_embodiment('sim_planar')
PERIOD_S = 0.02
RAMP = 5  # periods over which an acceleration builds up


def jerky(ramp: int) -> Axes:
    """Axes whose acceleration takes so many periods to build up."""
    acceleration = np.array(PLANAR.limits.acceleration)
    jerk = tuple(acceleration / (ramp * PERIOD_S)) if ramp else None
    return axes_of(replace(PLANAR, limits=replace(PLANAR.limits, jerk=jerk)))


def path(smoother: Smoother, plan: np.ndarray) -> np.ndarray:
    """Return the smoothed plan ``[T, D]``; it stays at its end."""

    def at(index: int) -> np.ndarray:
        return plan[min(index, len(plan) - 1)]

    return np.array([smoother.advance(lambda k, t=t: at(t + k), 1)[0] for t in range(len(plan))])


def corners(seed: int) -> np.ndarray:
    """A plan from rest at 0 to rest, with pieces of at most 0.4 m/s."""
    rng = np.random.default_rng(seed)
    speeds = np.repeat(rng.uniform(-0.4, 0.4, (6, 2)), rng.integers(1, 20), axis=0)
    still = np.zeros((4 * RAMP, 2))
    return np.cumsum(np.concatenate([still, speeds, still]) * PERIOD_S, axis=0)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_path_keeps_the_limits_of_the_plan_and_has_the_jerk_of_a_ramp(seed: int) -> None:
    plan = corners(seed)
    smooth = path(Smoother(jerky(RAMP), PERIOD_S, [0.0, 0.0]), plan)
    assert (smooth >= plan.min(axis=0) - 1e-12).all()
    assert (smooth <= plan.max(axis=0) + 1e-12).all()
    most = np.abs(np.diff(plan, axis=0)).max(axis=0)
    assert (np.abs(np.diff(smooth, axis=0)) <= most + 1e-12).all()
    # Averages of changes of velocity are no larger than the changes.
    change = np.abs(np.diff(plan, n=2, axis=0)).max(axis=0)
    assert (np.abs(np.diff(smooth, n=2, axis=0)) <= change + 1e-12).all()
    np.testing.assert_allclose(smooth[-1], plan[-1], atol=1e-12)


def test_one_change_of_velocity_spreads_over_two_ramps() -> None:
    speed = 0.3
    plan = np.maximum(np.arange(-30, 30), 0.0)[:, None] * [speed * PERIOD_S, 0.0]
    smooth = path(Smoother(jerky(RAMP), PERIOD_S, [0.0, 0.0]), plan)[:, 0]
    acceleration = np.diff(smooth, n=2) / PERIOD_S**2
    jerk = np.diff(smooth, n=3) / PERIOD_S**3
    assert acceleration.max() == pytest.approx(speed / (RAMP * PERIOD_S))
    assert np.abs(jerk).max() == pytest.approx(speed / (RAMP * PERIOD_S) ** 2)
    # Before the end of the plan, where it stops again.
    assert np.count_nonzero(np.abs(acceleration[:45]) > 1e-9) == 2 * RAMP - 1


def test_a_straight_line_does_not_lag() -> None:
    plan = np.arange(60)[:, None] * [0.004, -0.002]
    smooth = path(Smoother(jerky(RAMP), PERIOD_S, plan[0]), plan)
    np.testing.assert_allclose(smooth[2 * RAMP : -RAMP], plan[2 * RAMP : -RAMP], atol=1e-12)


def test_without_a_jerk_limit_the_plan_is_followed_as_it_is() -> None:
    plan = corners(0)
    smoother = Smoother(jerky(0), PERIOD_S, [0.0, 0.0])
    assert smoother.lead == 0
    np.testing.assert_array_equal(path(smoother, plan), plan)


def test_the_period_after_is_known_too_and_pauses_count() -> None:
    plan = corners(1)
    every = path(Smoother(jerky(RAMP), PERIOD_S, [0.0, 0.0]), plan)
    smoother = Smoother(jerky(RAMP), PERIOD_S, [0.0, 0.0])
    for t in range(0, len(plan) - 2 * RAMP, 3):
        now, soon = smoother.advance(lambda k, t=t: plan[t + k], 3 if t else 1)
        np.testing.assert_allclose(now, every[t], atol=1e-12)
        np.testing.assert_allclose(soon, every[t + 1], atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(-1.0, 1.0), st.integers(1, 8)), min_size=2, max_size=8))
def test_a_new_chunk_at_any_moment_changes_the_velocity_smoothly(
    chunks: list[tuple[float, int]],
) -> None:
    """With a jerk limit no command changes the velocity by more than a ramp allows."""
    franka = load_embodiment('sim_franka')
    ramp_s = 0.04
    limits = replace(franka.limits, jerk=tuple(a / ramp_s for a in franka.limits.acceleration))
    rig = Rig(replace(franka, limits=limits)).started()
    for share, periods in chunks:
        rig.send(share * rig.forward(4))
        rig.run(periods)
    rig.run(60)
    speed = np.diff(np.array(rig.positions)[:, 0]) / 0.01
    # A chunk changes the planned velocity by 0.3 m/s and catches up by as much again.
    assert np.abs(np.diff(speed)).max() <= 1.2 * 0.01 / ramp_s + 1e-9
    assert rig.is_at_rest()
    rig.check_limits()
