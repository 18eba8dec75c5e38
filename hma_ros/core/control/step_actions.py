# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Executed actions of low-level steps, from coordinates and gripper values over time."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.action_space import actions_from_targets
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.units import NS_PER_S


def step_times(spec: EmbodimentSpec, start_ns: int, steps: int) -> list[int]:
    """Return when each of some low-level steps begins, and when the last one ends [ns]."""
    return [start_ns + index * _step_ns(spec) for index in range(steps + 1)]


def middle_ns(spec: EmbodimentSpec, start_ns: int) -> int:
    """Return the middle of a low-level step [ns], when its gripper value is taken."""
    return start_ns + _step_ns(spec) // 2


def step_actions(
    spec: EmbodimentSpec,
    times_ns: list[int],
    places_TD: NDArray[np.float64],
    gripper_at: Callable[[int], float | None],
) -> NDArray[np.float64] | None:
    """
    Return the actions that lead from each position to the next.

    :param times_ns: see :func:`step_times`.
    :param places_TD: ``float64[steps + 1, D]``, the coordinates at these times.
    :param gripper_at: the model's gripper value at a time [ns]; None where it is
        unknown.
    :returns: ``float64[steps, A]``, or None where a gripper value is unknown.
    """
    if spec.gripper is None:
        return actions_from_targets(spec, places_TD[0], places_TD[1:], None)
    gripper = [gripper_at(middle_ns(spec, time)) for time in times_ns[:-1]]
    known = [value for value in gripper if value is not None]
    if len(known) < len(gripper):
        return None
    return actions_from_targets(spec, places_TD[0], places_TD[1:], known)


def _step_ns(spec: EmbodimentSpec) -> int:
    return round(spec.rates.step_dt_s * NS_PER_S)
