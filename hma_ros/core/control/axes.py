# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The axes that the executor limits: the commanded coordinates and, for a tool pose, its orientation.

Axes ``X``: the ``D`` commanded coordinates of the embodiment, then the three parts of the rotation
vector where a tool pose is commanded. Units are metres and radians.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.angles import nearest_turn
from hma_ros.core.embodiment.spec import EmbodimentSpec, OrientationSpec

Vector = NDArray[np.float64]
ROTATION_AXES = ('rx', 'ry', 'rz')


@dataclass(frozen=True)
class Axes:
    """
    Names and limits of the axes; each array is ``[X]``.

    ``margin`` is how far outside ``lower``..``upper`` a robot may start; ``jerk`` is infinite
    where the embodiment sets none; ``is_continuous`` marks joints that turn without end, and
    ``is_angle`` those that are measured in radians.
    """

    names: tuple[str, ...]
    lower: Vector
    upper: Vector
    velocity: Vector
    acceleration: Vector
    jerk: Vector
    following_error: Vector
    margin: Vector
    is_continuous: NDArray[np.bool_]
    is_angle: NDArray[np.bool_]

    def difference(self, values_X: ArrayLike, reference_X: ArrayLike) -> Vector:
        """Return ``values - reference``, continuous joints modulo one turn: ``float64[X]``."""
        values, reference = np.asarray(values_X, np.float64), np.asarray(reference_X, np.float64)
        return nearest_turn(values, reference, self.is_continuous) - reference

    def excess(self, values_X: ArrayLike, margin_X: ArrayLike | float = 0.0) -> Vector:
        """Return how far values lie outside the limits and a margin; ``float64[X]``, >= 0."""
        values = np.asarray(values_X, np.float64)
        beyond = np.maximum(self.lower - values, values - self.upper) - margin_X
        outside: Vector = np.maximum(beyond, 0.0)
        return outside

    def first(
        self, is_wrong: NDArray[np.bool_], what: str, got: Vector, most: Vector
    ) -> str | None:
        """Return a sentence on the first wrong axis; None where all are right."""
        if not is_wrong.any():
            return None
        index = int(np.argmax(is_wrong))
        value, limit = got[index], most[index]
        return f'{self.names[index]}: {what}: got {value:.4g}, expected at most {limit:.4g}'

    def unit_hint(self, values_X: Vector) -> str:
        """Return a hint if a joint is far outside its limits in radians, but inside in degrees."""
        is_far = self.is_angle & (self.excess(values_X, self.margin) > np.pi)
        is_inside = self.excess(np.radians(values_X), self.margin) == 0.0
        if not (found := is_far & is_inside).any():
            return ''
        index = int(np.argmax(found))
        return (
            f'; {self.names[index]} is {values_X[index]:.4g}: expected radians, these look like '
            'degrees'
        )


def axes_of(spec: EmbodimentSpec) -> Axes:
    """Return the axes of an embodiment."""
    limits, count = spec.limits, len(spec.action.coordinates)
    turn = limits.orientation if spec.action.is_cartesian else None
    jerk = (np.inf,) * count if limits.jerk is None else limits.jerk
    names = spec.action.coordinates + (ROTATION_AXES if turn else ())
    return Axes(
        names,
        _with_turn(limits.lower, turn, -turn.max_angle if turn else 0.0),
        _with_turn(limits.upper, turn, turn.max_angle if turn else 0.0),
        # The length of a vector whose three parts are within v / sqrt(3) is within v.
        _with_turn(limits.velocity, turn, turn.velocity / 3**0.5 if turn else 0.0),
        _with_turn(limits.acceleration, turn, turn.acceleration / 3**0.5 if turn else 0.0),
        _with_turn(jerk, turn, np.inf),
        _with_turn(limits.following_error, turn, turn.following_error if turn else 0.0),
        _with_turn(limits.start_margin, turn, turn.start_margin if turn else 0.0),
        np.array(limits.continuous + ((False,) * 3 if turn else ()), np.bool_),
        np.array(_are_angles(spec) + ((False,) * 3 if turn else ()), np.bool_),
    )


def _are_angles(spec: EmbodimentSpec) -> tuple[bool, ...]:
    """Whether each coordinate is a joint in radians; of a tool pose none is."""
    return tuple(
        unit == 'rad' and not spec.action.is_cartesian
        for unit in spec.action.units[: len(spec.action.coordinates)]
    )


def _with_turn(values: ArrayLike, turn: OrientationSpec | None, value: float) -> Vector:
    return np.concatenate([np.asarray(values, np.float64), [value] * 3 if turn else []])
