# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the robot is: joint states and tool pose, by the embodiment."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from hma_ros.core.embodiment import EmbodimentSpec, StateSource
from hma_ros.core.errors import MessageError
from hma_ros.ros.joint_state_msg import positions
from hma_ros.ros.qos import SENSOR_IN
from hma_ros.ros.stamps import stamp_ns

Vector = NDArray[np.float64]
_NORM_TOLERANCE = 1e-2


class RobotState:
    """
    The newest measurement of the commanded coordinates.

    :param node: an HmaNode.
    :param on_fault: told why a message cannot be used.
    :param on_good: called for each one that can.
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
        self._joints: dict[str, tuple[float, int]] = {}
        self._pose: tuple[Vector, tuple[float, ...], int] | None = None
        for source in spec.state.sources:
            topic = node.resolve_topic_name(source.topic)
            receive = partial(self._on_joints, source, topic)
            node.subscribe(JointState, source.topic, receive, SENSOR_IN)
        if spec.state.pose is not None:
            topic = node.resolve_topic_name(spec.state.pose.topic)
            node.subscribe(
                PoseStamped, spec.state.pose.topic, partial(self._on_pose, topic), SENSOR_IN
            )

    @property
    def quat_xyzw(self) -> tuple[float, ...] | None:
        """The measured orientation of the tool; None if unknown."""
        return None if self._pose is None else self._pose[1]

    def clear(self) -> None:
        """Forget everything, e.g. when the clock jumped back."""
        self._joints.clear()
        self._pose = None

    def measured(self, now_ns: int) -> tuple[Vector | None, float]:
        """Return the commanded coordinates ``float64[D]`` (None if unknown) and their age in s."""
        if self._spec.action.is_cartesian:
            if self._pose is None:
                return None, float('inf')
            return self._pose[0], (now_ns - self._pose[2]) * 1e-9
        entries = [self._joints.get(name) for name in self._spec.action.coordinates]
        known = [entry for entry in entries if entry is not None]
        if len(known) < len(entries):
            return None, float('inf')
        oldest_ns = min(stamp for _, stamp in known)
        return np.array([value for value, _ in known]), (now_ns - oldest_ns) * 1e-9

    def _on_joints(self, source: StateSource, topic: str, message: Any) -> None:
        try:
            values = positions(message, source.message_names, topic)
        except MessageError as error:
            self._on_fault(str(error))
            return
        stamp = stamp_ns(message.header.stamp)
        for name, value in zip(source.joints, values.tolist(), strict=True):
            self._joints[name] = (value, stamp)
        self._on_good()

    def _on_pose(self, topic: str, message: Any) -> None:
        place, turn = message.pose.position, message.pose.orientation
        xyz = np.array([place.x, place.y, place.z])
        quat_xyzw = (turn.x, turn.y, turn.z, turn.w)
        expected = self._spec.state.pose.frame_id if self._spec.state.pose else ''
        if message.header.frame_id != expected:
            self._on_fault(
                f'{topic}: expected frame {expected!r}, got {message.header.frame_id!r}'
            )
        elif not np.isfinite([*xyz, *quat_xyzw]).all():
            self._on_fault(f'{topic}: expected a finite pose, got {[*xyz, *quat_xyzw]}')
        elif abs(np.linalg.norm(quat_xyzw) - 1.0) > _NORM_TOLERANCE:
            self._on_fault(
                f'{topic}: expected a quaternion of norm 1, got norm '
                f'{np.linalg.norm(quat_xyzw):.3g} of {list(quat_xyzw)}'
            )
        else:
            self._pose = (xyz, quat_xyzw, stamp_ns(message.header.stamp))
            self._on_good()
