# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The checks of ``hma doctor`` on a running robot: topics, types, rates, ages, contents."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState

from hma_ros.cli.checks import contents, graph
from hma_ros.cli.checks.finding import Finding, fail, ok, warn
from hma_ros.cli.checks.gripper import joint_input, judge_gripper, judge_joint
from hma_ros.cli.checks.listening import SAMPLE_S, Input, doctor_node, listen
from hma_ros.cli.checks.stamps import judge_stamps
from hma_ros.cli.checks.units import coordinate_units, start_bounds
from hma_ros.core.embodiment import CommandSpec, EmbodimentSpec, StopSpec, embodiment_folder
from hma_ros.core.errors import ConfigError
from hma_ros.core.topics import COMMAND_TYPES
from hma_ros.ros.interfaces import stop_class
from hma_ros.ros.qos import LATCHED, SENSOR_IN

# A button that a site may have or not; all other stops come from the driver.
OPTIONAL_STOP = 'emergency_stop'


def check_topics(
    spec: EmbodimentSpec,
    namespace: str,
    timeout_s: float,
    use_sim_time: bool = False,
    executes: bool = False,
) -> list[Finding]:
    """
    Look at every topic of the embodiment for at most ``timeout_s`` and two seconds more.

    :param namespace: where the nodes will run; the topics are relative to it.
    :param use_sim_time: whether they will follow /clock; a simulated robot always does.
    :param executes: whether the executor is to command the robot.
    """
    use_sim_time = use_sim_time or spec.simulated
    try:
        with doctor_node(namespace, use_sim_time) as node:
            return _check(node, spec, timeout_s, use_sim_time, executes)
    except ConfigError as error:
        remedy = 'see ROS_DOMAIN_ID, RMW_IMPLEMENTATION and namespace:='
        return [fail('ROS 2', f'cannot listen: {error}', remedy)]


def _check(
    node: Node, spec: EmbodimentSpec, timeout_s: float, use_sim_time: bool, executes: bool
) -> list[Finding]:
    inputs = _inputs(node, spec)
    stops = list(_stop_inputs(node, spec))
    info = _camera_info(node, spec)
    heard = [*inputs, *info, *(listened for _, listened in stops)]
    measured_s = listen(node, heard, timeout_s)
    findings = [graph.judge_clock(node, spec.simulated, measured_s > 0.0)] if use_sim_time else []
    for item in inputs:
        findings += _judge_input(node, item, spec, use_sim_time, measured_s)
    findings += _judge_joint_of_the_arm(spec, inputs)
    findings += [_judge_info(item) for item in info]
    for index, command in enumerate(spec.commands):
        findings += _judge_command(node, command, f'commands[{index}]', spec.simulated, executes)
    if spec.gripper is not None:
        findings.append(judge_gripper(node, spec.gripper, spec.simulated))
    findings += graph.judge_chunks(node)
    for stop, listened in stops:
        findings += _judge_stop(node, stop, listened, spec.simulated)
    return findings


def _inputs(node: Node, spec: EmbodimentSpec) -> list[Input]:
    camera, state, rates = spec.camera, spec.state, spec.rates
    bounds, units = start_bounds(spec), coordinate_units(spec)
    topic = node.resolve_topic_name(camera.topic)
    kind = Image if camera.transport == 'raw' else CompressedImage
    judge: Any = partial(contents.judge_image, camera, topic)
    inputs = [
        Input(topic, 'camera.topic', kind, SENSOR_IN, judge, rates.frame_hz, camera.max_age_s)
    ]
    for index, source in enumerate(state.sources):
        topic, key = node.resolve_topic_name(source.topic), f'state.sources[{index}]'
        # The coordinates of a Cartesian robot are no joints.
        limits = ({}, {}) if spec.action.is_cartesian else (bounds, units)
        judge = partial(contents.judge_joints, source, key, topic, limits)
        age_s, hz = state.max_age_s, rates.control_hz
        inputs.append(Input(topic, f'{key}.topic', JointState, SENSOR_IN, judge, hz, age_s))
    if state.pose is not None:
        topic, key = node.resolve_topic_name(state.pose.topic), 'state.pose.topic'
        limits = (bounds, units) if spec.action.is_cartesian else ({}, {})
        orientation = spec.limits.orientation
        judge = partial(contents.judge_pose, state.pose, topic, limits, orientation)
        age_s, hz = state.max_age_s, rates.control_hz
        inputs.append(Input(topic, key, PoseStamped, SENSOR_IN, judge, hz, age_s))
    return [*inputs, *joint_input(node, spec)]


def _judge_joint_of_the_arm(spec: EmbodimentSpec, inputs: Sequence[Input]) -> list[Finding]:
    """Look for the joint of a gripper without a topic of its own beside the arm's joints."""
    gripper = spec.gripper
    if gripper is None or gripper.joint is None or gripper.joint_topic is not None:
        return []
    samples = [
        sample for item in inputs if item.message_type is JointState for sample in item.samples
    ]
    return judge_joint(gripper, 'gripper.joint', samples) if samples else []


def _camera_info(node: Node, spec: EmbodimentSpec) -> list[Input]:
    if spec.camera.info_topic is None:
        return []
    topic = node.resolve_topic_name(spec.camera.info_topic)
    judge = partial(contents.judge_camera_info, spec.camera, topic)
    return [Input(topic, 'camera.info_topic', CameraInfo, SENSOR_IN, judge)]


def _stop_inputs(node: Node, spec: EmbodimentSpec) -> Iterator[tuple[StopSpec, Input]]:
    """Yield the stops that can be heard; the checks of the file report the others."""
    for index, stop in enumerate(spec.stops):
        topic, key = node.resolve_topic_name(stop.topic), f'stops[{index}]'
        with suppress(ConfigError):
            kind = stop_class(stop, key)
            judge = partial(contents.judge_stop, stop, topic)
            qos = LATCHED if stop.latched else SENSOR_IN
            yield stop, Input(topic, f'{key}.topic', kind, qos, judge)


def _robot(spec: EmbodimentSpec) -> str:
    """Name a simulated robot as ``robot:=`` does: a copy of its file by its path."""
    is_shipped = Path(spec.path).parent == embodiment_folder()
    return spec.name.removeprefix('sim_') if is_shipped else str(spec.path)


def _judge_input(
    node: Node, item: Input, spec: EmbodimentSpec, use_sim_time: bool, measured_s: float
) -> list[Finding]:
    if not item.samples:
        return [graph.judge_silence(node, item, _robot(spec) if spec.simulated else None)]
    findings = item.judge(item.samples)
    if item.message_type is not JointState:
        findings += graph.judge_senders(node, item)
    if not item.ages_s:
        text = f'silent for {SAMPLE_S:g} s, expected at least {item.min_hz:g} Hz'
        return [*findings, fail(item.topic, text, 'see whether the driver still runs')]
    if measured_s <= 0.0:
        return findings or [ok(item.topic, 'decodes; /clock stands still, so no rate')]
    rate_hz = len(item.ages_s) / measured_s
    # A tenth of slack: the rate is measured on a few messages.
    if rate_hz < 0.9 * (item.min_hz or 0.0):
        text = f'got {rate_hz:.1f} Hz, expected at least {item.min_hz:g} Hz'
        remedy = 'raise the rate of the driver, or look for a saturated network'
        findings.append(fail(item.topic, text, remedy))
    findings += _stamp_findings(item, use_sim_time)
    age_s = sorted(item.ages_s)[len(item.ages_s) // 2]
    return findings or [ok(item.topic, f'{rate_hz:.1f} Hz, {age_s * 1e3:.0f} ms old')]


def _stamp_findings(item: Input, use_sim_time: bool) -> list[Finding]:
    key = 'camera.max_age_s' if item.section == 'camera' else 'state.max_age_s'
    max_age_s = item.max_age_s or 0.0
    found = judge_stamps(item.topic, item.ages_s, max_age_s, key, item.has_stamp, use_sim_time)
    return [found] if found else []


def _judge_info(item: Input) -> Finding:
    if not item.samples:
        return ok(item.topic, 'nothing came; no node needs it (camera.info_topic may be null)')
    message = item.samples[-1].message
    found = item.judge(item.samples)
    return found[0] if found else ok(item.topic, f'{message.width}x{message.height} pixels')


def _judge_command(
    node: Node, command: CommandSpec, key: str, simulated: bool, executes: bool
) -> Sequence[Finding]:
    topic = node.resolve_topic_name(command.topic)
    expected = COMMAND_TYPES[command.interface]
    return [
        graph.judge_listeners(node, topic, expected, key, simulated),
        *graph.judge_command_publishers(node, topic, executes),
    ]


def _judge_stop(node: Node, stop: StopSpec, listened: Input, simulated: bool) -> list[Finding]:
    topic, section = listened.topic, listened.section
    publishers = node.get_publishers_info_by_topic(topic)
    types = graph.types_of(publishers)
    if not publishers:
        return [_absent_stop(stop, topic, section, simulated)]
    if types != [stop.type]:
        text = f'got {", ".join(types)}, expected {stop.type}'
        return [fail(topic, text, f'correct {section}.type or {section}.topic')]
    if stop.latched and _forgets(publishers):
        remedy = f'let the driver keep its last message, or set {section}.latched: false'
        text = 'got VOLATILE, expected TRANSIENT_LOCAL: no state at the start'
        return [warn(topic, text, remedy)]
    text = f'{len(publishers)} publisher(s) of {stop.type}'
    if not listened.samples:
        remedy = 'see whether its driver works: mode execute waits for its first message'
        return [warn(topic, f'{text}, silent', remedy)]
    return listened.judge(listened.samples) or [ok(topic, text)]


def _absent_stop(stop: StopSpec, topic: str, section: str, simulated: bool) -> Finding:
    text = f'nobody publishes this stop ({stop.reason})'
    if simulated:
        return warn(topic, text, 'none is needed in simulation; on the robot it is')
    if stop.topic == OPTIONAL_STOP:
        return warn(topic, text, 'connect a button, or rely on the stop of the robot alone')
    return fail(topic, text, f'start the driver, or correct {section}.topic')


def _forgets(publishers: Sequence[Any]) -> bool:
    kept = DurabilityPolicy.TRANSIENT_LOCAL
    return any(item.qos_profile.durability != kept for item in publishers)
