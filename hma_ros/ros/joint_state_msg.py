# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Joint states as messages."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from sensor_msgs.msg import JointState

from hma_ros.ros.stamps import to_stamp


def from_positions(
    time_ns: int, names: Sequence[str], values: ArrayLike, velocities: ArrayLike
) -> JointState:
    """Make a JointState; radians or metres, and the same per second."""
    message = JointState(name=list(names))
    message.header.stamp = to_stamp(time_ns)
    message.position = np.asarray(values, np.float64).tolist()
    message.velocity = np.asarray(velocities, np.float64).tolist()
    return message
