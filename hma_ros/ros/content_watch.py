# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Warns while recording of messages that the nodes and the import would refuse."""

from collections.abc import Callable
from time import monotonic_ns
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node, SubscriptionEventCallbacks

from hma_ros.core.control.position_history import PositionHistory
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.embodiment.spec import StateSource
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.pose import to_pose
from hma_ros.core.topics import robot_topics
from hma_ros.ros.bounded import ANY_BYTES, bounded
from hma_ros.ros.image_msg import to_rgb
from hma_ros.ros.mcap_recording import matching, message_class

_LOOK_S = 1.0
# Several drivers may share a topic, each with some of the joints.
_LOOKS_AT_JOINTS = 2


Read = Callable[[bytes], None]


class _Newest:
    """
    The newest message of a topic, which is read only when it is judged.

    :param read: raises MessageError of what is wrong with it.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._data: bytes | None = None

    def receive(self, data: bytes) -> None:
        self._data = data

    def judge(self) -> bool:
        """Return whether there was a message; raises MessageError of what is wrong with it."""
        if self._data is None:
            return False
        self._read(self._data)
        return True


class _Joints:
    """The joints of a source, which several drivers may publish in parts."""

    def __init__(self, source: StateSource, topic: str, max_age_s: float) -> None:
        self._history = PositionHistory(source.message_names, topic, max_age_s)
        self._read = _reader('sensor_msgs/msg/JointState', topic, self._add)
        self._looks = 0
        self._is_heard = False
        self._fault: str | None = None

    def receive(self, data: bytes) -> None:
        self._is_heard = True
        try:
            self._read(data)
        except MessageError as error:
            self._fault = self._fault or str(error)

    def judge(self) -> bool:
        """Return whether the joints were heard for long; raises MessageError if one was not."""
        self._looks += self._is_heard
        if self._looks <= _LOOKS_AT_JOINTS:
            return False
        fault = self._history.absence or self._fault
        if fault is not None:
            raise MessageError(fault)
        return True

    def _add(self, message: Any) -> None:
        self._history.add(monotonic_ns(), message.name, message.position)


class ContentWatch:
    """
    Reads the first images, joint states and tool poses as the nodes do; judges each topic once.

    At most one image a second is decoded.

    :param node: whose subscriptions and log are used.
    """

    def __init__(self, node: Node, spec: EmbodimentSpec) -> None:
        self._node = node
        self._types = {topic.name: topic.type for topic in robot_topics(spec)}
        self._heard: dict[str, _Newest | _Joints] = {}
        self._subscriptions: dict[str, Any] = {}
        camera, pose = spec.camera, spec.state.pose
        self._watch(camera.topic, lambda message, topic: to_rgb(message, topic, camera))
        if spec.action.is_cartesian and pose is not None:
            self._watch(pose.topic, lambda message, topic: to_pose(message, pose.frame_id, topic))
        for source in spec.state.sources:
            topic = node.resolve_topic_name(source.topic)
            self._heard[source.topic] = _Joints(source, topic, spec.state.max_age_s)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(_LOOK_S, self._look, clock=steady)

    def _watch(self, name: str, read: Callable[[Any, str], object]) -> None:
        topic = self._node.resolve_topic_name(name)
        reader = _reader(self._types[name], topic, lambda message: read(message, topic))
        self._heard[name] = _Newest(reader)

    def _look(self) -> None:
        for name, heard in list(self._heard.items()):
            if name not in self._subscriptions:
                self._subscribe(name, heard)
                continue
            try:
                is_known = heard.judge()
            except MessageError as error:
                is_known = True
                self._node.get_logger().warning(f'{error}; such messages cannot be imported')
            if is_known:
                self._node.destroy_subscription(self._subscriptions.pop(name))
                del self._heard[name]
        if not self._heard:
            self._timer.cancel()

    def _subscribe(self, name: str, heard: _Newest | _Joints) -> None:
        topic, expected = self._node.resolve_topic_name(name), self._types[name]
        publishers = self._node.get_publishers_info_by_topic(topic)
        ours = [item for item in publishers if item.topic_type == expected]
        if not ours:
            return
        self._subscriptions[name] = self._node.create_subscription(
            message_class(expected),
            topic,
            heard.receive,
            matching(ours),
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
        )


def _reader(kind: str, topic: str, read: Callable[[Any], object]) -> Read:
    """Return what reads raw messages; it raises MessageError."""

    def refuse(text: str) -> None:
        raise MessageError(text)

    def take(message: Any, _: Any) -> None:
        read(message)

    receive = bounded(message_class(kind), topic, take, refuse, ANY_BYTES)
    return lambda data: receive(data, None)
