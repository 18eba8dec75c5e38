# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Measured tool poses: messages to vectors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.errors import MessageError

Vector = NDArray[np.float64]
_NORM_TOLERANCE = 1e-2


def read_pose(message: Any, frame_id: str, topic: str) -> tuple[Vector, tuple[float, ...]]:
    """
    Read a PoseStamped.

    :param frame_id: the frame that is expected.
    :param topic: how errors name the message.
    :returns: position ``float64[3]`` [m], orientation as quaternion (x, y, z, w).
    :raises MessageError: another frame, a value that is not finite, a quaternion not of norm 1.
    """
    place, turn = message.pose.position, message.pose.orientation
    xyz = np.array([place.x, place.y, place.z])
    quat_xyzw = (turn.x, turn.y, turn.z, turn.w)
    if message.header.frame_id != frame_id:
        raise MessageError(
            f'{topic}: frame_id: got {message.header.frame_id!r}, expected {frame_id!r}; '
            'correct state.pose.frame_id or choose another topic'
        )
    if not np.isfinite([*xyz, *quat_xyzw]).all():
        raise MessageError(
            f'{topic}: pose: got {[*xyz.tolist(), *quat_xyzw]}, expected finite numbers; see '
            'whether the driver measures yet'
        )
    norm = float(np.linalg.norm(quat_xyzw))
    if abs(norm - 1.0) > _NORM_TOLERANCE:
        raise MessageError(
            f'{topic}: orientation: got {list(quat_xyzw)} of norm {norm:.3g}, expected a '
            'quaternion of norm 1; let the driver normalise it'
        )
    return xyz, quat_xyzw
