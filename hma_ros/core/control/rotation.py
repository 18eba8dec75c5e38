# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Orientations as the numbers of an action: Euler angles, rotation vector, quaternion, 6-D."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from transforms3d.euler import euler2quat, quat2euler
from transforms3d.quaternions import mat2quat, quat2mat

from hma_ros.core.control.orientation import quaternion, rotation_vector
from hma_ros.core.errors import MessageError

Vector = NDArray[np.float64]
IDENTITY_XYZW = (0.0, 0.0, 0.0, 1.0)
_LEAST_NORM = 1e-3


def numbers_from_quaternion(rotation: str, quat_xyzw: ArrayLike) -> Vector:
    """
    Return an orientation as the numbers of an action.

    :param rotation: a word of ``spec.ROTATIONS``.
    :param quat_xyzw: quaternion of norm 1.
    :returns: ``float64[3]`` in radians, a quaternion ``float64[4]`` x y z w with w >= 0, or the
        first two columns of the rotation matrix ``float64[6]``.
    """
    x, y, z, w = np.asarray(quat_xyzw, np.float64)
    if rotation == 'rotation_vector':
        return rotation_vector(quat_xyzw, IDENTITY_XYZW)
    if rotation == 'quaternion_xyzw':
        return np.array([x, y, z, w]) * (1.0 if w >= 0.0 else -1.0)
    if rotation == 'matrix_6d':
        columns: Vector = np.asarray(quat2mat([w, x, y, z]), np.float64)[:, :2].T.reshape(6)
        return columns
    return np.array(quat2euler([w, x, y, z], _axes(rotation)), np.float64)


def quaternion_from_numbers(
    rotation: str, numbers: ArrayLike
) -> tuple[float, float, float, float]:
    """
    Return the orientation of an action: the inverse of :func:`numbers_from_quaternion`.

    A quaternion is normalized; the columns of ``matrix_6d`` are made orthonormal (Gram-Schmidt).

    :param numbers: as many as ``spec.ROTATIONS`` says.
    :returns: quaternion x, y, z, w of norm 1.
    :raises MessageError: a quaternion near zero, or columns near zero or parallel.
    """
    values = np.asarray(numbers, np.float64)
    if rotation == 'rotation_vector':
        return quaternion(values, IDENTITY_XYZW)
    if rotation == 'quaternion_xyzw':
        x, y, z, w = _unit(values, 'a quaternion').tolist()
        return x, y, z, w
    if rotation == 'matrix_6d':
        first = _unit(values[:3], 'a first column')
        second = values[3:] - first * float(first @ values[3:])
        second = _unit(second, 'a second column across the first')
        w, x, y, z = mat2quat(np.column_stack([first, second, np.cross(first, second)]))
    else:
        w, x, y, z = euler2quat(*values.tolist(), _axes(rotation))
    return float(x), float(y), float(z), float(w)


def _unit(values: Vector, what: str) -> Vector:
    norm = float(np.linalg.norm(values))
    if norm < _LEAST_NORM:
        raise MessageError(f'rotation: {what}: got norm {norm:g}, expected about 1')
    unit: Vector = values / norm
    return unit


def _axes(rotation: str) -> str:
    """Return the axes in the words of transforms3d, e.g. sxyz."""
    return rotation.removeprefix('euler_')
