# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Turn the sections of an embodiment file into its spec, checking that they agree."""

from pathlib import Path

from hma_ros.core.embodiment import bounds, spec
from hma_ros.core.embodiment.action_section import read_action
from hma_ros.core.embodiment.agreement import check_agreement
from hma_ros.core.embodiment.section import Section
from hma_ros.core.short_text import first_few, quoted

# Share of the range that a robot may start outside its limits, where the file says nothing.
_START_MARGIN = 0.05
# A rotation vector of a half turn could as well be its opposite.
_MAX_ANGLE = 3.0


def build_embodiment(top: Section, path: Path) -> spec.EmbodimentSpec:
    """
    Build the spec from the top-level section of a file.

    :param top: the parsed file; every key must be known.
    :param path: where it was read; the file name must be the embodiment's name.
    :raises EmbodimentError: a key is unknown, missing, of the wrong type, or contradicts another.
    """
    gripper = None if top.is_null('gripper') else _gripper(top.section('gripper'))
    action = read_action(top.section('action'), gripper is not None)
    state = _state(top.section('state'), action)
    built = spec.EmbodimentSpec(
        name=_name(top, path),
        path=str(path),
        description=top.string('description'),
        sources=top.strings('sources'),
        simulated=top.boolean('simulated'),
        stem=top.string('stem'),
        camera=_camera(top.section('camera')),
        state=state,
        action=action,
        rates=_rates(top.section('rates')),
        commands=_commands(top, action),
        gripper=gripper,
        limits=_limits(top.section('limits'), action),
        stops=tuple(_stop(section) for section in top.sections('stops', 0)),
        home=top.numbers('home', len(state.joints), 'joint'),
    )
    top.done()
    check_agreement(built, top.fail)
    return built


def _name(top: Section, path: Path) -> str:
    name = top.string('name')
    if name != path.stem:
        top.fail('name', f'{path.stem!r}, the name of the file', quoted(name))
    return name


def _camera(section: Section) -> spec.CameraSpec:
    height = section.integer('height', 1, bounds.IMAGE_SIDE_PX)
    width = section.integer('width', 1, bounds.IMAGE_SIDE_PX)
    transport = section.choice('transport', spec.TRANSPORTS)
    camera = spec.CameraSpec(
        topic=section.string('topic'),
        transport=transport,
        info_topic=None if section.is_null('info_topic') else section.string('info_topic'),
        encodings=section.words('encodings', spec.ENCODINGS[transport]),
        height=height,
        width=width,
        crop=None if section.is_null('crop') else _crop(section.section('crop'), height, width),
        resize=_resize(section),
        max_age_s=section.positive('max_age_s'),
        yuv_range=section.choice_or('yuv_range', spec.YUV_RANGES),
    )
    section.done()
    return camera


def _crop(section: Section, height: int, width: int) -> spec.CropSpec:
    crop = spec.CropSpec(
        top=section.integer('top', 0),
        left=section.integer('left', 0),
        height=section.integer('height', 1),
        width=section.integer('width', 1),
    )
    section.done()
    if crop.top + crop.height > height:
        section.fail(
            'height',
            f'top + height <= {height}, the height of the image',
            str(crop.top + crop.height),
        )
    if crop.left + crop.width > width:
        section.fail(
            'width',
            f'left + width <= {width}, the width of the image',
            str(crop.left + crop.width),
        )
    return crop


def _resize(section: Section) -> tuple[int, int]:
    height, width = section.numbers('resize', 2, 'image side')
    least, most = bounds.MODEL_SIDE_PX
    if height != width or height != int(height) or not least <= height <= most:
        section.fail('resize', f'a square of {least} to {most} pixels', f'[{height:g}, {width:g}]')
    return int(height), int(width)


def _state(section: Section, action: spec.ActionSpec) -> spec.StateSpec:
    sources = tuple(_state_source(part) for part in section.sections('sources', 1))
    pose = None if section.is_null('pose') else _pose(section.section('pose'))
    state = spec.StateSpec(sources, pose, section.positive('max_age_s'))
    section.done()
    if len(set(state.joints)) != len(state.joints):
        section.fail('sources', 'distinct joints over all sources', first_few(state.joints))
    if action.is_cartesian and pose is None:
        section.fail('pose', f'a tool pose topic ({action.semantics} starts from it)', 'nothing')
    missing = [name for name in action.coordinates if name not in state.joints]
    if not action.is_cartesian and missing:
        got = f'none for {quoted(missing[0])}'
        section.fail('sources', 'a source for every commanded joint', got)
    return state


def _state_source(section: Section) -> spec.StateSource:
    joints = section.strings('joints')
    source = spec.StateSource(section.string('topic'), joints, _message_names(section, joints))
    section.done()
    return source


def _message_names(section: Section, names: tuple[str, ...]) -> tuple[str, ...]:
    if section.is_null('message_names'):
        return names
    return section.strings('message_names', len(names), 'name')


def _pose(section: Section) -> spec.PoseSpec:
    pose = spec.PoseSpec(section.string('topic'), section.string('frame_id'))
    section.done()
    return pose


def _rates(section: Section) -> spec.RateSpec:
    rates = spec.RateSpec(
        frame_hz=section.rate_hz('frame_hz'),
        stride=section.integer('stride', 1, bounds.STRIDE),
        command_hz=section.rate_hz('command_hz'),
    )
    control_hz = section.rate_hz('control_hz')
    section.done()
    if abs(control_hz - rates.control_hz) > 1e-6:
        section.fail('control_hz', f'frame_hz * stride = {rates.control_hz:g}', f'{control_hz:g}')
    ratio = rates.command_hz / rates.control_hz
    if ratio < 1.0 or abs(ratio - round(ratio)) > 1e-6:
        section.fail(
            'command_hz',
            f'an integer multiple of control_hz = {rates.control_hz:g}',
            f'{rates.command_hz:g}',
        )
    return rates


def _commands(top: Section, action: spec.ActionSpec) -> tuple[spec.CommandSpec, ...]:
    commands = tuple(_command(part, action) for part in top.sections('commands', 1))
    carried = [name for command in commands for name in command.coordinates]
    if sorted(carried) != sorted(action.coordinates):
        top.fail(
            'commands',
            f'every coordinate once ({", ".join(action.coordinates)})',
            first_few(carried),
        )
    return commands


def _command(section: Section, action: spec.ActionSpec) -> spec.CommandSpec:
    interface = section.choice('interface', spec.COMMAND_INTERFACES)
    coordinates = section.strings('coordinates')
    is_pose = interface == 'cartesian_pose'
    is_interbotix = interface.startswith('interbotix')
    command = spec.CommandSpec(
        interface=interface,
        topic=section.string('topic'),
        coordinates=coordinates,
        message_names=_message_names(section, coordinates),
        frame_id=section.string('frame_id') if is_pose else None,
        orientation_xyzw=(
            _quaternion(section, 'orientation_xyzw')
            if is_pose and action.rotation is None and not section.is_null('orientation_xyzw')
            else None
        ),
        time_from_start_s=(
            section.positive('time_from_start_s') if interface == 'joint_trajectory' else None
        ),
        group=section.string('group') if is_interbotix else None,
    )
    section.done()
    if is_pose != action.is_cartesian:
        section.fail(
            'interface',
            f'an interface for the action semantics {action.semantics}',
            quoted(interface),
        )
    return command


def _quaternion(section: Section, key: str) -> tuple[float, float, float, float]:
    x, y, z, w = section.numbers(key, 4, 'quaternion part')
    norm = (x * x + y * y + z * z + w * w) ** 0.5
    if abs(norm - 1.0) > 1e-3:
        section.fail(key, 'a quaternion of norm 1', f'norm {norm:g}')
    return x, y, z, w


def _gripper(section: Section) -> spec.GripperSpec:
    gripper = spec.GripperSpec(
        interface=section.choice('interface', spec.GRIPPER_INTERFACES),
        name=section.string('name'),
        joint=None if section.is_null('joint') else section.string('joint'),
        joint_topic=None if section.is_null('joint_topic') else section.string('joint_topic'),
        open_position=section.number('open_position'),
        closed_position=section.number('closed_position'),
        max_effort=section.number('max_effort'),
        model_open=section.number('model_open'),
        model_closed=section.number('model_closed'),
        threshold=section.number('threshold'),
        hysteresis=section.number('hysteresis'),
        min_interval_s=section.number('min_interval_s'),
    )
    section.done()
    _check_gripper(section, gripper)
    return gripper


def _check_gripper(section: Section, gripper: spec.GripperSpec) -> None:
    if gripper.joint_topic is not None and gripper.joint is None:
        section.fail('joint', f'a joint measured on {gripper.joint_topic}', 'none')
    for key in ('max_effort', 'hysteresis', 'min_interval_s'):
        value = getattr(gripper, key)
        if value < 0.0:
            section.fail(key, 'a number >= 0', f'{value:g}')
    if gripper.open_position == gripper.closed_position:
        section.fail(
            'open_position', 'a position other than closed_position', f'{gripper.open_position:g}'
        )
    low, high = sorted((gripper.model_open, gripper.model_closed))
    reach = gripper.threshold - gripper.hysteresis, gripper.threshold + gripper.hysteresis
    if not low < reach[0] <= reach[1] < high:
        section.fail(
            'threshold',
            f'threshold +- hysteresis between {low:g} and {high:g}',
            f'{gripper.threshold:g} +- {gripper.hysteresis:g}',
        )


def _limits(section: Section, action: spec.ActionSpec) -> spec.LimitSpec:
    count, per = len(action.coordinates), 'coordinate' if action.is_cartesian else 'joint'
    lower, upper = section.bounds(count, per)
    margin = [_START_MARGIN * (high - low) for low, high in zip(lower, upper, strict=True)]
    limits = spec.LimitSpec(
        lower=lower,
        upper=upper,
        velocity=section.positives('velocity', count, per),
        acceleration=section.positives('acceleration', count, per),
        following_error=section.positives('following_error', count, per),
        start_margin=(
            tuple(margin)
            if section.is_null('start_margin')
            else section.positives('start_margin', count, per)
        ),
        continuous=(
            (False,) * count
            if section.is_null('continuous')
            else section.booleans('continuous', count, per)
        ),
        jerk=None if section.is_null('jerk') else section.positives('jerk', count, per),
        orientation=_orientation_limits(section) if action.is_cartesian else None,
    )
    section.done()
    return limits


def _orientation_limits(section: Section) -> spec.OrientationSpec:
    part = section.section('orientation')
    limits = spec.OrientationSpec(
        reference_xyzw=_quaternion(part, 'reference_xyzw'),
        max_angle=part.positive('max_angle'),
        velocity=part.positive('velocity'),
        acceleration=part.positive('acceleration'),
        following_error=part.positive('following_error'),
        start_margin=part.positive('start_margin'),
    )
    part.done()
    most = _MAX_ANGLE - limits.start_margin
    if limits.max_angle > most:
        part.fail(
            'max_angle', f'at most {most:.4g} rad with this start_margin', f'{limits.max_angle:g}'
        )
    return limits


def _stop(section: Section) -> spec.StopSpec:
    stop = spec.StopSpec(
        topic=section.string('topic'),
        type=section.string('type'),
        field=section.string('field'),
        stop_values=section.flags('stop_values'),
        reason=section.string('reason'),
        latched=not section.is_null('latched') and section.boolean('latched'),
        mandatory=not section.is_null('mandatory') and section.boolean('mandatory'),
        heartbeat_s=(None if section.is_null('heartbeat_s') else section.positive('heartbeat_s')),
    )
    section.done()
    if len(stop.type.split('/')) != 3:
        section.fail('type', "a message type such as 'std_msgs/msg/Bool'", quoted(stop.type))
    return stop
