# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Steps as data sets hold them, checked where they are written and where they are read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.action_space import check_bounds
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import MessageError

# A deviation is at least this share of the range of its limits.
_LEAST_SHARE = 0.01
# Measured joints may lie beyond their limits by this share of the range.
_BEYOND_SHARE = 0.5


class JointRangeError(MessageError):
    """Joints lie far beyond their limits: in another unit, or of another robot."""

    kind = 'joints far beyond their limits'


@dataclass(frozen=True)
class Step:
    """
    A frame, the joints at its stamp, and the actions executed from it to the next frame.

    :param stamp_ns: header stamp of the frame.
    :param frame: ``uint8[H, W, 3]`` RGB, as the model sees it.
    :param joints: ``float32[J]`` rad or m.
    :param actions: ``float32[stride, A]`` in units.
    :param origin: ``reported`` or ``measured``.
    :param restarts: whether the step before it is not the one a frame period earlier.
    """

    stamp_ns: int
    frame: NDArray[np.uint8]
    joints: NDArray[np.float32]
    actions: NDArray[np.float32]
    origin: str = 'measured'
    restarts: bool = False


def check_step(spec: EmbodimentSpec, step: Step, where: str) -> None:
    """
    Refuse a step that no model should learn from.

    :param where: file and number of the step, for the error.
    :raises MessageError: another shape or dtype, a value that is not finite, or an action out of
        bounds (increments and grippers: more than twice their bound).
    :raises JointRangeError: see :func:`check_joints`.
    """
    _check_array(spec, where, 'frame', step.frame, 'uint8', (*spec.camera.resize, 3))
    check_numbers(spec, step.joints, step.actions, where)


def check_numbers(
    spec: EmbodimentSpec, joints: NDArray[np.float32], actions: NDArray[np.float32], where: str
) -> None:
    """
    Refuse joints and actions of a step as :func:`check_step` does, without its frame.

    :param joints: ``float32[J]`` rad or m.
    :param actions: ``float32[stride, A]`` in units.
    :param where: file and number of the step, for the error.
    :raises MessageError: see :func:`check_step`.
    """
    chunk = (spec.rates.stride, len(spec.action.names))
    _check_array(spec, where, 'joints', joints, 'float32', (len(spec.state.joints),))
    _check_array(spec, where, 'actions', actions, 'float32', chunk)
    _check_finite(where, 'joint', spec.state.joints, joints)
    for action in actions:
        _check_finite(where, 'action', spec.action.names, action)
    check_joints(spec, joints, where)
    check_bounds(spec, actions, where)


def check_joints(spec: EmbodimentSpec, joints: NDArray[np.floating], where: str) -> None:
    """
    Refuse joints far beyond the limits: by half their range, or ``limits.start_margin`` if larger.

    The limits say nothing of joints that turn without end, nor of those that are not commanded.

    :param joints: ``[J]`` or ``[T, J]`` rad or m.
    :param where: what the error begins with.
    :raises JointRangeError: one of them is.
    """
    action, limits = spec.action, spec.limits
    if action.is_cartesian:
        return
    lower, upper = np.array(limits.lower), np.array(limits.upper)
    beyond = np.maximum(_BEYOND_SHARE * (upper - lower), limits.start_margin)
    beyond[np.array(limits.continuous, np.bool_)] = np.inf
    places = [spec.state.joints.index(name) for name in action.coordinates]
    values = np.atleast_2d(joints)[:, places]
    outside = np.argwhere((values < lower - beyond) | (values > upper + beyond))
    if len(outside):
        step, index = outside[0]
        raise JointRangeError(
            f'{where}: joint {action.coordinates[index]!r}: got {values[step, index]:g}, expected '
            f'{lower[index]:g}..{upper[index]:g} {action.units[index]} or a little beyond; '
            'correct its unit, or limits.lower and limits.upper'
        )


def looks_like_degrees(spec: EmbodimentSpec, step: Step) -> bool:
    """
    Whether a step fits the embodiment only if its angles are read as degrees.

    Judged by the joints, where they are commanded, and by reported actions. Actions derived from
    measured joints do not count: a jump in the joints says nothing about the unit.
    """
    action, limits = spec.action, spec.limits
    if step.origin == 'reported' and _fits_in_degrees(
        step.actions, action.lower, action.upper, action.units
    ):
        return True
    if action.is_cartesian:
        return False
    places = [spec.state.joints.index(name) for name in action.coordinates]
    units = action.units[: len(places)]
    return _fits_in_degrees(step.joints[places], limits.lower, limits.upper, units)


def _fits_in_degrees(
    values: NDArray[np.float32],
    lower: tuple[float, ...],
    upper: tuple[float, ...],
    units: tuple[str, ...],
) -> bool:
    is_angle = np.array([unit == 'rad' for unit in units])
    angles, low, high = values[..., is_angle], np.array(lower)[is_angle], np.array(upper)[is_angle]
    is_out = ((angles < low) | (angles > high)).any()
    turned = np.radians(angles)
    return bool(is_out and ((turned >= low) & (turned <= high)).all())


def floored_deviation(
    spec: EmbodimentSpec, deviation_A: NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    Return deviations that are safe to divide by.

    A dimension that hardly moves in the data has one of nearly 0, and any motion would become a
    number of thousands.

    :param deviation_A: ``float64[A]`` standard deviations, in units.
    :returns: ``float64[A]``, at least a hundredth of the range between the bounds of the action.
    """
    span = np.asarray(spec.action.upper) - np.asarray(spec.action.lower)
    return np.maximum(deviation_A, _LEAST_SHARE * span)


def _check_array(
    spec: EmbodimentSpec,
    where: str,
    what: str,
    array: NDArray[Any],
    dtype: str,
    shape: tuple[int, ...],
) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise MessageError(
            f'{where}: {what}: got {array.dtype}{list(array.shape)}, expected '
            f'{dtype}{list(shape)} of {spec.name}'
        )


def _check_finite(
    where: str, what: str, names: tuple[str, ...], values: NDArray[np.float32]
) -> None:
    broken = np.flatnonzero(~np.isfinite(values))
    if broken.size:
        index = int(broken[0])
        raise MessageError(
            f'{where}: {what} {names[index]!r}: got {values[index]}, expected a finite number'
        )
