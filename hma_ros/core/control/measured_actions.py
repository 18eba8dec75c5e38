# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Executed actions as the robot measured them, where nobody reports what was commanded.

They contain the lag of the robot's controller: they show a command once the robot has moved.
"""

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.action_space import actions_from_targets
from hma_ros.core.control.angles import unwrap
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment.spec import EmbodimentSpec

_NS = 1_000_000_000


def measured_actions(
    spec: EmbodimentSpec, measured: StateHistory, start_ns: int
) -> NDArray[np.float64] | None:
    """
    Return the actions of one step of the model, from where the robot was measured.

    Stamps and units are those of ``CommandHistory.executed``: the coordinates at ``start_ns`` and
    at the end of each low-level step.

    :param start_ns: start of the step, the stamp of its frame.
    :returns: ``float64[stride, A]``, or None where the interval is not wholly known.
    """
    step_ns = round(spec.rates.step_dt_s * _NS)
    times = [start_ns + index * step_ns for index in range(spec.rates.stride + 1)]
    places = [place for time in times if (place := measured.coordinates_at(time)) is not None]
    if len(places) < len(times):
        return None
    unwrapped = np.stack(places)
    if spec.action.rotation is None:
        unwrapped = unwrap(unwrapped, measured.is_continuous_D)
    if spec.gripper is None:
        return actions_from_targets(spec, unwrapped[0], unwrapped[1:], None)
    gripper = [measured.gripper_at(time + step_ns // 2) for time in times[:-1]]
    known = [value for value in gripper if value is not None]
    if len(known) < len(gripper):
        return None
    return actions_from_targets(spec, unwrapped[0], unwrapped[1:], known)


def may_be_measured(spec: EmbodimentSpec, measured: StateHistory, start_ns: int) -> bool:
    """Whether the measurements that a step still lacks may arrive soon."""
    step_ns = round(spec.rates.step_dt_s * _NS)
    last_ns = start_ns + (spec.rates.stride - 1) * step_ns
    return measured.approaches(last_ns + step_ns, last_ns + step_ns // 2)
