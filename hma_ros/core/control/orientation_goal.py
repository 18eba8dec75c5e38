# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The commanded orientation of a tool: that of the start, or that of the embodiment file."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.orientation import quaternion, rotation_vector
from hma_ros.core.embodiment.spec import EmbodimentSpec

Vector = NDArray[np.float64]


class OrientationGoal:
    """
    Keeps the goal as a rotation vector about the reference of the embodiment.

    ``goal_3`` is ``float64[3]``, empty where no tool pose is commanded.
    """

    def __init__(self, spec: EmbodimentSpec) -> None:
        limits = spec.limits.orientation
        self._reference = None if limits is None else limits.reference_xyzw
        given = [item.orientation_xyzw for item in spec.commands if item.orientation_xyzw]
        self._given = self.vector(given[0]) if given else None
        self.goal_3: Vector = np.zeros(0 if limits is None else 3)

    def vector(self, quat_xyzw: ArrayLike) -> Vector:
        """Return an orientation as axes: ``float64[3]``, empty where none is commanded."""
        if self._reference is None:
            return np.zeros(0)
        return rotation_vector(quat_xyzw, self._reference)

    def begin(self, turn: ArrayLike) -> None:
        """Start at a turn ``[3]`` and keep it."""
        self.goal_3 = np.array(turn, np.float64)

    def aim(self) -> None:
        """Approach the orientation that the embodiment gives, if it gives one."""
        if self._given is not None:
            self.goal_3 = self._given

    def quaternion(self, turn: ArrayLike) -> tuple[float, float, float, float] | None:
        """Return the orientation of a turn ``[3]``; None where no tool pose is commanded."""
        return None if self._reference is None else quaternion(turn, self._reference)
