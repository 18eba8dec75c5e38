# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The topics that an embodiment file names."""

from collections.abc import Iterator
from typing import NamedTuple

from hma_ros.core.embodiment.spec import EmbodimentSpec

_JOINTS = ('sensor_msgs/msg/JointState', 'joint states')


class NamedTopic(NamedTuple):
    """
    One topic.

    ``key`` of the file gives its ``name``. ``kind`` is the type of its messages, or the interface
    of a command; ``purpose`` says in words what it carries.
    """

    key: str
    name: str
    kind: str
    purpose: str
    is_command: bool = False


def named_topics(spec: EmbodimentSpec) -> Iterator[NamedTopic]:
    """Yield those that the robot publishes, then those that command it."""
    yield from _measurements(spec)
    for index, stop in enumerate(spec.stops):
        yield NamedTopic(f'stops[{index}].topic', stop.topic, stop.type, stop.type)
    yield from _commands(spec)


def _measurements(spec: EmbodimentSpec) -> Iterator[NamedTopic]:
    camera, state, gripper = spec.camera, spec.state, spec.gripper
    image = 'Image' if camera.transport == 'raw' else 'CompressedImage'
    yield NamedTopic('camera.topic', camera.topic, f'sensor_msgs/msg/{image}', 'images')
    if camera.info_topic is not None:
        kind = 'sensor_msgs/msg/CameraInfo'
        yield NamedTopic('camera.info_topic', camera.info_topic, kind, 'camera info')
    for index, source in enumerate(state.sources):
        yield NamedTopic(f'state.sources[{index}].topic', source.topic, *_JOINTS)
    if state.pose is not None:
        kind = 'geometry_msgs/msg/PoseStamped'
        yield NamedTopic('state.pose.topic', state.pose.topic, kind, 'tool poses')
    if gripper is not None and gripper.joint_topic is not None:
        yield NamedTopic('gripper.joint_topic', gripper.joint_topic, *_JOINTS)


def _commands(spec: EmbodimentSpec) -> Iterator[NamedTopic]:
    for index, item in enumerate(spec.commands):
        key, purpose = f'commands[{index}].topic', f'commands ({item.interface})'
        yield NamedTopic(key, item.topic, item.interface, purpose, is_command=True)
    # A gripper that takes goals has an action and no topic.
    if spec.gripper is not None and not spec.gripper.takes_goals:
        kind, purpose = spec.gripper.interface, 'commands of the gripper'
        yield NamedTopic('gripper.name', spec.gripper.name, kind, purpose, is_command=True)
