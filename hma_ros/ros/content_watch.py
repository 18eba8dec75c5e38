# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Warns while recording of messages that the nodes and the import would refuse."""

from collections.abc import Callable, Sequence
from time import monotonic_ns
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from hma_ros.core.control.position_history import PositionHistory
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.pose import to_pose
from hma_ros.core.short_text import first_few
from hma_ros.core.topics import robot_topics
from hma_ros.ros.bounded import ANY_BYTES, bounded
from hma_ros.ros.interfaces import interface_class
from hma_ros.ros.matched_subscription import MatchedSubscription

_LOOK_S = 1.0
# Several drivers may share a topic, each with some of the joints.
_LOOKS_AT_JOINTS = 2
_NAMES_KEPT = 100
_REFUSED = 'such messages cannot be imported'

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

    def judge(self, log: Any) -> bool:
        """Return whether there was a message; logs what is wrong with it."""
        if self._data is None:
            return False
        try:
            self._read(self._data)
        except MessageError as error:
            log.warning(f'{error}; {_REFUSED}')
        return True


class _Joints:
    """Joints that are measured together, which several drivers may publish in parts."""

    def __init__(self, names: Sequence[str], topic: str, max_age_s: float) -> None:
        self._topic = topic
        self._history = PositionHistory(names, topic, max_age_s)
        self._read = _reader('sensor_msgs/msg/JointState', topic, self._add)
        self._looks = 0
        self._is_heard = self._is_told = False
        self._fault: str | None = None

    @property
    def absence(self) -> str | None:
        """Which joints no message held so far; None if all were heard."""
        return self._history.absence

    def receive(self, data: bytes) -> None:
        self._is_heard = True
        try:
            self._read(data)
        except MessageError as error:
            self._fault = self._fault or str(error)

    def judge(self, log: Any) -> bool:
        """Return whether all joints were heard for long; logs once that they were not."""
        self._looks += self._is_heard
        if self._looks <= _LOOKS_AT_JOINTS:
            return False
        if (absence := self.absence) is not None:
            if not self._is_told:
                log.warning(f'{absence}; so far {_REFUSED}')
            self._is_told = True
            return False
        if self._is_told:
            log.info(f'cleared: {self._topic}: missing positions')
        if self._fault is not None:
            log.warning(f'{self._fault}; {_REFUSED}')
        return True

    def _add(self, message: Any) -> None:
        self._history.add(monotonic_ns(), message.name, message.position)


class _GripperJoint(_Joints):
    """
    The measured joint of a gripper, of which the import derives its actions.

    :param arm: joints that may come with it, which are named last.
    """

    def __init__(self, joint: str, arm: Sequence[str], topic: str, max_age_s: float) -> None:
        super().__init__((joint,), topic, max_age_s)
        self._joint, self._arm = joint, arm
        self._names = dict[str, None]()

    @property
    def absence(self) -> str | None:
        if super().absence is None:
            return None
        others = first_few(sorted(self._names, key=self._arm.__contains__)) or 'nothing'
        return (
            f'{self._topic}: got no position of {self._joint} (only of {others}); see what else '
            "publishes, or write the driver's name into gripper.joint"
        )

    def _add(self, message: Any) -> None:
        if len(self._names) < _NAMES_KEPT:
            self._names.update(dict.fromkeys(message.name))
        super()._add(message)


class ContentWatch:
    """
    Reads the first images, joint states and tool poses as the nodes do; judges each once.

    Joints are watched until all were heard. At most one image a second is decoded.

    :param node: whose subscriptions and log are used.
    """

    def __init__(self, node: Node, spec: EmbodimentSpec) -> None:
        self._node, self._spec = node, spec
        self._types = {topic.name: topic.type for topic in robot_topics(spec)}
        # Of each thing that is watched the subscriptions to its topics.
        self._heard: dict[_Newest | _Joints, list[MatchedSubscription]] = {}
        camera, pose, age_s = spec.camera, spec.state.pose, spec.state.max_age_s
        self._watch(camera.topic, lambda message, topic: to_rgb(message, topic, camera))
        if spec.action.is_cartesian and pose is not None:
            self._watch(pose.topic, lambda message, topic: to_pose(message, pose.frame_id, topic))
        for source in spec.state.sources:
            topic = node.resolve_topic_name(source.topic)
            self._follow(_Joints(source.message_names, topic, age_s), source.topic)
        if spec.gripper is not None and spec.gripper.joint is not None:
            self._watch_gripper(spec.gripper.joint, spec.gripper.joint_topic)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(_LOOK_S, self._look, clock=steady)

    def _watch(self, name: str, read: Callable[[Any, str], object]) -> None:
        topic = self._node.resolve_topic_name(name)
        reader = _reader(self._types[name], topic, lambda message: read(message, topic))
        self._follow(_Newest(reader), name)

    def _watch_gripper(self, joint: str, name: str | None) -> None:
        """Watch its joint where the nodes read it: on its own topic, or with any others."""
        state = self._spec.state
        names = (name,) if name else tuple(source.topic for source in state.sources)
        topic = self._node.resolve_topic_name(names[0])
        arm = [name for source in state.sources for name in source.message_names]
        found = _GripperJoint(joint, arm, topic, state.max_age_s)
        self._follow(found, *dict.fromkeys(names))

    def _follow(self, heard: _Newest | _Joints, *names: str) -> None:
        self._heard[heard] = [
            MatchedSubscription(
                self._node, self._node.resolve_topic_name(name), self._types[name], heard.receive
            )
            for name in names
        ]

    def _look(self) -> None:
        log = self._node.get_logger()
        for heard, subscriptions in list(self._heard.items()):
            for subscription in subscriptions:
                subscription.look()
            if heard.judge(log):
                del self._heard[heard]
                for subscription in subscriptions:
                    subscription.close()
        if not self._heard:
            self._timer.cancel()


def _reader(kind: str, topic: str, read: Callable[[Any], object]) -> Read:
    """Return what reads raw messages; it raises MessageError."""

    def refuse(text: str) -> None:
        raise MessageError(text)

    def take(message: Any, _: Any) -> None:
        read(message)

    receive = bounded(interface_class(kind, topic), topic, take, refuse, ANY_BYTES)
    return lambda data: receive(data, None)
