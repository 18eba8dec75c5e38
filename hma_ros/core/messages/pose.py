# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Tool poses: messages to arrays with all checks."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.errors import MessageError
from hma_ros.core.short_text import shortened

Vector = NDArray[np.float64]
_NORM_TOLERANCE = 1e-2


def to_pose(message: Any, frame_id: str, topic: str) -> tuple[Vector, Vector]:
    """
    Read a PoseStamped.

    :param frame_id: the frame it must be in.
    :returns: position ``float64[3]`` in metres and orientation ``float64[4]``, x y z w.
    :raises MessageError: another frame, a value that is not finite, or no unit quaternion.
    """
    place, turn = message.pose.position, message.pose.orientation
    xyz = np.array([place.x, place.y, place.z])
    quat_xyzw = np.array([turn.x, turn.y, turn.z, turn.w])
    values = [*xyz.tolist(), *quat_xyzw.tolist()]
    norm = math.hypot(*quat_xyzw.tolist())
    if message.header.frame_id != frame_id:
        raise MessageError(
            f'{topic}: frame_id: got {shortened(message.header.frame_id)!r}, '
            f'expected {frame_id!r}; '
            'set state.pose.frame_id'
        )
    if not np.isfinite(values).all():
        raise MessageError(f'{topic}: pose: got {values}, expected finite values')
    if abs(norm - 1.0) > _NORM_TOLERANCE:
        raise MessageError(
            f'{topic}: quaternion: got norm {norm:.3g} of {quat_xyzw.tolist()}, expected 1'
        )
    return xyz, quat_xyzw
