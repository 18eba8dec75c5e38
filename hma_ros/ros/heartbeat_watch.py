# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether the model behind the chunks is alive."""

import time
from typing import Any

from std_msgs.msg import Empty

from hma_ros.ros.diagnostics import Diagnostics
from hma_ros.ros.qos import REPORT


class HeartbeatWatch:
    """
    Listens to the heartbeat of the model.

    One that was never heard is not missed: chunks may come from elsewhere.

    :param node: an HmaNode.
    :param topic: of the heartbeat.
    :param limit_s: longest silence [s]; 0: no limit.
    :param diagnostics: of the node.
    """

    def __init__(self, node: Any, topic: str, limit_s: float, diagnostics: Diagnostics) -> None:
        self._topic, self._limit_s, self._diagnostics = topic, limit_s, diagnostics
        self._heard_s: float | None = None
        self.is_silent = False
        node.subscribe(Empty, topic, self._on_heartbeat, REPORT)

    def refusal(self) -> str | None:
        """Return why chunks cannot be approved now; None if they can."""
        if not self._limit_s or (self._heard_s is not None and not self._silence()):
            return None
        return (
            f'approval: {self._topic}: {self._silence() or "got none yet"}, expected one every '
            f'{self._limit_s:g} s; start or activate the world model first'
        )

    def excuse(self, paused_s: float) -> None:
        """Do not count as silence that this process did not run for so long."""
        if self._heard_s is not None:
            self._heard_s = min(self._heard_s + paused_s, time.monotonic())

    def look(self) -> str | None:
        """Report a silence, and return it; None if there is none."""
        silence = self._silence()
        self.is_silent = bool(silence)
        if not silence:
            self._diagnostics.cleared('silent model')
            return None
        text = f'{self._topic}: {silence}'
        self._diagnostics.warning(
            'silent model', f'{text}, expected one every {self._limit_s:g} s; see the world model'
        )
        return text

    def _silence(self) -> str:
        if self._heard_s is None or not self._limit_s:
            return ''
        silent_s = time.monotonic() - self._heard_s
        return f'got none for {silent_s:.1f} s' if silent_s > self._limit_s else ''

    def _on_heartbeat(self, _message: Any) -> None:
        self._heard_s = time.monotonic()
