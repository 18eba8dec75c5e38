# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What was commanded in the steps of the model, for its context."""

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.units import NS_PER_S
from hma_ros.msg import ActionChunk
from hma_ros.ros.chunk_msg import from_actions
from hma_ros.ros.qos import REPORT

_MOST_OWED = 64


class ExecutedReports:
    """
    Reports each step for which a chunk came, once it is over: the model waits for that.

    :param node: an HmaNode.
    :param spec: the embodiment.
    :param is_shadow: nothing is commanded, so nothing is reported, and nobody publishes.
    """

    def __init__(self, node: Any, spec: EmbodimentSpec, is_shadow: bool) -> None:
        self._node, self._spec = node, spec
        self._publisher = None if is_shadow else node.publisher(ActionChunk, '~/executed', REPORT)
        self._owed_ns: deque[int] = deque(maxlen=_MOST_OWED)

    def clear(self) -> None:
        """Owe nothing, e.g. after a jump of the clock."""
        self._owed_ns.clear()

    def owe(self, stamp_ns: int) -> None:
        """Report the step that starts then, also if its chunk is not followed."""
        newest = self._owed_ns[-1] if self._owed_ns else 0
        if self._publisher is not None and newest < stamp_ns < self._node.now_ns() + NS_PER_S:
            self._owed_ns.append(stamp_ns)

    def publish(
        self, reach_ns: int, executed: Callable[[int], NDArray[np.float64] | None]
    ) -> None:
        """
        Publish what is owed of the steps that are over.

        :param reach_ns: when the last command is reached.
        :param executed: returns the actions of the step from a time; None if unknown.
        """
        over_ns = reach_ns - round(self._spec.rates.frame_dt_s * NS_PER_S)
        while self._publisher is not None and self._owed_ns and self._owed_ns[0] <= over_ns:
            stamp_ns = self._owed_ns.popleft()
            self._publisher.publish(from_actions(self._spec, stamp_ns, executed(stamp_ns)))
