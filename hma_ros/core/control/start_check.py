# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Whether measurements can be trusted enough to start from: fresh, consistent, within limits.

And whether a robot away from its last command has settled there.
"""

import numpy as np

from hma_ros.core.control.axes import Axes
from hma_ros.core.control.measurement import Measurement
from hma_ros.core.units import NS_PER_S

# How many measurements must agree, and over what time.
CONSISTENT_MEASUREMENTS = 5
CONSISTENT_S = 0.04
# A robot that is still for so long has settled. One that lags comes back before.
SETTLED_S = 0.5
# Noise of a measurement, as a share of the following error.
_NOISE = 0.05


class StartCheck:
    """
    Waits for measurements that agree.

    ``reason`` says what it waits for.

    :param axes: names, limits and start margins.
    :param max_age_s: a longer gap between two measurements begins anew.
    """

    def __init__(self, axes: Axes, max_age_s: float) -> None:
        self._axes, self._max_age_ns = axes, round(max_age_s * NS_PER_S)
        self._since_ns = 0
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._taken: list[Measurement] = []
        # The first and the newest of those between which the robot was still.
        self._still: tuple[Measurement, Measurement] | None = None
        self.reason = 'no measured state'

    def accepts(self, measured: Measurement) -> bool:
        """
        Take a measurement, fresh and finite; the same one may come again.

        :returns: whether a motion may start from it.
        """
        taken = self._taken
        self._note_rest(measured)
        if not taken or measured.stamp_ns != taken[-1].stamp_ns:
            self._take(measured)
        return (
            len(self._taken) == CONSISTENT_MEASUREMENTS
            and self._taken[-1].stamp_ns - self._since_ns >= CONSISTENT_S * NS_PER_S
        )

    @property
    def is_settled(self) -> bool:
        """Whether the robot has been still for a while, within its limits or not."""
        if self._still is None:
            return False
        since, newest = self._still
        return newest.stamp_ns - since.stamp_ns >= SETTLED_S * NS_PER_S

    def _note_rest(self, measured: Measurement) -> None:
        if self._still is not None:
            since, newest = self._still
            moved = np.abs(self._axes.difference(measured.values_X, since.values_X))
            is_still = (moved <= _NOISE * self._axes.following_error).all()
            if is_still and 0 <= measured.stamp_ns - newest.stamp_ns <= self._max_age_ns:
                self._still = since, measured
                return
        self._still = measured, measured

    def _take(self, measured: Measurement) -> None:
        outside = self._outside(measured)
        if outside is not None:
            self.reason, self._taken = outside, []
            return
        fault = self._inconsistent(measured) if self._taken else None
        if fault is not None or not self._taken:
            self._taken, self._since_ns = [], measured.stamp_ns
            wanted = f'waiting for {CONSISTENT_MEASUREMENTS} consistent measurements'
            self.reason = wanted if fault is None else f'{fault}; {wanted}'
        self._taken = [*self._taken, measured][-CONSISTENT_MEASUREMENTS:]

    def _outside(self, measured: Measurement) -> str | None:
        excess = self._axes.excess(measured.values_X, self._axes.margin)
        outside = self._axes.first(
            excess > 0.0,
            'measured outside its limit and start margin by',
            excess,
            np.zeros_like(excess),
        )
        return outside and outside + self._axes.unit_hint(measured.values_X)

    def _inconsistent(self, measured: Measurement) -> str | None:
        last = self._taken[-1]
        gap_ns = measured.stamp_ns - last.stamp_ns
        if not 0 < gap_ns <= self._max_age_ns:
            return f'measured state with a gap of {gap_ns / NS_PER_S:.3f} s'
        moved = np.abs(self._axes.difference(measured.values_X, last.values_X))
        allowed = self._axes.velocity * (gap_ns / NS_PER_S) + _NOISE * self._axes.following_error
        return self._axes.first(moved > allowed, 'measured jump', moved, allowed)
