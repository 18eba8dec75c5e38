# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The checks of ``hma doctor`` on a running robot: topics, types, rates, ages, contents."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, qos_profile_sensor_data
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image, JointState

from hma_ros.cli.finding import Finding, fail, ok, warn
from hma_ros.core.embodiment import CameraSpec, CommandSpec, EmbodimentSpec, StopSpec

# Seconds of messages to measure rate and age on.
SAMPLE_S = 2.0
# A button that a site may have or not; all other stops come from the driver.
OPTIONAL_STOP = 'emergency_stop'
COMMAND_TYPES = {
    'cartesian_pose': 'geometry_msgs/msg/PoseStamped',
    'joint_trajectory': 'trajectory_msgs/msg/JointTrajectory',
    'forward_position': 'std_msgs/msg/Float64MultiArray',
    'joint_target': 'sensor_msgs/msg/JointState',
    'interbotix_group': 'interbotix_xs_msgs/msg/JointGroupCommand',
    'interbotix_single': 'interbotix_xs_msgs/msg/JointSingleCommand',
}


@dataclass
class _Input:
    """One topic that the nodes read, and what came in on it."""

    topic: str
    message_type: Any
    min_hz: float
    max_age_s: float
    complaint: Callable[[Any], str | None]
    ages_s: list[float] = field(default_factory=list)
    last: Any = None

    def begin(self) -> None:
        """Begin to measure: what came while topics were still being found is no rate."""
        self.ages_s.clear()

    @property
    def type_name(self) -> str:
        package = self.message_type.__module__.partition('.')[0]
        return f'{package}/msg/{self.message_type.__name__}'


def check_topics(spec: EmbodimentSpec, namespace: str, timeout_s: float) -> list[Finding]:
    """
    Look at every topic of the embodiment for at most ``timeout_s`` and two seconds more.

    :param namespace: where the nodes will run; the topics are relative to it.
    """
    inputs = _inputs(spec)
    with _node(namespace, spec.simulated) as node:
        for item in inputs:
            receive = partial(_receive, node, item)
            node.create_subscription(
                item.message_type, item.topic, receive, qos_profile_sensor_data
            )
        _spin(node, timeout_s, lambda: all(item.ages_s for item in inputs))
        for item in inputs:
            item.begin()
        _spin(node, SAMPLE_S, lambda: False)
        findings = [_judge_input(node, item, spec) for item in inputs]
        findings += [_judge_command(node, command, spec.simulated) for command in spec.commands]
        findings += [_judge_stop(node, stop, spec.simulated) for stop in spec.stops]
    return findings


def _inputs(spec: EmbodimentSpec) -> list[_Input]:
    camera, state = spec.camera, spec.state
    image_type = Image if camera.transport == 'raw' else CompressedImage
    complaint = partial(_image_complaint, camera)
    inputs = [_Input(camera.topic, image_type, spec.rates.frame_hz, camera.max_age_s, complaint)]
    for source in state.sources:
        names = partial(_joint_complaint, source.message_names)
        inputs.append(
            _Input(source.topic, JointState, spec.rates.control_hz, state.max_age_s, names)
        )
    if state.pose is not None:
        frame = partial(_pose_complaint, state.pose.frame_id)
        inputs.append(
            _Input(state.pose.topic, PoseStamped, spec.rates.control_hz, state.max_age_s, frame)
        )
    return inputs


def _image_complaint(camera: CameraSpec, message: Any) -> str | None:
    if camera.transport != 'raw':
        return None
    if message.encoding not in camera.encodings:
        return f'expected encoding {" or ".join(camera.encodings)}, got {message.encoding}'
    if (message.height, message.width) != (camera.height, camera.width):
        got = f'{message.width}x{message.height}'
        return f'expected {camera.width}x{camera.height} pixels, got {got}'
    return None


def _joint_complaint(names: Sequence[str], message: Any) -> str | None:
    missing = [name for name in names if name not in message.name]
    if not missing:
        return None
    return f'expected joints {", ".join(missing)}, got {", ".join(message.name) or "none"}'


def _pose_complaint(frame_id: str, message: Any) -> str | None:
    got = message.header.frame_id
    return None if got == frame_id else f'expected frame {frame_id!r}, got {got!r}'


@contextmanager
def _node(namespace: str, sim: bool) -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    overrides = [Parameter('use_sim_time', value=sim)]
    node = Node('hma_doctor', namespace=namespace, context=context, parameter_overrides=overrides)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def _spin(node: Node, timeout_s: float, is_done: Callable[[], bool]) -> None:
    executor = rclpy.executors.SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    deadline = time.monotonic() + timeout_s
    while not is_done() and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()


def _receive(node: Node, item: _Input, message: Any) -> None:
    now = node.get_clock().now()
    stamp = Time.from_msg(message.header.stamp, clock_type=now.clock_type)
    item.ages_s.append((now - stamp).nanoseconds * 1e-9)
    item.last = message


def _judge_input(node: Node, item: _Input, spec: EmbodimentSpec) -> Finding:
    if item.last is None:
        return _judge_silence(node, item, spec)
    complaint = item.complaint(item.last)
    if complaint:
        return fail(item.topic, complaint, 'configure the driver, or correct the embodiment file')
    if not item.ages_s:
        text = f'silent for {SAMPLE_S:g} s; expected at least {item.min_hz:g} Hz'
        return fail(item.topic, text, 'see whether the driver still runs')
    rate_hz = len(item.ages_s) / SAMPLE_S
    age_s = sorted(item.ages_s)[len(item.ages_s) // 2]
    text = f'{rate_hz:.1f} Hz, {age_s * 1e3:.0f} ms old'
    # A tenth of slack: the rate is measured on a few messages.
    if rate_hz < 0.9 * item.min_hz:
        remedy = 'raise the rate of the driver, or look for a saturated network'
        return fail(item.topic, f'{text}; expected at least {item.min_hz:g} Hz', remedy)
    if not -0.05 <= age_s <= item.max_age_s:
        remedy = 'synchronise the clocks (chrony), or let the driver stamp its messages on arrival'
        return fail(item.topic, f'{text}; expected 0 to {item.max_age_s * 1e3:.0f} ms', remedy)
    return ok(item.topic, text)


def _judge_silence(node: Node, item: _Input, spec: EmbodimentSpec) -> Finding:
    topic = node.resolve_topic_name(item.topic)
    publishers = node.get_publishers_info_by_topic(topic)
    types = sorted({publisher.topic_type for publisher in publishers})
    if not publishers:
        if spec.simulated:
            robot = spec.name.removeprefix('sim_')
            remedy = f'start the simulated robot: hma run predict robot:={robot} sim:=true'
            return warn(topic, 'nobody publishes', remedy)
        remedy = 'start the driver; compare `ros2 topic list`, namespace and ROS_DOMAIN_ID'
        return fail(topic, 'nobody publishes', remedy)
    if types != [item.type_name]:
        remedy = 'correct topic or transport in the embodiment file'
        return fail(topic, f'expected {item.type_name}, got {", ".join(types)}', remedy)
    qos = publishers[0].qos_profile
    text = f'{len(publishers)} publisher(s), {qos.reliability.name} {qos.durability.name}, silent'
    return fail(topic, text, 'see whether `ros2 topic hz` gets messages on this machine')


def _judge_command(node: Node, command: CommandSpec, sim: bool) -> Finding:
    topic = node.resolve_topic_name(command.topic)
    expected = COMMAND_TYPES[command.interface]
    listeners = node.get_subscriptions_info_by_topic(topic)
    types = sorted({listener.topic_type for listener in listeners})
    if not listeners:
        remedy = 'start the simulated robot' if sim else 'load and activate the controller'
        return warn(topic, 'nobody listens to the commands', remedy)
    if types != [expected]:
        remedy = 'correct `interface` or `topic` in the embodiment file'
        return fail(topic, f'expected {expected}, got {", ".join(types)}', remedy)
    return ok(topic, f'{len(listeners)} listener(s) of {expected}')


def _judge_stop(node: Node, stop: StopSpec, sim: bool) -> Finding:
    topic = node.resolve_topic_name(stop.topic)
    publishers = node.get_publishers_info_by_topic(topic)
    types = sorted({publisher.topic_type for publisher in publishers})
    if not publishers:
        text = f'nobody publishes this stop ({stop.reason})'
        if sim:
            return warn(topic, text, 'none is needed in simulation; on the robot it is')
        if stop.topic == OPTIONAL_STOP:
            return warn(topic, text, 'connect a button, or rely on the stop of the robot alone')
        return fail(topic, text, 'start the driver, or correct `stops` in the embodiment file')
    if types != [stop.type]:
        remedy = 'correct `type` or `topic` of the stop in the embodiment file'
        return fail(topic, f'expected {stop.type}, got {", ".join(types)}', remedy)
    kept = DurabilityPolicy.TRANSIENT_LOCAL
    if stop.latched and any(item.qos_profile.durability != kept for item in publishers):
        remedy = 'let the driver keep its last message, or set `latched: false`'
        return warn(topic, 'expected TRANSIENT_LOCAL, got VOLATILE: no state at the start', remedy)
    return ok(topic, f'{len(publishers)} publisher(s) of {stop.type}')
