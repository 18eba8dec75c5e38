# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Do the numbers of an embodiment file make sense together? Needs neither ROS nor a robot."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hma_ros.cli.checks.finding import Finding, fail, ok, warn
from hma_ros.cli.checks.ranges import POSITIONS, check_ranges, check_units
from hma_ros.cli.checks.units import coordinate_bounds
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.embodiment.named_topics import named_topics

# A comparison of numbers that people write with few digits.
_SLACK = 1.0 + 1e-6
_COMMAND_HZ = (10.0, 1000.0)
# A robot that needs longer to reach the speed of a full action never follows one.
_FRAMES_TO_SPEED = 2
_TOPIC = re.compile(r'/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*', re.ASCII)
# Of ROS, with the namespace in front.
_TOPIC_LENGTH = 247

Found = Iterator[Finding]


def check_plausibility(spec: EmbodimentSpec) -> list[Finding]:
    """Judge a valid embodiment: one finding per fault, or one per check without any."""
    findings: list[Finding] = []
    for subject, all_is_well, check in _CHECKS:
        findings += list(check(spec)) or [ok(subject, all_is_well)]
    return findings


def check_todos(spec: EmbodimentSpec) -> list[Finding]:
    """Find what ``hma new-robot`` left to be filled in."""
    lines = Path(spec.path).read_text(encoding='utf-8').splitlines()
    left = [str(number) for number, line in enumerate(lines, 1) if 'TODO' in line]
    if not left:
        return []
    text = f'got {len(left)} TODO, expected none; the first in line {left[0]}'
    return [warn('TODO', text, 'fill in what it says, then delete the comment')]


def _topics(spec: EmbodimentSpec) -> Found:
    named = {item.key: item.name for item in named_topics(spec)}
    if spec.gripper is not None:
        named['gripper.name'] = spec.gripper.name
    for key, topic in named.items():
        remedy = f'correct {key}'
        if len(topic) >= _TOPIC_LENGTH:
            text = f'got {len(topic)} characters, expected fewer than {_TOPIC_LENGTH}'
            yield fail(key, f'{text} with the namespace', remedy)
        elif topic.startswith('~'):
            text = f'got {topic!r}, expected a name without ~: each node would take another topic'
            yield fail(key, text, remedy)
        elif not _TOPIC.fullmatch(topic):
            expected = 'expected words of letters, digits and _ between slashes'
            yield fail(key, f'got {topic!r}, {expected}', remedy)
        elif topic.startswith('/'):
            text = f'got {topic!r}, expected a relative name: namespace:= does not reach this one'
            yield warn(key, text, f'write {topic[1:]!r}, unless the driver has no namespace')


def _camera(spec: EmbodimentSpec) -> Found:
    camera = spec.camera
    height, width = camera.height, camera.width
    if camera.crop is not None:
        height, width = camera.crop.height, camera.crop.width
    if max(height, width) < max(camera.resize):
        text = f'got {width}x{height}, expected at least {camera.resize[1]}x{camera.resize[0]}'
        remedy = 'set a larger camera.crop, or a larger camera image'
        yield warn('camera.crop', f'{text}: the image is enlarged', remedy)
    shorter, longer = sorted((height, width))
    if longer > 2 * shorter:
        text = f'got {width}x{height}, expected closer to a square: the rest is padded with black'
        yield warn('camera.crop', text, 'set a camera.crop around the task')


def _home(spec: EmbodimentSpec) -> Found:
    bounds = {} if spec.action.is_cartesian else coordinate_bounds(spec)
    for index, (name, value) in enumerate(zip(spec.state.joints, spec.home, strict=True)):
        low, high = bounds.get(name, (POSITIONS['rad'].low, POSITIONS['rad'].high))
        if not low <= value <= high:
            text = f'got {value:g} ({name}), expected {low:g} to {high:g}, the limits'
            yield fail(f'home[{index}]', text, f'correct home[{index}], or limits')


def _rates(spec: EmbodimentSpec) -> Found:
    rates, (low, high) = spec.rates, _COMMAND_HZ
    if not low <= rates.command_hz <= high:
        text = f'got {rates.command_hz:g}, expected {low:g} to {high:g} commands per second'
        yield warn('rates.command_hz', text, 'set what the controller follows, e.g. 100')
    period_s = 1.0 / rates.command_hz
    for index, command in enumerate(spec.commands):
        reach_s = command.time_from_start_s
        if reach_s is not None and reach_s * _SLACK < period_s:
            text = f'got {reach_s:g} s, expected at least a command period of {period_s:g} s'
            remedy = 'raise it, or rates.command_hz'
            yield warn(f'commands[{index}].time_from_start_s', text, remedy)
    if spec.state.max_age_s < period_s:
        text = f'got {spec.state.max_age_s:g} s, expected at least a command period, {period_s:g}'
        yield fail('state.max_age_s', text, 'raise it: the robot would be held all the time')


def _steps(spec: EmbodimentSpec) -> Found:
    """Can the robot follow a full action?"""
    if spec.action.is_delta:
        yield from _increments(spec)
        return
    action, limits = spec.action, spec.limits
    for index, name in enumerate(action.coordinates):
        low, high = limits.lower[index], limits.upper[index]
        if action.lower[index] < low or action.upper[index] > high:
            text = (
                f'got {action.lower[index]:g} to {action.upper[index]:g} ({name}), expected '
                f'{low:g} to {high:g}, the limits: targets outside are refused'
            )
            yield warn(f'action.lower[{index}]', text, f'correct action.upper[{index}] and this')


def _increments(spec: EmbodimentSpec) -> Found:
    action, rates = spec.action, spec.rates
    step_D = [
        max(abs(low), abs(high)) for low, high in zip(action.lower, action.upper, strict=True)
    ][: len(action.coordinates)]
    speed_D = [step * rates.control_hz for step in step_D]
    reason = f'the speed of a full action, {rates.step_dt_s:g} s long'
    remedy = 'raise it if the robot allows, or narrow action.lower and action.upper'
    yield from _too_low(spec, 'velocity', speed_D, reason, remedy)
    reach_s = _FRAMES_TO_SPEED * rates.frame_dt_s
    reason = f'to reach the speed of a full action in {_FRAMES_TO_SPEED} frames ({reach_s:g} s)'
    least_D = [speed / reach_s for speed in speed_D]
    yield from _too_low(spec, 'acceleration', least_D, reason, remedy)


def _motion(spec: EmbodimentSpec) -> Found:
    """Do velocity, range and following error fit one another?"""
    limits, period_s = spec.limits, 1.0 / spec.rates.command_hz
    for index, name in enumerate(spec.action.coordinates):
        room, speed = limits.upper[index] - limits.lower[index], limits.velocity[index]
        key, way = f'limits.velocity[{index}]', speed**2 / limits.acceleration[index]
        if speed * period_s >= room:
            text = f'got {speed:g} ({name}), expected below {room / period_s:g}'
            yield fail(key, f'{text}: one command period crosses all limits', f'lower {key}')
        elif way > room:
            text = f'got {speed:g} ({name}), which takes {way:g} to start and brake'
            text += f', expected at most {room:g}, the room between the limits'
            yield warn(key, text, f'lower {key}, or raise limits.acceleration[{index}]')


def _following(spec: EmbodimentSpec) -> Found:
    """Does the following error allow the motion itself?"""
    limits, period_s = spec.limits, 1.0 / spec.rates.command_hz
    in_a_period_D = [speed * period_s for speed in limits.velocity]
    for index, name in enumerate(spec.action.coordinates):
        allowed, least = limits.following_error[index], in_a_period_D[index]
        if allowed <= least:
            key = f'limits.following_error[{index}]'
            text = f'got {allowed:g} ({name}), expected above {least:g}, one command period at '
            yield fail(key, f'{text}full speed', f'raise {key}: the robot would be held')
            return
    oldest_s = spec.state.max_age_s + period_s
    reason = f'full speed for the {oldest_s:g} s that a state may be old'
    least_D = [speed * oldest_s for speed in limits.velocity]
    remedy = 'raise it, or lower state.max_age_s'
    yield from _too_low(spec, 'following_error', least_D, reason, remedy)


def _too_low(
    spec: EmbodimentSpec, key: str, least_D: Sequence[float], reason: str, remedy: str
) -> Found:
    """Warn once of all coordinates whose limit is below the least that makes sense."""
    given_D = getattr(spec.limits, key)
    low = [i for i, least in enumerate(least_D) if given_D[i] * _SLACK < least]
    if not low:
        return
    worst = max(low, key=lambda index: least_D[index] / given_D[index])
    others = f' and {len(low) - 1} more' if len(low) > 1 else ''
    text = (
        f'got {given_D[worst]:g} ({spec.action.coordinates[worst]}{others}), expected at least '
        f'{least_D[worst]:g}: {reason}'
    )
    yield warn(f'limits.{key}', text, remedy)


def _gripper(spec: EmbodimentSpec) -> Found:
    gripper = spec.gripper
    if gripper is None:
        return
    if gripper.hysteresis == 0.0:
        text = 'got 0, expected above 0: noise around the threshold opens and closes it'
        yield warn('gripper.hysteresis', text, 'set a tenth of model_open - model_closed or more')
    if gripper.takes_goals and gripper.max_effort == 0.0:
        text = 'got 0, expected above 0: many grippers then close without force'
        yield warn('gripper.max_effort', text, 'set the force of a gentle grasp')
    if gripper.min_interval_s < spec.rates.frame_dt_s and not spec.simulated:
        text = f'got {gripper.min_interval_s:g} s, expected at least a frame, '
        text += f'{spec.rates.frame_dt_s:g} s'
        yield warn('gripper.min_interval_s', text, 'set the time the gripper needs to move')
    if gripper.joint is None:
        text = 'got null, expected the name of the joint: without it no action is measured'
        if gripper.interface == 'parallel_gripper_command':
            text += ', and the goal carries it'
        yield warn('gripper.joint', text, 'set gripper.joint')


def _stops(spec: EmbodimentSpec) -> Found:
    if not spec.stops and not spec.simulated:
        text = 'got none, expected a topic on which the robot says that it was stopped'
        yield warn('stops', text, 'add the topic of the driver, and of an emergency button')


_CHECKS: tuple[tuple[str, str, Callable[[EmbodimentSpec], Found]], ...] = (
    ('topics', 'valid and relative', _topics),
    ('camera.crop', 'gives enough pixels', _camera),
    ('home', 'inside the limits', _home),
    ('limits', 'in radians and metres', check_units),
    ('ranges', 'each number in its plausible range', check_ranges),
    ('rates', 'fit the commands', _rates),
    ('action', 'a full action stays within velocity and acceleration limits', _steps),
    ('limits.velocity', 'fits the room between the limits', _motion),
    ('limits.following_error', 'leaves room for motion', _following),
    ('gripper', 'none, or its numbers make sense', _gripper),
    ('stops', 'at least one topic, or a simulated robot', _stops),
)
