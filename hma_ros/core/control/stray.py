# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A robot found away from its last command: it comes back soon, or a person has to look at it."""

from hma_ros.core.control.guard import Vector
from hma_ros.core.control.measurement import Measurement, StateCheck

# How long to wait for a robot that neither comes back nor rests.
_PATIENCE_S = 5.0


class Stray:
    """
    Remembers where it is, also over an activation.

    ``text`` says where it is and where it should be; empty if no robot is away.

    :param check: names the axis that is farthest away.
    """

    def __init__(self, check: StateCheck) -> None:
        self._check, self._since_s, self.text = check, 0.0, ''

    @property
    def is_pending(self) -> bool:
        """Whether the robot is still waited for."""
        return bool(self.text)

    @property
    def stop_reason(self) -> str:
        """Why it is waited for no longer, and what to do."""
        return (
            f'{self.text}; look at the robot, then call ~/resume, which starts from the measured '
            'position; if the robot is not there, mend the state first'
        )

    def adopt(self, previous: 'Stray') -> None:
        """Go on with what an earlier configuration waited for."""
        self._since_s, self.text = previous._since_s, previous.text

    def begin(self, measured: Measurement, commanded_X: Vector, time_s: float) -> None:
        """Wait from now on."""
        self._since_s = time_s
        self.note(measured, commanded_X)

    def note(self, measured: Measurement, commanded_X: Vector) -> None:
        """Note where it is now, and the last command, ``[X]``."""
        self.text = self._check.away(measured, commanded_X)

    def is_overdue(self, time_s: float) -> bool:
        """Whether it was waited for long enough."""
        return time_s - self._since_s >= _PATIENCE_S

    def end(self) -> None:
        """Wait no longer: it is back, or a person released it."""
        self.text = ''
