# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""From the model's gripper value to gripper positions, without chatter."""

from hma_ros.core.embodiment.spec import GripperSpec


class GripperSwitch:
    """
    Opens and closes with hysteresis, and no more often than ``min_interval_s`` allows.

    :param spec: the gripper section of an embodiment.
    """

    def __init__(self, spec: GripperSpec) -> None:
        self._spec = spec
        self._is_open: bool | None = None
        self._changed_s: float | None = None
        # Whether a command failed and none was carried out since, so that its state is unknown.
        self.is_unknown = False

    @property
    def position(self) -> float | None:
        """The position commanded last; None before the first one."""
        if self._is_open is None:
            return None
        return self._spec.open_position if self._is_open else self._spec.closed_position

    @property
    def model_value(self) -> float | None:
        """The model's value for :attr:`position`; None where it is unknown."""
        if self._is_open is None or self.is_unknown:
            return None
        return self._spec.model_open if self._is_open else self._spec.model_closed

    def adopt(self, previous: 'GripperSwitch') -> None:
        """Take over the time and the failure of the last command of an earlier configuration."""
        self._changed_s, self.is_unknown = previous._changed_s, previous.is_unknown

    def repeat(self) -> None:
        """Command the next value whatever it is, after the interval; e.g. when one was refused."""
        self._is_open = None

    def note(self, has_failed: bool, has_arrived: bool) -> None:
        """Take what became of the last command; one that failed is repeated after the interval."""
        if has_failed:
            self.repeat()
        self.is_unknown = has_failed or (self.is_unknown and not has_arrived)

    def update(self, value: float | None, now_s: float) -> float | None:
        """
        Take the model's value.

        :param value: between ``model_closed`` and ``model_open``; None says nothing.
        :param now_s: of a clock that does not jump.
        :returns: the new position if there is one to command now, else None.
        """
        wants_open = None if value is None else self._wants_open(value)
        if wants_open is None or wants_open == self._is_open:
            return None
        if self._changed_s is not None and now_s - self._changed_s < self._spec.min_interval_s:
            return None
        self._is_open, self._changed_s = wants_open, now_s
        return self.position

    def _wants_open(self, value: float) -> bool | None:
        spec = self._spec
        side = 1.0 if spec.model_open > spec.model_closed else -1.0
        beyond = side * (value - spec.threshold)
        if abs(beyond) < spec.hysteresis:
            return self._is_open
        return beyond > 0.0
