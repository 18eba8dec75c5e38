# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Actions that move and turn the tool, to targets of six axes and back.

Axes: the tool position in metres, then the rotation vector about ``limits.orientation``'s
reference in radians.
"""

import numpy as np
from numpy.typing import NDArray
from transforms3d.quaternions import qconjugate, qmult, rotate_vector

from hma_ros.core.control.orientation import quaternion, rotation_vector
from hma_ros.core.control.rotation import numbers_from_quaternion, quaternion_from_numbers
from hma_ros.core.embodiment.spec import EmbodimentSpec, OrientationSpec

Vector = NDArray[np.float64]


def pose_targets(spec: EmbodimentSpec, base_6: Vector, actions_HN: Vector) -> Vector:
    """
    Turn actions into targets; increments integrate and stop at the limits.

    :param base_6: ``float64[6]`` target at the start.
    :param actions_HN: ``float64[H, N]`` actions within their bounds, without the gripper.
    :returns: ``float64[H, 6]``.
    :raises MessageError: numbers that are no orientation.
    """
    turn = _turn(spec)
    low = np.array([*spec.limits.lower, *[-turn.max_angle] * 3])
    high = np.array([*spec.limits.upper, *[turn.max_angle] * 3])
    targets, target = np.empty((len(actions_HN), 6)), base_6
    for step, action in enumerate(actions_HN):
        moved = _moved(spec, target, action)
        moved[3:] = _nearest_vector(moved[3:], target[3:])
        if spec.action.is_delta:
            # A tool that starts outside its limits may come back in, but not go further out.
            moved = np.clip(moved, np.minimum(low, target), np.maximum(high, target))
        target = targets[step] = moved
    return targets


def pose_actions(spec: EmbodimentSpec, base_6: Vector, targets_H6: Vector) -> Vector:
    """
    Turn targets into the actions that lead to them: the inverse of :func:`pose_targets`.

    :returns: ``float64[H, N]``.
    """
    before = np.concatenate([base_6[None], targets_H6[:-1]])
    return np.stack(
        [_action(spec, start, end) for start, end in zip(before, targets_H6, strict=True)]
    )


def composed_increment(spec: EmbodimentSpec, actions_PN: Vector) -> Vector:
    """
    Return the one increment that moves and turns the tool as several in turn do.

    :param actions_PN: ``float64[P, N]`` increments in metres and ``action.rotation``, finite,
        without the gripper.
    :returns: ``float64[N]``.
    :raises MessageError: numbers that are no orientation.
    """
    start = end = np.zeros(6)
    for action in actions_PN:
        end = _moved(spec, end, action)
    return _action(spec, start, end)


def pose_misses(
    spec: EmbodimentSpec, base_6: Vector, targets_H6: Vector, actions_HN: Vector
) -> Vector:
    """
    Return how far targets are from where the actions ask to go, step by step.

    Orientations are compared, not their numbers: several numbers may mean one orientation.

    :returns: ``float64[H, 6]``, metres, then the turn between the two in radians.
    :raises MessageError: numbers that are no orientation.
    """
    reference, misses = _turn(spec).reference_xyzw, np.empty(targets_H6.shape)
    before = np.concatenate([base_6[None], targets_H6[:-1]])
    for step, (start, end) in enumerate(zip(before, targets_H6, strict=True)):
        asked = _moved(spec, start, actions_HN[step])
        misses[step, :3] = asked[:3] - end[:3]
        misses[step, 3:] = rotation_vector(
            quaternion(asked[3:], reference), quaternion(end[3:], reference)
        )
    return misses


def _moved(spec: EmbodimentSpec, target: Vector, action: Vector) -> Vector:
    reference, rotation = _turn(spec).reference_xyzw, spec.action.rotation or ''
    place, turn = action[:3], quaternion_from_numbers(rotation, action[3:])
    if spec.action.is_delta:
        here = _wxyz(quaternion(target[3:], reference))
        if spec.action.delta_frame == 'tool':
            place, turned = rotate_vector(place, here), qmult(here, _wxyz(turn))
        else:
            turned = qmult(_wxyz(turn), here)
        place, turn = target[:3] + place, _xyzw(turned)
    return np.concatenate([place, rotation_vector(turn, reference)])


def _action(spec: EmbodimentSpec, start: Vector, end: Vector) -> Vector:
    reference, rotation = _turn(spec).reference_xyzw, spec.action.rotation or ''
    place, turn = end[:3], quaternion(end[3:], reference)
    if spec.action.is_delta:
        here, there = _wxyz(quaternion(start[3:], reference)), _wxyz(turn)
        place = place - start[:3]
        if spec.action.delta_frame == 'tool':
            place, turned = rotate_vector(place, qconjugate(here)), qmult(qconjugate(here), there)
        else:
            turned = qmult(there, qconjugate(here))
        turn = _xyzw(turned)
    return np.concatenate([place, numbers_from_quaternion(rotation, turn)])


def _nearest_vector(vector: Vector, last: Vector) -> Vector:
    """Of the two rotation vectors of an orientation return the one nearer to the last."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-9:
        return vector
    other: Vector = vector * (1.0 - 2.0 * np.pi / angle)
    return min(vector, other, key=lambda one: float(np.linalg.norm(one - last)))


def _turn(spec: EmbodimentSpec) -> OrientationSpec:
    if spec.limits.orientation is None:
        raise ValueError(f'{spec.name}: limits.orientation: got none, expected limits')
    return spec.limits.orientation


def _wxyz(quat_xyzw: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x, y, z, w = quat_xyzw
    return w, x, y, z


def _xyzw(quat_wxyz: Vector) -> tuple[float, float, float, float]:
    w, x, y, z = (float(part) for part in quat_wxyz)
    return x, y, z, w
