# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The planned motion: increments on what was commanded, ramps, refusals."""

import numpy as np
import pytest

from hma_ros.core.control.axes import axes_of
from hma_ros.core.control.command_history import CommandHistory
from hma_ros.core.control.motion_plan import MotionPlan
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import LateError

MS = 1_000_000
FRANKA, SO101 = load_embodiment('sim_franka'), load_embodiment('sim_so101')
START = np.array([0.5, 0.0, 0.2])
FORWARD = [[0.01, 0.0, 0.0, 1.0]] * 2


def planned(ramp_in_s: float = 0.0) -> tuple[MotionPlan, CommandHistory]:
    history = CommandHistory(FRANKA, 5.0)
    history.record(0, START, None)
    plan = MotionPlan(FRANKA, axes_of(FRANKA), 0.5, history, ramp_in_s)
    plan.hold(START)
    return plan, history


def followed_for_50_ms() -> MotionPlan:
    """A plan half-way through its first chunk, which is 0.02 m and 100 ms long."""
    plan, history = planned()
    plan.accept(0, FORWARD, 0, 0, follow=True)
    for reach_ns in range(10 * MS, 60 * MS, 10 * MS):
        target, _ = plan.targets(reach_ns, 1)
        history.record(reach_ns, target, None)
    return plan


def test_increments_of_a_moment_to_come_start_from_what_will_be_commanded_then() -> None:
    plan = followed_for_50_ms()
    # At 100 ms the first chunk is over: 0.02 m further on.
    targets = plan.accept(100 * MS, FORWARD, 55 * MS, 50 * MS, follow=True)
    np.testing.assert_allclose(targets.positions_HD[0], np.add(START, [0.03, 0.0, 0.0]))


def test_increments_that_are_added_start_where_the_first_end() -> None:
    plan = followed_for_50_ms()
    targets = plan.accept(0, FORWARD * 2, 55 * MS, 50 * MS, follow=True)
    np.testing.assert_allclose(targets.positions_HD[-1], np.add(START, [0.04, 0.0, 0.0]))
    np.testing.assert_allclose(plan.targets(60 * MS, 1)[0], np.add(START, [0.012, 0.0, 0.0]))
    assert not plan.expired(199 * MS)


def test_a_chunk_that_is_only_checked_is_not_followed() -> None:
    plan, _ = planned()
    plan.accept(0, FORWARD, 0, 0, follow=False)
    np.testing.assert_array_equal(plan.targets(100 * MS, 1)[0], START)
    assert plan.gripper(50 * MS) is None
    with pytest.raises(LateError):
        plan.accept(0, FORWARD, 900 * MS, 0, follow=False)


def test_velocity_limit_ramps_from_the_first_chunk_after_a_hold() -> None:
    plan, _ = planned(ramp_in_s=0.1)
    plan.accept(0, FORWARD, 0, 0, follow=True)
    assert [plan.velocity_scale(time * MS) for time in (0, 25, 100, 900)] == [0.0, 0.25, 1.0, 1.0]
    plan.hold(START)
    assert plan.velocity_scale(900 * MS) == 1.0


def test_targets_beyond_the_limits_are_refused_where_they_are_absolute_only() -> None:
    plan, _ = planned()
    assert plan.refusal(START + 9.0, START) is None
    absolute = MotionPlan(SO101, axes_of(SO101), 0.5, CommandHistory(SO101, 5.0), 0.0)
    assert absolute.refusal(np.zeros(6), np.zeros(6)) is None
    assert absolute.refusal(np.array([0.0, 0.0, 1.7, 0.0, 0.0, 0.0]), np.zeros(6)) == (
        'elbow_flex: target beyond its limit by: got 0.01, expected at most 0'
    )
