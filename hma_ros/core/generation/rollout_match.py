# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which imagined frame was meant for the moment a camera frame shows."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.units import NS_PER_S

_ROLLOUTS_KEPT = 32


@dataclass(frozen=True)
class ImaginedFrame:
    """
    A frame that was imagined for a moment.

    ``lead`` counts the steps between the last observed frame and it; ``frame`` is
    ``uint8[H, W, 3]``.
    """

    stamp_ns: int
    lead: int
    frame: NDArray[np.uint8]


class RolloutMatch:
    """
    Keeps imagined frames until the camera shows their moment.

    :param lead: frames imagined so many steps ahead are wanted; otherwise the longest lead below.
    :param tolerance_s: how far a camera frame may be from the imagined moment.
    """

    def __init__(self, lead: int, tolerance_s: float) -> None:
        self._lead = lead
        self._tolerance_ns = round(tolerance_s * NS_PER_S)
        self._rollouts: deque[list[ImaginedFrame]] = deque(maxlen=_ROLLOUTS_KEPT)

    def clear(self) -> None:
        """Forget everything, e.g. when the clock jumped back."""
        self._rollouts.clear()

    def add(self, stamp_ns: int, frame_dt_s: float, frames: NDArray[np.uint8]) -> None:
        """
        Keep a rollout.

        :param stamp_ns: of the last observed frame.
        :param frames: ``uint8[horizon, H, W, 3]``.
        """
        self._rollouts.append(
            [
                ImaginedFrame(
                    stamp_ns + round((step + 1) * frame_dt_s * NS_PER_S), step + 1, frame
                )
                for step, frame in enumerate(frames)
            ]
        )

    def find(self, stamp_ns: int) -> ImaginedFrame | None:
        """Return the frame imagined for a moment, None if there is none."""
        near = [
            imagined
            for rollout in self._rollouts
            for imagined in rollout
            if abs(imagined.stamp_ns - stamp_ns) <= self._tolerance_ns
            and imagined.lead <= self._lead
        ]
        return max(near, key=lambda imagined: imagined.lead, default=None)
