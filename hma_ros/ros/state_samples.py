# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The topics on which a robot says where it is, as measurements of the last seconds."""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.embodiment.spec import PoseSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.pose import to_pose
from hma_ros.ros.publishers import with_publisher
from hma_ros.ros.qos import SENSOR_IN
from hma_ros.ros.stamps import stamp_ns


class StateSamples:
    """
    Fills :attr:`measured`.

    :param node: an HmaNode.
    :param on_arrival: called after each message.
    :param on_fault: called with the reason why a message cannot be used.
    :param on_good: called when all that a fault concerned was heard again.
    """

    def __init__(
        self,
        node: Any,
        spec: EmbodimentSpec,
        on_arrival: Callable[[], None],
        on_fault: Callable[[str], None],
        on_good: Callable[[], None],
    ) -> None:
        self._on_arrival, self._on_fault, self._on_good = on_arrival, on_fault, on_good
        sources = spec.state.sources
        self.measured = StateHistory(spec, node.resolve_topic_name, spec.limits.continuous)
        # Of each topic what was not heard since its last fault: places of joints, or the pose.
        self._missed: list[set[int]] = [set() for _ in (*sources, 'pose', 'gripper')]
        for index, source in enumerate(sources):
            receive = with_publisher(partial(self._on_joints, index, len(source.joints)))
            node.subscribe(JointState, source.topic, receive, SENSOR_IN)
        if spec.action.is_cartesian and (pose := spec.state.pose) is not None:
            receive = with_publisher(
                partial(self._on_pose, pose, node.resolve_topic_name(pose.topic))
            )
            node.subscribe(PoseStamped, pose.topic, receive, SENSOR_IN)

        if spec.gripper is not None and (topic := spec.gripper.joint_topic) is not None:
            node.subscribe(JointState, topic, self._on_gripper, SENSOR_IN)

    def clear(self) -> None:
        """Forget everything."""
        self.measured.clear()

    def _on_joints(self, source: int, count: int, message: Any, publisher: Hashable) -> None:
        stamp = stamp_ns(message.header.stamp)
        try:
            held = self.measured.add_joints(
                source, stamp, message.name, message.position, publisher
            )
        except MessageError as error:
            self._missed[source].update(range(count))
            self._on_fault(str(error))
        else:
            self._took(self._missed[source], held)

    def _on_pose(self, pose: PoseSpec, topic: str, message: Any, publisher: Hashable) -> None:
        try:
            xyz, turn = to_pose(message, pose.frame_id, topic)
        except MessageError as error:
            self._missed[-2].add(0)
            self._on_fault(str(error))
        else:
            self.measured.add_tool(stamp_ns(message.header.stamp), xyz, turn, publisher)
            self._took(self._missed[-2], (0,))

    def _on_gripper(self, message: Any) -> None:
        stamp = stamp_ns(message.header.stamp)
        try:
            is_held = self.measured.add_gripper(stamp, message.name, message.position)
        except MessageError as error:
            self._missed[-1].add(0)
            self._on_fault(str(error))
        else:
            self._took(self._missed[-1], (0,) if is_held else ())

    def _took(self, missed: set[int], held: tuple[int, ...]) -> None:
        if missed:
            missed.difference_update(held)
            if not any(self._missed):
                self._on_good()
        self._on_arrival()
