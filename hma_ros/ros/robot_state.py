# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the robot is now: the newest joint states and tool pose, by the embodiment."""

from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.position_history import PositionHistory
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.ros.state_topics import StateTopics

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
    :param on_good: called when all that a fault concerned was heard again.
    """

    def __init__(
        self,
        node: Any,
        spec: EmbodimentSpec,
        on_fault: Callable[[str], None],
        on_good: Callable[[], None],
    ) -> None:
        self._spec, age_s = spec, spec.state.max_age_s
        self._topics = StateTopics(node, _DEPTH, on_fault, on_good)
        self._joints: list[PositionHistory] = []
        for source in spec.state.sources:
            topic = node.resolve_topic_name(source.topic)
            history = PositionHistory(source.message_names, topic, age_s)
            self._joints.append(history)
            self._topics.joints(source.topic, len(source.joints), history.add)
        pose = spec.state.pose
        topic = '' if pose is None else node.resolve_topic_name(pose.topic)
        self._pose_topic, self._pose = topic, PositionHistory(_POSE, topic, age_s)
        if pose is not None:
            self._topics.pose(pose, self._add_pose)

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

    def _add_pose(
        self, stamp: int, xyz: ArrayLike, quat_xyzw: ArrayLike, publisher: Hashable
    ) -> None:
        self._pose.add(stamp, _POSE, np.concatenate([xyz, quat_xyzw]), publisher)
