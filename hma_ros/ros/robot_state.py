# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the robot is now: the newest joint states and tool pose, by the embodiment."""

from collections.abc import Callable, Hashable
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from hma_ros.core.control.position_history import PositionHistory
from hma_ros.core.embodiment import EmbodimentSpec, PoseSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.pose import to_pose
from hma_ros.ros.polled_subscriptions import PolledSubscriptions
from hma_ros.ros.stamps import stamp_ns

Vector = NDArray[np.float64]
# Only the newest counts: at 1 kHz those of a command period.
_DEPTH = 10
# Coordinates of a pose as a history keeps them.
_POSE = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')


class RobotState:
    """
    The newest measurement of the commanded coordinates; :meth:`take` updates it.

    :param node: an HmaNode.
    :param on_fault: called with why a message cannot be used.
    :param on_good: called for each one that can, while no topic has a fault.
    """

    def __init__(
        self,
        node: Any,
        spec: EmbodimentSpec,
        on_fault: Callable[[str], None],
        on_good: Callable[[], None],
    ) -> None:
        self._spec = spec
        self._on_fault, self._on_good = on_fault, on_good
        # Topics whose last message could not be used.
        self._faulty: set[str] = set()
        self._topics, age_s = PolledSubscriptions(node, _DEPTH), spec.state.max_age_s
        self._joints: list[PositionHistory] = []
        for source in spec.state.sources:
            topic = node.resolve_topic_name(source.topic)
            history = PositionHistory(source.message_names, topic, age_s)
            self._joints.append(history)
            receive, fault = partial(self._on_joints, history, topic), partial(self._fault, topic)
            self._topics.subscribe(JointState, source.topic, receive, fault)
        pose = spec.state.pose
        topic = '' if pose is None else node.resolve_topic_name(pose.topic)
        self._pose_topic, self._pose = topic, PositionHistory(_POSE, topic, age_s)
        if pose is not None:
            receive, fault = partial(self._on_pose, pose, topic), partial(self._fault, topic)
            self._topics.subscribe(PoseStamped, pose.topic, receive, fault)

    def take(self) -> None:
        """Read what has arrived since the last call."""
        self._topics.take()

    def clear(self) -> None:
        """Forget everything, waiting messages included, e.g. when the clock jumped."""
        self._topics.discard()
        for history in (*self._joints, self._pose):
            history.clear()

    @property
    def conflict(self) -> str | None:
        """Which coordinate comes from two publishers at once, commanded or not; None if none."""
        conflicts = (item.conflict for item in (*self._joints, self._pose))
        return next((conflict for conflict in conflicts if conflict is not None), None)

    @property
    def absence(self) -> str | None:
        """Which coordinate was never heard; None if all were."""
        pose = self._spec.state.pose
        if self._spec.action.is_cartesian and pose is not None:
            if self._pose.absence is None:
                return None
            return (
                f'{self._pose_topic}: got no tool pose that can be used, expected one with '
                f'frame_id {pose.frame_id!r}; see that the topic is published, and state.pose'
            )
        return next((item.absence for item in self._joints if item.absence is not None), None)

    def newest(self) -> tuple[Vector, Vector | None, int, str] | None:
        """
        Return the newest state, None where a part is unknown or comes from two publishers.

        :returns: the commanded coordinates ``float64[D]``, the tool's orientation ``float64[4]``
            x y z w (None where none is commanded), the stamp of the oldest part [ns] and its
            name.
        """
        if self._spec.action.is_cartesian:
            pose = self._pose.newest()
            return None if pose is None else (pose[0][:3], pose[0][3:], pose[1], 'pose')
        parts = [history.newest() for history in self._joints]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        values = np.concatenate([part[0] for part in known])
        joints = self._spec.state.joints
        places = [joints.index(name) for name in self._spec.action.coordinates]
        oldest = min(known, key=itemgetter(1))
        return values[places], None, oldest[1], oldest[2]

    def _fault(self, topic: str, text: str) -> None:
        self._faulty.add(topic)
        self._on_fault(text)

    def _good(self, topic: str) -> None:
        self._faulty.discard(topic)
        if not self._faulty:
            self._on_good()

    def _on_joints(
        self, history: PositionHistory, topic: str, message: Any, publisher: Hashable
    ) -> None:
        stamp = stamp_ns(message.header.stamp)
        try:
            taken = history.add(stamp, message.name, message.position, publisher)
        except MessageError as error:
            self._fault(topic, str(error))
            return
        if taken:
            self._good(topic)

    def _on_pose(self, pose: PoseSpec, topic: str, message: Any, publisher: Hashable) -> None:
        try:
            xyz, quat_xyzw = to_pose(message, pose.frame_id, topic)
        except MessageError as error:
            self._fault(topic, str(error))
            return
        stamp = stamp_ns(message.header.stamp)
        self._pose.add(stamp, _POSE, np.concatenate([xyz, quat_xyzw]), publisher)
        self._good(topic)
