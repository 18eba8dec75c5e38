# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether /clock runs, and whether one simulation alone sends it."""

import time
from typing import Any

from hma_ros.ros.diagnostics import WARN, Diagnostics

_TOPIC = '/clock'
_STILL_S = 2.0  # without a time that moves


class ClockWatch:
    """
    Watches the clock of a node; there is nothing to watch without ``use_sim_time``.

    :param node: an HmaNode.
    :param diagnostics: of the node.
    """

    def __init__(self, node: Any, diagnostics: Diagnostics) -> None:
        self._node, self._diagnostics = node, diagnostics
        self._moved_s = self._begun_s = time.monotonic()

    @property
    def is_simulated(self) -> bool:
        """Whether the node follows /clock."""
        return bool(self._node.get_parameter('use_sim_time').value)

    def begin(self) -> None:
        """Give the clock time to run, e.g. when the node was activated."""
        self._begun_s = time.monotonic()

    def moved(self) -> None:
        """Note that the clock moved on."""
        self._moved_s = time.monotonic()

    def fault(self) -> str | None:
        """Return why the clock does not run; None if it does."""
        if not self.is_simulated:
            return None
        still_s = time.monotonic() - max(self._moved_s, self._begun_s)
        if still_s > _STILL_S:
            return f'{_TOPIC}: got no time for {still_s:.0f} s, expected it to run'
        return None if self._node.now_ns() else f'{_TOPIC}: got no time yet, expected it to run'

    def look(self) -> None:
        """Report what is wrong with the clock, or that nothing is."""
        is_late = time.monotonic() - self._begun_s > _STILL_S
        self._diagnostics.note('clock stands', self.fault() if is_late else None, WARN)
        self._diagnostics.lasting('clocks', self._conflict())

    def _conflict(self) -> str | None:
        count = self._node.count_publishers(_TOPIC) if self.is_simulated else 1
        if count <= 1:
            return None
        return (
            f'{_TOPIC}: got {count} publishers, expected 1; give each simulation its own '
            'ROS_DOMAIN_ID'
        )
