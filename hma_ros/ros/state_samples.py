# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The topics on which a robot says where it is, as measurements of the last seconds."""

from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.embodiment.spec import PoseSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.pose import to_pose
from hma_ros.ros.polled_subscriptions import PolledSubscriptions
from hma_ros.ros.stamps import stamp_ns

# At 1 kHz those of a fifth of a second: the model needs them all, and takes them every tenth.
_DEPTH = 200
# Indices of pose and gripper among the topics, after those of the joint states.
_POSE, _GRIPPER = -2, -1


class StateSamples:
    """
    Fills :attr:`measured` in :meth:`take`.

    :param node: an HmaNode.
    :param on_fault: called with the reason why a message cannot be used.
    :param on_good: called when all that a fault concerned was heard again.
    """

    def __init__(
        self,
        node: Any,
        spec: EmbodimentSpec,
        on_fault: Callable[[str], None],
        on_good: Callable[[], None],
    ) -> None:
        self._on_fault, self._on_good = on_fault, on_good
        self._topics, sources = PolledSubscriptions(node, _DEPTH), spec.state.sources
        self.measured = StateHistory(spec, node.resolve_topic_name, spec.limits.continuous)
        # Of each topic what was not heard since its last fault: places of joints, or the pose.
        self._missed: list[set[int]] = [set() for _ in (*sources, 'pose', 'gripper')]
        self._refuse_pose = partial(self._refuse, _POSE, (0,))
        self._refuse_gripper = partial(self._refuse, _GRIPPER, (0,))
        for index, source in enumerate(sources):
            everything = partial(self._refuse, index, range(len(source.joints)))
            receive = partial(self._on_joints, index, everything)
            self._topics.subscribe(JointState, source.topic, receive, everything)
        if spec.action.is_cartesian and (pose := spec.state.pose) is not None:
            receive = partial(self._on_pose, pose, node.resolve_topic_name(pose.topic))
            self._topics.subscribe(PoseStamped, pose.topic, receive, self._refuse_pose)
        if spec.gripper is not None and (topic := spec.gripper.joint_topic) is not None:
            self._topics.subscribe(JointState, topic, self._on_gripper, self._refuse_gripper)

    def take(self) -> None:
        """Read what has arrived since the last call."""
        self._topics.take()

    def clear(self) -> None:
        """Forget everything, waiting messages included."""
        self._topics.discard()
        self.measured.clear()

    def _on_joints(
        self, source: int, refuse: Callable[[str], None], message: Any, publisher: Hashable
    ) -> None:
        stamp = stamp_ns(message.header.stamp)
        try:
            held = self.measured.add_joints(
                source, stamp, message.name, message.position, publisher
            )
        except MessageError as error:
            refuse(str(error))
        else:
            self._took(source, held)

    def _on_pose(self, pose: PoseSpec, topic: str, message: Any, publisher: Hashable) -> None:
        try:
            xyz, turn = to_pose(message, pose.frame_id, topic)
        except MessageError as error:
            self._refuse_pose(str(error))
        else:
            self.measured.add_tool(stamp_ns(message.header.stamp), xyz, turn, publisher)
            self._took(_POSE, (0,))

    def _on_gripper(self, message: Any, _publisher: Hashable) -> None:
        stamp = stamp_ns(message.header.stamp)
        try:
            is_held = self.measured.add_gripper(stamp, message.name, message.position)
        except MessageError as error:
            self._refuse_gripper(str(error))
        else:
            self._took(_GRIPPER, (0,) if is_held else ())

    def _refuse(self, place: int, parts: Iterable[int], text: str) -> None:
        self._missed[place].update(parts)
        self._on_fault(text)

    def _took(self, place: int, held: tuple[int, ...]) -> None:
        if missed := self._missed[place]:
            missed.difference_update(held)
            if not any(self._missed):
                self._on_good()
