# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Do measured values look like radians and metres?"""

import math
from collections.abc import Mapping

from hma_ros.cli.checks.finding import Finding, fail, warn
from hma_ros.core.embodiment import EmbodimentSpec

# Two turns: no joint goes farther, whatever its limits are.
_ANY_JOINT = (-2.0 * math.tau, 2.0 * math.tau)
# Of the range between the limits: a value outside by more is in another unit.
_FAR = 0.5
_TOLERANCE = 1e-3

Bounds = tuple[float, float]


def coordinate_bounds(spec: EmbodimentSpec) -> dict[str, Bounds]:
    """Return the limits of each commanded coordinate by its name."""
    limits = zip(spec.limits.lower, spec.limits.upper, strict=True)
    return dict(zip(spec.action.coordinates, limits, strict=True))


def start_bounds(spec: EmbodimentSpec) -> dict[str, Bounds]:
    """Return where execution starts, by coordinate; joints that turn without end are left out."""
    places = enumerate(coordinate_bounds(spec).items())
    limits = spec.limits
    return {
        name: (low - limits.start_margin[index], high + limits.start_margin[index])
        for index, (name, (low, high)) in places
        if not limits.continuous[index]
    }


def coordinate_units(spec: EmbodimentSpec) -> dict[str, str]:
    """Return the unit of each commanded coordinate by its name; ``m`` or ``rad``."""
    return dict(zip(spec.action.coordinates, spec.action.units, strict=False))


def judge_values(
    subject: str,
    values: Mapping[str, float],
    bounds: Mapping[str, Bounds],
    units: Mapping[str, str],
) -> list[Finding]:
    """
    Compare finite measured values with the limits of an embodiment.

    :param values: by the name of the coordinate.
    :param bounds: of those that have limits; the others are taken for joints.
    :param units: ``m`` or ``rad``; radians where not given.
    """
    outside = [name for name in values if not _is_inside(values[name], bounds.get(name))]
    far = [name for name in outside if _is_far(values[name], bounds.get(name, _ANY_JOINT))]
    if not outside:
        return []
    first = (far or outside)[0]
    low, high = bounds.get(first, _ANY_JOINT)
    unit = units.get(first, 'rad')
    text = f'{first}: got {values[first]:.4g}, expected {low:.4g} to {high:.4g} {unit}'
    guesses = [_guess(values[name], bounds.get(name, _ANY_JOINT), units.get(name)) for name in far]
    if far and all(guesses):
        looks = ' or '.join(sorted({guess for guess in guesses if guess}))
        remedy = 'let the driver publish radians and metres; else correct limits.lower and .upper'
        return [fail(subject, f'{text}; looks like {looks}', remedy)]
    remedy = 'move the robot inside its limits, or correct limits.lower and limits.upper'
    if far:
        return [fail(subject, text, remedy)]
    return [warn(subject, f'{text}: outside limits, mode execute does not start here', remedy)]


def _is_inside(value: float, bounds: Bounds | None) -> bool:
    low, high = bounds or _ANY_JOINT
    slack = _TOLERANCE * (high - low)
    return low - slack <= value <= high + slack


def _is_far(value: float, bounds: Bounds) -> bool:
    low, high = bounds
    slack = _FAR * (high - low)
    return not low - slack <= value <= high + slack


def _guess(value: float, bounds: Bounds, unit: str | None) -> str:
    """Return what unit would explain a value that is far outside; empty if none."""
    if unit == 'm':
        return '' if _is_far(value / 1000.0, bounds) else 'millimetres'
    if not _is_far(math.radians(value), bounds):
        return 'degrees'
    return '0 to 100' if 0.0 <= value <= 100.0 else ''
