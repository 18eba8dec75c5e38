# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What drivers send instead of the state of the robot.

Each fault takes a bench, in whatever phase it is, and returns when the fault is over; what is
random comes from the generator of the bench.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.faults.bench import Bench, Tap, pass_on

_DEFAULT_TURN = (0.0, 0.0, 0.0, 1.0)


def lost(_message: Any) -> list[tuple[float, Any]]:
    """A message does not arrive."""
    return []


def _state_tap(bench: Bench, tap: Tap, seconds: float) -> None:
    bench.tap_state = tap
    bench.run(seconds)
    bench.tap_state = pass_on


def _changed(message: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return a state with other values: those of the position, or of all joints."""
    message = copy.deepcopy(message)
    if hasattr(message, 'pose'):
        place = message.pose.position
        values = change(np.array([place.x, place.y, place.z]))
        place.x, place.y, place.z = (float(value) for value in values)
    else:
        message.position = change(np.array(message.position)).tolist()
    return message


def _delayed(delay_s: float, message: Any) -> list[tuple[float, Any]]:
    return [(delay_s, message)]


def stops(bench: Bench) -> None:
    """The state stops."""
    _state_tap(bench, lost, bench.rng.uniform(0.3, 0.8))


def late(bench: Bench, times: int = 1) -> None:
    """The state comes 50 to 500 ms late, for a while each time."""
    for _ in range(times):
        _state_tap(bench, partial(_delayed, bench.rng.uniform(0.05, 0.5)), 0.1)
        bench.run(bench.rng.uniform(0.05, 0.2))


def freezes(bench: Bench) -> None:
    """The same message comes again and again."""
    frozen = bench.arm.message(bench.now_ns())
    _state_tap(bench, lambda _: [(0.0, frozen)], bench.rng.uniform(0.3, 0.8))


def sticks(bench: Bench) -> None:
    """The same values come with fresh stamps."""
    frozen = bench.arm.message(bench.now_ns())

    def tap(message: Any) -> list[tuple[float, Any]]:
        stuck = copy.deepcopy(frozen)
        stuck.header.stamp = message.header.stamp
        return [(0.0, stuck)]

    _state_tap(bench, tap, bench.rng.uniform(0.3, 1.0))


def loses_a_part(bench: Bench) -> None:
    """A joint is missing; a pose comes in another frame."""

    def tap(message: Any) -> list[tuple[float, Any]]:
        message = copy.deepcopy(message)
        if hasattr(message, 'pose'):
            message.header.frame_id = 'elsewhere'
        else:
            message.name, message.position = message.name[1:], message.position[1:]
            message.velocity = []
        return [(0.0, message)]

    _state_tap(bench, tap, bench.rng.uniform(0.3, 0.8))


def not_a_number(bench: Bench) -> None:
    """A value is not finite."""

    def change(values: np.ndarray) -> np.ndarray:
        values[bench.rng.integers(len(values))] = bench.rng.choice([np.nan, np.inf, -np.inf])
        return values

    _state_tap(bench, lambda m: [(0.0, _changed(m, change))], bench.rng.uniform(0.02, 0.8))


def glitch(bench: Bench, samples: int) -> None:
    """Some samples are far off, or a little."""
    scale = bench.rng.choice([0.01, 0.1, 1.0, 10.0])
    axes, width = bench.arm.axes, bench.arm.width
    away = bench.rng.uniform(-1.0, 1.0, width) * scale * (axes.upper - axes.lower)[:width]
    _state_tap(bench, lambda m: [(0.0, _changed(m, lambda v: v + away))], samples * bench.period_s)


def default_pose(bench: Bench) -> None:
    """The driver sends what a message holds by default."""

    def tap(message: Any) -> list[tuple[float, Any]]:
        message = _changed(message, np.zeros_like)
        if hasattr(message, 'pose'):
            _turn(message, _DEFAULT_TURN)
        return [(0.0, message)]

    _state_tap(bench, tap, bench.rng.choice([1, 3, 10, 40]) * bench.period_s)


def flipped(bench: Bench) -> None:
    """A quaternion is negated (the same turn), or turned by half a turn; joints change sign."""
    is_same = bool(bench.rng.integers(2))

    def tap(message: Any) -> list[tuple[float, Any]]:
        if not hasattr(message, 'pose'):
            return [(0.0, _changed(message, np.negative))]
        message, turn = copy.deepcopy(message), message.pose.orientation
        parts = np.array([turn.x, turn.y, turn.z, turn.w])
        _turn(message, -parts if is_same else np.array([-parts[1], parts[0], parts[3], -parts[2]]))
        return [(0.0, message)]

    _state_tap(bench, tap, bench.rng.choice([1, 5, 30]) * bench.period_s)


def _turn(message: Any, xyzw: Any) -> None:
    turn = message.pose.orientation
    turn.x, turn.y, turn.z, turn.w = (float(value) for value in xyzw)


def ratchet(bench: Bench) -> None:
    """Short gaps again and again while the arm sags: its command must not drift."""
    holds, before = bench.holds(), bench.wire.position_X
    axes = bench.arm.axes
    bench.arm.error_X = 0.4 * bench.rng.uniform(-1.0, 1.0, len(before)) * axes.following_error
    for _ in range(20):
        _state_tap(bench, lost, bench.spec.state.max_age_s + bench.rng.uniform(0.0, 0.1))
        bench.run(0.15)
    if holds and bench.has_moved_from(before):
        bench.stale.append('the command of a sagging arm drifted')


def second_driver(bench: Bench) -> None:
    """A second publisher says the same, sometimes something else."""
    if bench.rng.integers(2):
        bench.arm.error_X = 0.1 * bench.arm.axes.following_error
    bench.has_second_driver = True
    bench.run(0.3)
    bench.has_second_driver = False
    # It is believed to be gone when it was not heard for two seconds.
    bench.run(2.2)
