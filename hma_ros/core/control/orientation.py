# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Orientations as rotation vectors about a reference, so that each part is a coordinate with limits.

A rotation vector of at most a half turn is one to one with an orientation, and the tool turns no
faster than its rotation vector changes.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from transforms3d.quaternions import axangle2quat, qconjugate, qmult, quat2axangle

Vector = NDArray[np.float64]


def rotation_vector(quat_xyzw: ArrayLike, reference_xyzw: ArrayLike) -> Vector:
    """
    Return the turn from a reference to an orientation.

    :param quat_xyzw: quaternion of norm 1; it and its negative are the same orientation.
    :returns: ``float64[3]`` in radians, at most pi long, in the axes of the reference.
    """
    turn_wxyz = qmult(qconjugate(_wxyz(reference_xyzw)), _wxyz(quat_xyzw))
    if turn_wxyz[0] < 0.0:
        turn_wxyz = -turn_wxyz
    axis, angle_rad = quat2axangle(turn_wxyz)
    vector: Vector = np.asarray(axis, np.float64) * float(angle_rad)
    return vector


def quaternion(vector: ArrayLike, reference_xyzw: ArrayLike) -> tuple[float, float, float, float]:
    """
    Return the orientation a rotation vector leads to: the inverse of :func:`rotation_vector`.

    :param vector: ``[3]`` in radians.
    :returns: quaternion x, y, z, w of norm 1.
    """
    turn = np.asarray(vector, np.float64)
    angle_rad = float(np.linalg.norm(turn))
    if angle_rad < 1e-12:
        w, x, y, z = _wxyz(reference_xyzw)
    else:
        w, x, y, z = qmult(_wxyz(reference_xyzw), axangle2quat(turn / angle_rad, angle_rad, True))
    return float(x), float(y), float(z), float(w)


def _wxyz(quat_xyzw: ArrayLike) -> Vector:
    x, y, z, w = np.asarray(quat_xyzw, np.float64)
    norm = float(np.sqrt(x * x + y * y + z * z + w * w))
    unit: Vector = np.array([w, x, y, z], np.float64) / norm
    return unit
