# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Actions to targets of the commanded coordinates, and back.

Increments saturate: what exceeds the bound or the workspace is cut off and reported, and an
increment of more than twice its bound is refused. Absolute targets out of bounds are refused.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.angles import unwrap
from hma_ros.core.control.pose_actions import pose_actions, pose_misses, pose_targets
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import MessageError

# float32 actions at a bound written in decimal may lie beyond it by rounding.
BOUND_TOLERANCE = 1e-5
# An increment up to so many times its bound is cut off; a larger one is refused.
ABSURD_INCREMENT = 2.0


@dataclass(frozen=True)
class Targets:
    """
    Targets of the commanded coordinates at the end of each low-level step.

    ``positions_HD`` is ``float64[H, D]`` in metres or radians, with a rotation of six axes
    (:mod:`~hma_ros.core.control.pose_actions`); ``gripper_H`` is ``float64[H]``
    (+1 open, -1 closed) or None; ``saturated_HD`` marks increments that were cut off.
    """

    positions_HD: NDArray[np.float64]
    gripper_H: NDArray[np.float64] | None
    saturated_HD: NDArray[np.bool_]


def targets_from_actions(
    spec: EmbodimentSpec, base_D: ArrayLike, actions_HA: ArrayLike
) -> Targets:
    """
    Turn a chunk of actions into targets.

    Increments integrate on ``base_D``, the target commanded at the start of the chunk.

    :param base_D: ``float64[D]`` commanded target at the chunk's stamp.
    :param actions_HA: ``[H, A]`` in the physical units of the embodiment.
    :raises MessageError: wrong shape, a value that is not finite, an absolute target out of its
        bounds, or an increment or gripper value of more than twice its bound.
    """
    base = _checked(spec, 'base target', base_D, (spec.action.planned,))
    actions = _checked(spec, 'actions', actions_HA, (None, len(spec.action.names)))
    commanded = actions[:, : actions.shape[1] - (spec.gripper is not None)]
    check_bounds(spec, actions, spec.name)
    gripper = None
    if spec.gripper is not None:
        gripper = np.clip(actions[:, -1], spec.action.lower[-1], spec.action.upper[-1])
    if spec.action.rotation is not None:
        return _pose_targets(spec, base, commanded, gripper)
    if spec.action.is_delta:
        positions, saturated = _integrate(spec, base, commanded)
        return Targets(positions, gripper, saturated)
    if any(spec.limits.continuous):
        commanded = unwrap(commanded, spec.limits.continuous, base)
    return Targets(commanded.copy(), gripper, np.zeros(commanded.shape, np.bool_))


def actions_from_targets(
    spec: EmbodimentSpec, base_D: ArrayLike, targets_HD: ArrayLike, gripper_H: ArrayLike | None
) -> NDArray[np.float64]:
    """
    Turn targets into the actions that lead to them: the inverse of :func:`targets_from_actions`.

    :param base_D: ``float64[D]`` target at the start of the first step.
    :param targets_HD: ``[H, D]`` target at the end of each step.
    :param gripper_H: ``[H]``, given exactly when the embodiment has a gripper.
    :returns: ``float64[H, A]``.
    :raises MessageError: wrong shape or a value that is not finite.
    """
    width = spec.action.planned
    base = _checked(spec, 'base target', base_D, (width,))
    targets = _checked(spec, 'targets', targets_HD, (None, width))
    if spec.action.rotation is not None:
        actions = pose_actions(spec, base, targets)
    elif spec.action.is_delta:
        actions = np.diff(targets, axis=0, prepend=base[None])
    else:
        actions = targets
    if (gripper_H is None) != (spec.gripper is None):
        raise MessageError(
            f'{spec.name}: gripper values: got {"none" if gripper_H is None else "some"}, '
            f'expected {"none" if spec.gripper is None else "one per step"}'
        )
    if gripper_H is None:
        return actions.copy()
    gripper = _checked(spec, 'gripper values', gripper_H, (len(targets),))
    return np.concatenate([actions, gripper[:, None]], axis=1)


def _pose_targets(
    spec: EmbodimentSpec,
    base: NDArray[np.float64],
    commanded: NDArray[np.float64],
    gripper: NDArray[np.float64] | None,
) -> Targets:
    width = commanded.shape[1]
    bounded = np.clip(commanded, spec.action.lower[:width], spec.action.upper[:width])
    positions = pose_targets(spec, base, bounded)
    saturated = np.zeros(positions.shape, np.bool_)
    if spec.action.is_delta:
        is_cut = np.abs(pose_misses(spec, base, positions, commanded)) > BOUND_TOLERANCE
        saturated[:, :3] = is_cut[:, :3]
        saturated[:, 3:] = is_cut[:, 3:].any(axis=1, keepdims=True)
    return Targets(positions, gripper, saturated)


def _integrate(
    spec: EmbodimentSpec, base: NDArray[np.float64], increments: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    width = increments.shape[1]
    bounded = np.clip(increments, spec.action.lower[:width], spec.action.upper[:width])
    lower, upper = np.asarray(spec.limits.lower), np.asarray(spec.limits.upper)
    positions = np.empty_like(bounded)
    target = base
    for step, increment in enumerate(bounded):
        # A robot that starts outside its box may come back in, but not go further out.
        target = np.clip(target + increment, np.minimum(lower, target), np.maximum(upper, target))
        positions[step] = target
    moved = np.diff(positions, axis=0, prepend=base[None])
    return positions, np.abs(moved - increments) > BOUND_TOLERANCE


def check_bounds(spec: EmbodimentSpec, actions_HA: NDArray[np.floating], where: str) -> None:
    """
    Refuse actions out of their bounds.

    :param actions_HA: ``[H, A]`` in the physical units of the embodiment.
    :param where: what the error begins with.
    :raises MessageError: an absolute target out of its bounds, or an increment or gripper value of
        more than twice its bound.
    """
    lower, upper = np.asarray(spec.action.lower), np.asarray(spec.action.upper)
    factors = np.full(len(lower), ABSURD_INCREMENT if spec.action.is_delta else 1.0)
    if spec.gripper is not None:
        factors[-1] = ABSURD_INCREMENT
    middle, reach = (lower + upper) / 2.0, (upper - lower) / 2.0 * factors
    low, high = middle - reach, middle + reach
    outside = (actions_HA < low - BOUND_TOLERANCE) | (actions_HA > high + BOUND_TOLERANCE)
    if outside.any():
        step, index = np.argwhere(outside)[0]
        raise MessageError(
            f'{where}: action {spec.action.names[index]} of step {step}: got '
            f'{actions_HA[step, index]:g}, expected {low[index]:g}..{high[index]:g} '
            f'{spec.action.units[index]}'
        )


def _checked(
    spec: EmbodimentSpec, what: str, values: ArrayLike, shape: tuple[int | None, ...]
) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    fits = (
        array.ndim == len(shape)
        and array.size > 0
        and all(want is None or want == got for want, got in zip(shape, array.shape, strict=True))
    )
    if not fits:
        wanted = ', '.join('H' if want is None else str(want) for want in shape)
        raise MessageError(
            f'{spec.name}: {what}: got shape {list(array.shape)}, expected [{wanted}]'
        )
    if not np.isfinite(array).all():
        where = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
        raise MessageError(
            f'{spec.name}: {what}: got {array[where]} at {list(where)}, expected finite values'
        )
    return array
