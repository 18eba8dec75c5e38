# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Whether a gripper was open or closed, from the position of its joint.

Jaws that hold something stop between their ends, so the end that they left last decides: jaws that
left the open end are closing, or hold something.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hma_ros.core.control.position_history import PositionHistory
from hma_ros.core.embodiment.spec import GripperSpec

# Shares of the way between the ends: nearer than the first is at an end, farther than the second
# has left it.
_REACHED = 0.1
_LEFT = 0.15


class GripperHistory:
    """
    The model's value of the gripper in the last seconds.

    :param spec: a gripper with a ``joint``.
    :param topic: where it comes from, for errors.
    :param max_age_s: as for :class:`PositionHistory`.
    """

    def __init__(self, spec: GripperSpec, topic: str, max_age_s: float) -> None:
        self._spec, self._joint = spec, spec.joint or ''
        self._history = PositionHistory((self._joint,), topic, max_age_s)
        self._end: bool | None = None

    def clear(self) -> None:
        """Forget everything."""
        self._history.clear()
        self._end = None

    def add(self, stamp_ns: int, names: Sequence[str], positions: ArrayLike) -> bool:
        """
        Take the joint from a message, if it is there; returns whether it is.

        :raises MessageError: its position is missing or not finite.
        """
        if self._joint not in names:
            return False
        values = np.array(positions, np.float64)
        place = list(names).index(self._joint)
        if values.shape == (len(names),) and np.isfinite(values[place]):
            is_open = self._is_open(float(values[place]))
            values[place] = self._spec.model_open if is_open else self._spec.model_closed
        self._history.add(stamp_ns, names, values)
        return True

    def newest_ns(self) -> int | None:
        """Return the stamp of the newest sample; None without one."""
        return self._history.newest_stamps()[0]

    def unheard(self, since_ns: int) -> str | None:
        """Say that its joint was not heard since a moment; None if it was."""
        return self._history.unheard(since_ns)

    def at(self, moment_ns: int) -> float | None:
        """Return ``model_open`` or ``model_closed`` at a moment; None where unknown."""
        value = float(self._history.interpolated(moment_ns)[0])
        if np.isnan(value):
            return None
        ends = (self._spec.model_open, self._spec.model_closed)
        return min(ends, key=lambda end: abs(end - value))

    def _is_open(self, position: float) -> bool:
        spec = self._spec
        opened = (position - spec.closed_position) / (spec.open_position - spec.closed_position)
        if opened >= 1.0 - _REACHED or opened <= _REACHED:
            self._end = opened > 0.5
        if self._end is None:
            # Neither end was seen yet: the nearer one.
            value = spec.model_closed + opened * (spec.model_open - spec.model_closed)
            return (value > spec.threshold) == (spec.model_open > spec.threshold)
        way = 1.0 - opened if self._end else opened
        return self._end if way < _LEFT else not self._end
