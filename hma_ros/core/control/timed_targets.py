# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Targets with times, as a trajectory controller follows them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.interpolation import interpolated


class TimedTargets:
    """
    Straight lines from one timed target to the next; the last one is held.

    :param target_D: ``float64[D]`` held at first.
    """

    def __init__(self, target_D: ArrayLike) -> None:
        self.hold(target_D)

    def hold(self, target_D: ArrayLike) -> None:
        """Drop everything and hold a target."""
        self._targets = np.array(target_D, np.float64)[None]
        self._times_ns = np.zeros(1, np.int64)

    def follow(self, now_ns: int, times_ns: Sequence[int], targets_HD: ArrayLike) -> None:
        """
        Replace what is left by new targets, from the present one on.

        Targets whose time has passed are skipped; if all have, the last one is held at once.

        :param times_ns: when each target is to be reached, ascending.
        :param targets_HD: ``[H, D]``.
        """
        times, targets = np.asarray(times_ns, np.int64), np.asarray(targets_HD, np.float64)
        ahead = times > now_ns
        if not ahead.any():
            self.hold(targets[-1])
            return
        start = self.target(now_ns)
        self._targets = np.concatenate([start[None], targets[ahead]])
        self._times_ns = np.concatenate([[now_ns], times[ahead]])

    def target(self, time_ns: int) -> NDArray[np.float64]:
        """Return the target at a time, ``float64[D]``."""
        return interpolated(self._times_ns, self._targets, time_ns)
