# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a robot measured in the last seconds: joints, tool position, gripper."""

import threading
from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.gripper_history import GripperHistory
from hma_ros.core.control.orientation import rotation_vector
from hma_ros.core.control.position_history import PositionHistory
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.units import NS_PER_S

Vector = NDArray[np.float64]
_XYZ = ('x', 'y', 'z')
_QUATERNION = ('qx', 'qy', 'qz', 'qw')


class StateHistory:
    """
    Collects messages, live or from a bag; safe to use from several threads.

    :param spec: the embodiment.
    :param resolve: turns the topics of the embodiment into those of errors.
    :param is_continuous_D: ``bool[D]``, commanded coordinates that are equal modulo one turn;
        default none.
    """

    def __init__(
        self,
        spec: EmbodimentSpec,
        resolve: Callable[[str], str] = str,
        is_continuous_D: ArrayLike | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._max_age_ns = round(spec.state.max_age_s * NS_PER_S)
        coordinates, age_s = spec.action.coordinates, spec.state.max_age_s
        self.is_continuous_D = np.zeros(len(coordinates), bool)
        if is_continuous_D is not None:
            self.is_continuous_D = np.asarray(is_continuous_D, bool)
        turning = {coordinates[index] for index in np.flatnonzero(self.is_continuous_D)}
        self._joints = [
            PositionHistory(
                source.message_names,
                resolve(source.topic),
                age_s,
                [name in turning for name in source.joints],
            )
            for source in spec.state.sources
        ]
        pose_topic = '' if spec.state.pose is None else resolve(spec.state.pose.topic)
        self._reference = None
        if spec.action.rotation is not None and spec.limits.orientation is not None:
            self._reference = spec.limits.orientation.reference_xyzw
        self._tool_names = _XYZ if self._reference is None else _XYZ + _QUATERNION
        self._tool = PositionHistory(self._tool_names, pose_topic, age_s)
        self._quat_xyzw = np.array([0.0, 0.0, 0.0, 1.0])
        self._has_gripper, self._gripper = spec.gripper is not None, None
        if spec.gripper is not None and spec.gripper.joint is not None:
            topic = spec.gripper.joint_topic or spec.state.sources[0].topic
            self._gripper = GripperHistory(spec.gripper, resolve(topic), age_s)
        self._places = None if spec.action.is_cartesian else _places(spec)

    @property
    def conflict(self) -> str | None:
        """Which joint, or the tool, has two publishers: nothing of it is known; else None."""
        with self._lock:
            found = (history.conflict for history in (*self._joints, self._tool))
            return next((conflict for conflict in found if conflict is not None), None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            for history in (*self._joints, self._tool):
                history.clear()
            if self._gripper is not None:
                self._gripper.clear()

    def add_joints(
        self,
        source: int,
        stamp_ns: int,
        names: Sequence[str],
        positions: ArrayLike,
        publisher: Hashable = None,
    ) -> tuple[int, ...]:
        """
        Take a joint state of ``spec.state.sources[source]``; see :meth:`PositionHistory.add`.

        The gripper's joint is taken from the messages of every source; see also
        :meth:`add_gripper`.

        :returns: the places in ``joints`` of the source that the message held.
        :raises MessageError: a value cannot be used.
        """
        with self._lock:
            taken = self._joints[source].add(stamp_ns, names, positions, publisher)
            if self._gripper is not None:
                self._gripper.add(stamp_ns, names, positions)
            return taken

    def add_gripper(self, stamp_ns: int, names: Sequence[str], positions: ArrayLike) -> bool:
        """
        Take the gripper's joint from a joint state of another topic; returns whether it is there.

        :raises MessageError: its position is missing or not finite.
        """
        with self._lock:
            return self._gripper is not None and self._gripper.add(stamp_ns, names, positions)

    def add_tool(
        self,
        stamp_ns: int,
        xyz: ArrayLike,
        quat_xyzw: ArrayLike,
        publisher: Hashable = None,
    ) -> None:
        """
        Take a measured tool pose.

        :param xyz: ``float64[3]`` in metres.
        :param quat_xyzw: ``float64[4]`` of norm 1; kept where actions turn the tool.
        """
        with self._lock:
            values = np.asarray(xyz, np.float64)
            if self._reference is not None:
                # Of an orientation's two quaternions the one that can be interpolated.
                turn = np.asarray(quat_xyzw, np.float64)
                self._quat_xyzw = turn if turn @ self._quat_xyzw >= 0.0 else -turn
                values = np.concatenate([values, self._quat_xyzw])
            self._tool.add(stamp_ns, self._tool_names, values, publisher)

    def joints_reach(self, moment_ns: int) -> bool:
        """Whether every joint was heard at a moment or later: none nearer to it will come."""
        with self._lock:
            return all(history.reaches(moment_ns) for history in self._joints)

    def joints_at(self, moment_ns: int) -> Vector:
        """
        Return all joints at a moment ``float64[J]``; see :meth:`PositionHistory.at`.

        :raises MessageError: a joint has no sample near enough, or two publishers.
        """
        with self._lock:
            return np.concatenate([history.at(moment_ns) for history in self._joints])

    def newest_joints(self) -> Vector | None:
        """Return the newest position of each joint ``float64[J]``; None where one is unknown."""
        with self._lock:
            newest = [history.newest() for history in self._joints]
        known = [item[0] for item in newest if item is not None]
        return np.concatenate(known) if known and len(known) == len(newest) else None

    def tool_reaches(self, moment_ns: int) -> bool:
        """Whether the tool's pose was heard at a moment or later."""
        with self._lock:
            return self._tool.reaches(moment_ns)

    def tool_at(self, moment_ns: int) -> Vector:
        """
        Return the tool's position at a moment ``float64[3]`` [m]; see :meth:`joints_at`.

        :raises MessageError: no sample is near enough, or there are two publishers.
        """
        with self._lock:
            return self._tool.at(moment_ns)[: len(_XYZ)]

    def coordinates_at(self, moment_ns: int) -> Vector | None:
        """
        Return the commanded coordinates at a moment; None where unknown.

        :returns: ``float64[D]``; where actions turn the tool ``float64[6]``, the position and the
            rotation vector about ``limits.orientation.reference_xyzw``.
        """
        with self._lock:
            if self._places is None:
                found = self._tool.interpolated(moment_ns)
            else:
                joints = [history.interpolated(moment_ns) for history in self._joints]
                found = np.concatenate(joints)[self._places]
        if np.isnan(found).any():
            return None
        if self._reference is None:
            return found
        return np.concatenate([found[:3], rotation_vector(found[3:], self._reference)])

    def gripper_at(self, moment_ns: int) -> float | None:
        """
        Return the model's value of the measured gripper at a moment.

        :returns: ``model_open`` or ``model_closed``; None where unknown.
        """
        if self._gripper is None:
            return None
        with self._lock:
            return self._gripper.at(moment_ns)

    def unheard(self, since_ns: int) -> str | None:
        """
        Say what actions are measured from and was not heard since a moment.

        :returns: the first joints and their topic, or the pose's or the gripper's; else None.
        """
        if self._has_gripper and self._gripper is None:
            return 'the gripper (gripper.joint is not set)'
        with self._lock:
            arm = self._joints if self._places is not None else [self._tool]
            reasons = [history.unheard(since_ns) for history in arm]
            if self._gripper is not None:
                reasons.append(self._gripper.unheard(since_ns))
        return next((text for text in reasons if text is not None), None)

    def approaches(self, moment_ns: int, gripper_ns: int) -> bool:
        """
        Whether the coordinates at a moment, and the gripper at another, may be known soon.

        :returns: whether one of them was not heard since, and all were heard in the last
            ``state.max_age_s`` before it: one that is silent is not waited for.
        """
        with self._lock:
            ages = [None if stamp is None else moment_ns - stamp for stamp in self._stamps()]
            if self._has_gripper:
                stamp = None if self._gripper is None else self._gripper.newest_ns()
                ages.append(None if stamp is None else gripper_ns - stamp)
        known = [age for age in ages if age is not None]
        return len(known) == len(ages) and 0 < max(known) <= self._max_age_ns

    def _stamps(self) -> list[int | None]:
        """Return when each commanded coordinate was measured last."""
        if self._places is None:
            return self._tool.newest_stamps()
        joints = [stamp for history in self._joints for stamp in history.newest_stamps()]
        return [joints[place] for place in self._places]


def _places(spec: EmbodimentSpec) -> list[int]:
    """Return where in the joints of the robot each commanded coordinate is."""
    return [spec.state.joints.index(name) for name in spec.action.coordinates]
