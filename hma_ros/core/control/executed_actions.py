# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What was executed in a step: as the executor reported it, else as the robot measured it."""

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.measured_actions import may_be_measured, measured_actions
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment.spec import EmbodimentSpec

_REPORTS_KEPT = 16


class ExecutedActions:
    """
    Chooses between report and measurement.

    :param measured: what the robot measures, filled elsewhere.
    """

    def __init__(self, spec: EmbodimentSpec, measured: StateHistory) -> None:
        self._spec, self._measured = spec, measured
        self._reports: dict[int, NDArray[np.float64]] = {}

    def report(self, start_ns: int, actions_XA: NDArray[np.float64]) -> None:
        """
        Take a report of the step that started at a time.

        :param actions_XA: ``float64[stride, A]``; a report of another length is ignored.
        """
        self._reports[start_ns] = actions_XA
        while len(self._reports) > _REPORTS_KEPT:
            self._reports.pop(next(iter(self._reports)))

    def may_come(self, start_ns: int, has_reporter: bool) -> bool:
        """
        Whether it is worth waiting for what was executed in a step.

        :param has_reporter: whether there is a publisher of reports.
        """
        if self._reported(start_ns) is not None:
            return False
        if has_reporter and start_ns not in self._reports:
            return True
        return may_be_measured(self._spec, self._measured, start_ns)

    def find(self, start_ns: int) -> tuple[NDArray[np.float64] | None, str]:
        """
        Return the actions of the step that started at a time, and where they are from.

        :returns: ``float64[stride, A]`` or None, and ``reported``, ``measured`` or ``unknown``.
        """
        if (reported := self._reported(start_ns)) is not None:
            return reported, 'reported'
        actions = measured_actions(self._spec, self._measured, start_ns)
        return actions, 'unknown' if actions is None else 'measured'

    def _reported(self, start_ns: int) -> NDArray[np.float64] | None:
        actions = self._reports.get(start_ns)
        return None if actions is None or len(actions) != self._spec.rates.stride else actions
