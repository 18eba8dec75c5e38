# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the robot is, and whether that can be trusted now."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.control.axes import Axes
from hma_ros.core.control.decision import AWAY
from hma_ros.core.messages.stamp import clock_hint
from hma_ros.core.units import NS_PER_S

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """Where the axes are, ``float64[X]``, when the oldest part was measured, and its name."""

    values_X: Vector
    stamp_ns: int
    oldest: str = 'state'


class StateCheck:
    """
    Judges measurements.

    :param axes: names and limits.
    :param max_age_s: how old a measurement may be, and how far ahead of the clock.
    """

    def __init__(self, axes: Axes, max_age_s: float) -> None:
        self._axes, self._max_age_s = axes, max_age_s

    def fault(self, now_ns: int, measured: Measurement | None) -> str | None:
        """Return why there is no fresh, finite measurement; None if there is one."""
        if measured is None:
            return 'no measured state'
        age_s, most_s = (now_ns - measured.stamp_ns) / NS_PER_S, self._max_age_s
        hint = clock_hint(now_ns - measured.stamp_ns)
        if age_s < -most_s:
            return (
                f'measured state ahead of the clock: got {-age_s:.3f} s, '
                f'expected at most {most_s:g} s{hint}'
            )
        if age_s > most_s:
            return (
                f'stale measured {measured.oldest}: got {age_s:.3f} s old, '
                f'expected at most {most_s:g} s{hint}'
            )
        if not np.isfinite(measured.values_X).all():
            name = self._axes.names[int(np.argmax(~np.isfinite(measured.values_X)))]
            return f'measured state: got a {name} that is not finite'
        return None

    def following_fault(self, measured: Measurement, commanded_X: Vector) -> str | None:
        """Return why the robot does not follow its command; None if it does."""
        error = np.abs(self._axes.difference(measured.values_X, commanded_X))
        limit = self._axes.following_error
        return self._axes.first(error > limit, 'following error', error, limit)

    def away(self, measured: Measurement, commanded_X: Vector) -> str:
        """Say where a robot that does not follow its command is, and where it should be."""
        error = np.abs(self._axes.difference(measured.values_X, commanded_X))
        limit = self._axes.following_error
        index, count = int(np.argmax(error / limit)), int((error > limit).sum())
        others = f' (and {count - 1} more)' if count > 1 else ''
        return (
            f'{self._axes.names[index]}{others}: {AWAY}: got '
            f'{measured.values_X[index]:.4g} measured, expected {commanded_X[index]:.4g} commanded'
            f'{self._axes.unit_hint(measured.values_X)}'
        )
