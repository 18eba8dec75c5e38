# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The range in which a number of an embodiment file is plausible.

Wide enough for any robot this package runs on; what lies outside is most likely in another unit,
or a slip of the keyboard. ``docs/reference/embodiments.md`` lists the ranges.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hma_ros.cli.checks.finding import Finding, fail, warn
from hma_ros.core.embodiment import EmbodimentSpec


@dataclass(frozen=True)
class Range:
    """The least and the greatest plausible value, and what it is for a reader."""

    low: float
    high: float
    unit: str


# Radians: more than any joint has, and less than most limits in degrees. Metres: more than any arm
# reaches, and less than most workspaces in millimetres.
POSITIONS = {'rad': Range(-30.0, 30.0, 'rad'), 'm': Range(-10.0, 10.0, 'm')}
VELOCITIES = {'rad': Range(0.0, 30.0, 'rad/s'), 'm': Range(0.0, 10.0, 'm/s')}
ACCELERATIONS = {'rad': Range(0.0, 10_000.0, 'rad/s^2'), 'm': Range(0.0, 1_000.0, 'm/s^2')}
FOLLOWING_ERRORS = {'rad': Range(0.0, 3.0, 'rad'), 'm': Range(0.0, 0.5, 'm')}
TIME_FROM_START = Range(0.001, 1.0, 's')
AGE = Range(0.01, 2.0, 's')
HEARTBEAT = Range(0.02, 60.0, 's')
INTERVAL = Range(0.0, 60.0, 's')
_OTHER_UNIT = {
    'rad': ('radians: looks like degrees', 'radians'),
    'm': ('metres: looks like millimetres', 'metres'),
}


def check_units(spec: EmbodimentSpec) -> Iterator[Finding]:
    """Find positions and velocities that must be in another unit."""
    named = zip(spec.action.units, spec.action.coordinates, strict=False)
    for index, (unit, name) in enumerate(named):
        for key, spans in (('lower', POSITIONS), ('upper', POSITIONS), ('velocity', VELOCITIES)):
            value, span = getattr(spec.limits, key)[index], spans[unit]
            if not span.low <= value <= span.high:
                looks, wanted = _OTHER_UNIT[unit]
                text = f'got {value:g} ({name}), expected {_words(span)}, in {looks}'
                yield fail(f'limits.{key}[{index}]', text, f'write limits.{key} in {wanted}')


def check_ranges(spec: EmbodimentSpec) -> Iterator[Finding]:
    """Warn of numbers outside their plausible range."""
    for key, value, span in _numbers(spec):
        if not span.low <= value <= span.high:
            yield warn(key, f'got {value:g}, expected {_words(span)}', f'correct {key}')


def _words(span: Range) -> str:
    return f'{span.low:g} to {span.high:,g} {span.unit}'


def _numbers(spec: EmbodimentSpec) -> Iterator[tuple[str, float, Range]]:
    """Yield key, value and range of each number; lists element by element."""
    limits, turn = spec.limits, spec.limits.orientation
    for index, unit in enumerate(spec.action.units[: len(spec.action.coordinates)]):
        yield f'limits.acceleration[{index}]', limits.acceleration[index], ACCELERATIONS[unit]
        error = limits.following_error[index]
        yield f'limits.following_error[{index}]', error, FOLLOWING_ERRORS[unit]
    if turn is not None:
        yield 'limits.orientation.velocity', turn.velocity, VELOCITIES['rad']
        yield 'limits.orientation.acceleration', turn.acceleration, ACCELERATIONS['rad']
        error = turn.following_error
        yield 'limits.orientation.following_error', error, FOLLOWING_ERRORS['rad']
    for index, command in enumerate(spec.commands):
        if command.time_from_start_s is not None:
            key = f'commands[{index}].time_from_start_s'
            yield key, command.time_from_start_s, TIME_FROM_START
    yield 'camera.max_age_s', spec.camera.max_age_s, AGE
    yield 'state.max_age_s', spec.state.max_age_s, AGE
    for index, stop in enumerate(spec.stops):
        if stop.heartbeat_s is not None:
            yield f'stops[{index}].heartbeat_s', stop.heartbeat_s, HEARTBEAT
    if spec.gripper is not None:
        yield 'gripper.min_interval_s', spec.gripper.min_interval_s, INTERVAL
