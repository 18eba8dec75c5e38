# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A robot starts from measurements that agree, and the state is judged at every moment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.control.axes import axes_of
from hma_ros.core.control.measurement import Measurement, StateCheck
from hma_ros.core.control.start_check import StartCheck
from hma_ros.core.embodiment import available_embodiments, load_embodiment

MS = 1_000_000
SPECS = {name: load_embodiment(name) for name in available_embodiments()}
FRANKA = axes_of(SPECS['franka'])
MIDDLE = np.array([0.5, 0.0, 0.2, 0.0, 0.0, 0.0])
WAITS = 'waiting for 5 consistent measurements'


def check() -> StartCheck:
    return StartCheck(FRANKA, 0.1)


def accepts(start: StartCheck, stamps_ms: object, values: np.ndarray = MIDDLE) -> list[bool]:
    return [start.accepts(Measurement(values, stamp * MS)) for stamp in stamps_ms]  # type: ignore[attr-defined]


def test_five_measurements_over_forty_milliseconds_are_enough() -> None:
    assert accepts(check(), range(0, 60, 10)) == [False] * 4 + [True, True]


def test_quick_measurements_must_agree_as_long() -> None:
    assert accepts(check(), range(50)).index(True) == 40


def test_the_same_measurement_again_counts_once() -> None:
    assert not any(accepts(check(), [0] * 20 + [10] * 20 + [20] * 20))


@pytest.mark.parametrize(
    ('values', 'stamp_ms', 'reason'),
    [
        (MIDDLE, 151, f'measured state with a gap of 0.101 s; {WAITS}'),
        (MIDDLE, 40, f'measured state with a gap of -0.010 s; {WAITS}'),
        (
            # 0.3 m/s for 0.01 s, and 5 % of 0.08 m of noise.
            np.add(MIDDLE, [0.0, 0.0072, 0.0, 0.0, 0.0, 0.0]),
            60,
            f'y: measured jump: got 0.0072, expected at most 0.007; {WAITS}',
        ),
        (
            np.add(MIDDLE, [0.3, 0.0, 0.0, 0.0, 0.0, 0.0]),
            60,
            'x: measured outside its limit and start margin by: got 0.1655, expected at most 0',
        ),
    ],
)
def test_what_does_not_agree_begins_anew_and_is_said(
    values: np.ndarray, stamp_ms: int, reason: str
) -> None:
    start = check()
    assert accepts(start, range(0, 60, 10))[-1]
    assert not start.accepts(Measurement(values, stamp_ms * MS))
    assert start.reason == reason
    assert accepts(start, range(300, 360, 10)) == [False] * 4 + [True, True]


def test_a_robot_outside_its_limits_starts_within_the_margin_only() -> None:
    edge = FRANKA.upper + 0.99 * FRANKA.margin
    assert accepts(check(), range(0, 50, 10), edge)[-1]
    assert not accepts(check(), range(0, 50, 10), FRANKA.upper + 1.01 * FRANKA.margin)[-1]


@settings(deadline=None)
@given(st.sampled_from(sorted(SPECS)), st.floats(-0.99, 0.99), st.integers(0, 2**32 - 1))
def test_a_robot_that_moves_within_its_velocity_may_start(
    name: str, share: float, seed: int
) -> None:
    axes = axes_of(SPECS[name])
    noise = np.random.default_rng(seed).uniform(-0.02, 0.02, (6, len(axes.names)))
    start = StartCheck(axes, SPECS[name].state.max_age_s)
    middle = (axes.lower + axes.upper) / 2.0
    ready = False
    for index in range(6):
        moved = share * axes.velocity * (index * 0.01) + noise[index] * axes.following_error
        ready = start.accepts(Measurement(middle + moved, index * 10 * MS))
    assert ready


@pytest.mark.parametrize(
    ('values', 'age_ms', 'reason'),
    [
        (MIDDLE, 100, None),
        (MIDDLE, -100, None),
        (MIDDLE, 300, 'stale measured elbow: got 0.300 s old, expected at most 0.1 s'),
        (
            MIDDLE,
            -300,
            'measured state ahead of the clock: got 0.300 s, expected at most 0.1 s',
        ),
        (MIDDLE * [1, np.nan, 1, 1, 1, 1], 0, 'measured state: got a y that is not finite'),
        (
            np.add(MIDDLE, [0, 0, 0, 0, 0, np.inf]),
            0,
            'measured state: got a rz that is not finite',
        ),
    ],
)
def test_only_a_fresh_finite_state_is_trusted(
    values: np.ndarray, age_ms: int, reason: str | None
) -> None:
    measured = Measurement(values, 10**12 - age_ms * MS, 'elbow')
    assert StateCheck(FRANKA, 0.1).fault(10**12, measured) == reason
    assert StateCheck(FRANKA, 0.1).fault(10**12, None) == 'no measured state'


def test_following_error_is_judged_on_each_axis() -> None:
    judge = StateCheck(FRANKA, 0.1)
    near, away = MIDDLE + 0.99 * FRANKA.following_error, np.add(MIDDLE, [0, 0, 0, 0, -0.6, 0])
    assert judge.following_fault(Measurement(near, 0), MIDDLE) is None
    reason = judge.following_fault(Measurement(away, 0), MIDDLE)
    assert reason == (
        f'ry: following error: got 0.6, expected at most {FRANKA.following_error[4]:.4g}'
    )
