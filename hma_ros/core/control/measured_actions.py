# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Executed actions as the robot measured them, where nobody reports what was commanded.

They contain the lag of the robot's controller: they show a command once the robot has moved.
"""

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.angles import unwrap
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.control.step_actions import middle_ns, step_actions, step_times
from hma_ros.core.embodiment.spec import EmbodimentSpec


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
    times = step_times(spec, start_ns, spec.rates.stride)
    places = [place for time in times if (place := measured.coordinates_at(time)) is not None]
    if len(places) < len(times):
        return None
    unwrapped = np.stack(places)
    if spec.action.rotation is None:
        unwrapped = unwrap(unwrapped, measured.is_continuous_D)
    return step_actions(spec, times, unwrapped, measured.gripper_at)


def may_be_measured(spec: EmbodimentSpec, measured: StateHistory, start_ns: int) -> bool:
    """Whether the measurements that a step still lacks may arrive soon."""
    last_ns, end_ns = step_times(spec, start_ns, spec.rates.stride)[-2:]
    return measured.approaches(end_ns, middle_ns(spec, last_ns))
