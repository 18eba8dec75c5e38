# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The topics on which a robot says where it is, and what is wrong with them."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from geometry_msgs.msg import PoseStamped
from numpy.typing import ArrayLike
from sensor_msgs.msg import JointState

from hma_ros.core.embodiment import PoseSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.pose import to_pose
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.ros.polled_subscriptions import PolledSubscriptions

# Take a stamp [ns], names and positions, or xyz and quaternion, and the publisher.
AddJoints = Callable[[int, Any, ArrayLike, Any], tuple[int, ...]]
AddPose = Callable[[int, ArrayLike, ArrayLike, Any], None]


class StateTopics(PolledSubscriptions):
    """
    Joint states and tool poses, which :meth:`take` reads.

    A fault lasts until all joints, or the pose, of its topic were heard again: drivers may share a
    topic, and a valid message of one does not clear the fault of another.

    :param node: an HmaNode.
    :param depth: messages of a topic that wait.
    :param on_fault: called with why a message cannot be used.
    :param on_good: called when no fault is left.
    """

    def __init__(
        self,
        node: Any,
        depth: int,
        on_fault: Callable[[str], None],
        on_good: Callable[[], None],
    ) -> None:
        super().__init__(node, depth)
        self._on_fault, self._on_good = on_fault, on_good
        # Of each topic what was not heard since its last fault: places of joints, or the pose.
        self._missed: list[set[int]] = []

    def joints(self, topic: str, count: int, add: AddJoints) -> None:
        """
        Open a topic of joint states.

        :param count: of the joints that are wanted.
        :param add: takes a message, and returns which of them it held; raises MessageError.
        """

        def read(message: Any, publisher: Any) -> tuple[int, ...]:
            stamp = stamp_ns(message.header.stamp)
            return add(stamp, message.name, message.position, publisher)

        self._open(JointState, topic, range(count), read)

    def pose(self, pose: PoseSpec, add: AddPose) -> None:
        """Open the topic of the tool's pose; `add` takes what has its frame and a rotation."""
        name = self._node.resolve_topic_name(pose.topic)

        def read(message: Any, publisher: Any) -> tuple[int, ...]:
            xyz, quat_xyzw = to_pose(message, pose.frame_id, name)
            add(stamp_ns(message.header.stamp), xyz, quat_xyzw, publisher)
            return (0,)

        self._open(PoseStamped, pose.topic, range(1), read)

    def _open(
        self,
        kind: Any,
        topic: str,
        parts: Iterable[int],
        read: Callable[[Any, Any], tuple[int, ...]],
    ) -> None:
        missed = set[int]()
        self._missed.append(missed)
        refuse = partial(self._refuse, missed, parts)

        def receive(message: Any, publisher: Any) -> None:
            try:
                held = read(message, publisher)
            except MessageError as error:
                refuse(str(error))
            else:
                self._took(missed, held)

        self.subscribe(kind, topic, receive, refuse)

    def _refuse(self, missed: set[int], parts: Iterable[int], text: str) -> None:
        missed.update(parts)
        self._on_fault(text)

    def _took(self, missed: set[int], held: tuple[int, ...]) -> None:
        if missed:
            missed.difference_update(held)
            if not any(self._missed):
                self._on_good()
