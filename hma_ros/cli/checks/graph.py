# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Who publishes and who listens, and what to do where nothing arrives."""

from collections.abc import Sequence
from typing import Any

from rclpy.node import Node

from hma_ros.cli.checks.finding import Finding, fail, ok, warn
from hma_ros.cli.checks.listening import Input
from hma_ros.core.topics import CHUNK_TOPIC, CLOCK_TOPIC
from hma_ros.ros.publishers import node_names

_EXECUTOR = 'action_executor'
_MOST = 6
_SILENT = (
    'see whether `ros2 topic hz` gets messages here; if the driver runs in a container or as '
    'another user, shared memory does not reach it: start its container with --ipc=host, use the '
    'same user, or a Fast DDS profile of UDP alone (export FASTDDS_BUILTIN_TRANSPORTS=UDPv4 on '
    'both sides)'
)


def types_of(endpoints: Sequence[Any]) -> list[str]:
    """Return the distinct message types of endpoints, sorted."""
    return sorted({endpoint.topic_type for endpoint in endpoints})


def judge_silence(node: Node, item: Input, simulated_as: str | None) -> Finding:
    """
    Say why nothing came on a topic that should repeat.

    :param simulated_as: the robot's name if it is simulated.
    """
    publishers = node.get_publishers_info_by_topic(item.topic)
    if not publishers and simulated_as:
        remedy = f'start the simulated robot: hma run predict robot:={simulated_as} sim:=true'
        return warn(item.topic, 'nobody publishes', remedy)
    if not publishers:
        remedy = 'start the driver; compare namespace and ROS_DOMAIN_ID'
        return fail(item.topic, 'nobody publishes', f'{remedy}; {_published_now(node, item)}')
    if types_of(publishers) != [item.type_name]:
        text = f'got {", ".join(types_of(publishers))}, expected {item.type_name}'
        keys = 'camera.topic or camera.transport' if item.section == 'camera' else item.key
        return fail(item.topic, text, f'correct {keys}; {_published_now(node, item)}')
    qos = publishers[0].qos_profile
    text = f'{len(publishers)} publisher(s), {qos.reliability.name} {qos.durability.name}, silent'
    return fail(item.topic, text, _SILENT)


def judge_senders(node: Node, item: Input) -> list[Finding]:
    """Fail where several publishers were heard on a topic of which the nodes read one."""
    heard = {sample.publisher for sample in item.samples}
    # Humble does not say who sent a message. Elsewhere an endpoint that ended is not counted.
    count = node.count_publishers(item.topic) if None in heard else len(heard)
    return _several(node, item.topic, count, 'this topic')


def judge_chunks(node: Node) -> list[Finding]:
    """Fail where several publish the action chunks that the executor follows."""
    topic = node.resolve_topic_name(CHUNK_TOPIC)
    return _several(node, topic, node.count_publishers(topic), 'action chunks')


def _several(node: Node, topic: str, count: int, what: str) -> list[Finding]:
    if count < 2:
        return []
    names = node_names(node.get_publishers_info_by_topic(topic))
    text = f'got {count} publishers of {what} ({names}), expected 1'
    return [fail(topic, text, 'stop all but one of them')]


def judge_command_publishers(node: Node, topic: str, executes: bool) -> list[Finding]:
    """Find who else commands the robot: our executor must be alone."""
    publishers = node.get_publishers_info_by_topic(topic)
    others = [item for item in publishers if item.node_name != _EXECUTOR]
    if len(publishers) - len(others) > 1:
        text = f'got {len(publishers) - len(others)} executors, expected at most 1'
        return [fail(topic, text, 'stop all but one action_executor')]
    if not others:
        return []
    text = f'got commands from {node_names(others)}, expected from {_EXECUTOR} alone'
    if executes:
        return [
            fail(topic, text, 'stop it: commands of two nodes mix into motions beyond all limits')
        ]
    return [warn(topic, text, 'before mode:=execute stop it')]


def judge_listeners(node: Node, topic: str, expected: str, key: str, simulated: bool) -> Finding:
    """Find who obeys the commands of a topic."""
    listeners = node.get_subscriptions_info_by_topic(topic)
    if not listeners:
        remedy = 'start the simulated robot' if simulated else 'load and activate the controller'
        return warn(topic, 'nobody listens to the commands', f'{remedy}, or correct {key}.topic')
    if types_of(listeners) != [expected]:
        text = f'got {", ".join(types_of(listeners))}, expected {expected}'
        return fail(topic, text, f'correct {key}.interface or {key}.topic')
    return ok(topic, f'{len(listeners)} listener(s) of {expected}')


def judge_clock(node: Node, simulated: bool, is_running: bool) -> Finding:
    """
    Find who publishes /clock, which all nodes follow with use_sim_time.

    :param is_running: whether it went on while it was listened to.
    """
    count = node.count_publishers(CLOCK_TOPIC)
    if count > 1:
        return fail(
            CLOCK_TOPIC, f'got {count} publishers, expected 1', 'stop all but one simulator'
        )
    if count == 1 and not is_running:
        return fail(CLOCK_TOPIC, '1 publisher, stands still', 'let the simulator run')
    if count == 1:
        return ok(CLOCK_TOPIC, '1 publisher')
    text = 'nobody publishes, and use_sim_time makes all nodes wait for it'
    if simulated:
        return warn(CLOCK_TOPIC, text, 'start the simulated robot')
    return fail(CLOCK_TOPIC, text, 'leave out use_sim_time:=true, or start the simulator')


def _published_now(node: Node, item: Input) -> str:
    topics = [
        topic
        for topic, types in node.get_topic_names_and_types()
        if item.type_name in types and node.count_publishers(topic)
    ]
    if not topics:
        return f'nothing is published now with type {item.type_name}'
    more = f' and {len(topics) - _MOST} more' if len(topics) > _MOST else ''
    names = ', '.join(sorted(topics)[:_MOST]) + more
    return f'published now with type {item.type_name}: {names}; set {item.key}'
