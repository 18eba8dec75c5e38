# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Action chunks: messages to arrays with all checks, and back."""

import numpy as np
from numpy.typing import ArrayLike

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.messages.chunk import message_units
from hma_ros.msg import ActionChunk
from hma_ros.ros.stamps import to_duration, to_stamp


def from_actions(spec: EmbodimentSpec, time_ns: int, actions_HA: ArrayLike | None) -> ActionChunk:
    """
    Make a chunk.

    :param time_ns: start of step 0.
    :param actions_HA: ``[H, A]`` in the units of the embodiment; None where they are not known.
    """
    message = ActionChunk(embodiment=spec.name)
    message.header.stamp = to_stamp(time_ns)
    message.header.frame_id = spec.action.frame if spec.action.is_cartesian else ''
    message.names, message.units = list(spec.action.names), list(message_units(spec))
    message.step_dt = to_duration(spec.rates.step_dt_s)
    if actions_HA is not None:
        actions = np.asarray(actions_HA, np.float64)
        message.horizon = len(actions)
        message.actions = actions.ravel().tolist()
    return message
