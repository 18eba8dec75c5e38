# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The section of an embodiment file that says what an action is."""

from hma_ros.core.embodiment import spec
from hma_ros.core.embodiment.action_layout import layout_mistake
from hma_ros.core.embodiment.section import Section
from hma_ros.core.short_text import quoted

# Coordinates of a tool: x, y, z.
_POSITION = 3


def read_action(section: Section, has_gripper: bool) -> spec.ActionSpec:
    """
    Read what an action is.

    :param has_gripper: whether the file has a gripper, whose value is the last of an action.
    :raises EmbodimentError: a key is unknown, missing, of the wrong type, or contradicts another.
    """
    semantics = section.choice('semantics', spec.SEMANTICS)
    names = section.strings('names')
    lower, upper = section.bounds(len(names), 'action name')
    has_rotation = semantics in spec.POSE_SEMANTICS
    rotation = section.choice('rotation', tuple(spec.ROTATIONS)) if has_rotation else None
    if semantics in spec.CARTESIAN_SEMANTICS:
        _check_count(section, names, rotation, has_gripper)
    commanded = len(names) - has_gripper - (spec.ROTATIONS[rotation] if rotation else 0)
    action = spec.ActionSpec(
        semantics=semantics,
        frame=section.string('frame'),
        names=names,
        units=section.words('units', spec.UNITS, len(names), 'action name'),
        lower=lower,
        upper=upper,
        coordinates=section.strings(
            'coordinates', commanded, 'action name but rotation and gripper'
        ),
        rotation=rotation,
        delta_frame=(
            section.choice('delta_frame', spec.DELTA_FRAMES)
            if semantics == 'ee_pose_delta'
            else None
        ),
        is_verified=_verified(section, has_rotation),
        layout=section.texts_or_numbers('layout'),
    )
    section.done()
    _check_gripper_action(section, action, has_gripper)
    _check_layout(section, action)
    if action.is_cartesian and action.coordinates != ('x', 'y', 'z'):
        section.fail(
            'coordinates', f"['x', 'y', 'z'] for {semantics}", quoted(list(action.coordinates))
        )
    _check_units(section, action)
    return action


def _check_count(
    section: Section, names: tuple[str, ...], rotation: str | None, has_gripper: bool
) -> None:
    """Count the names of a tool's action: position, rotation, gripper."""
    turns = spec.ROTATIONS[rotation] if rotation else 0
    expected = _POSITION + turns + has_gripper
    if len(names) != expected:
        parts = [f'{_POSITION} of the position']
        parts += [f'{turns} of action.rotation {rotation}'] if rotation else []
        parts += ['the gripper' if has_gripper else 'no gripper']
        section.fail('names', f'{expected}: {", ".join(parts)}', f'{len(names)} names')


def _check_units(section: Section, action: spec.ActionSpec) -> None:
    count = len(action.coordinates)
    if not set(action.units[:count]) <= {'m', 'rad'}:
        got = quoted(list(action.units))
        section.fail('units', f'm or rad for {", ".join(action.coordinates)}', got)


def _verified(section: Section, must_say: bool) -> bool:
    """Actions that turn the tool must say whether their meaning is known; others are it."""
    return (section.is_null('verified') and not must_say) or section.boolean('verified')


def _check_layout(section: Section, action: spec.ActionSpec) -> None:
    """A stem may leave out increments alone, which are 0 then."""
    if not action.layout:
        return
    if mistake := layout_mistake(action.names, action.layout):
        section.fail('layout', mistake[1], mistake[0])
    for name, unit in zip(action.names, action.units, strict=True):
        if name not in action.layout and not (action.is_delta and unit in ('m', 'rad')):
            expected = f'{quoted(name)} too: no increment in m or rad'
            section.fail('layout', expected, 'a list without it')


def _check_gripper_action(section: Section, action: spec.ActionSpec, has_gripper: bool) -> None:
    if has_gripper and action.names[-1] != 'gripper':
        section.fail(
            'names',
            "'gripper' as the last name, as there is a gripper section",
            quoted(list(action.names)),
        )
    expected = ['open_closed'] if has_gripper else []
    got = [unit for unit in action.units if unit == 'open_closed']
    if got != expected or (has_gripper and action.units[-1] != 'open_closed'):
        section.fail(
            'units', "'open_closed' for the gripper and only for it", quoted(list(action.units))
        )
