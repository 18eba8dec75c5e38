# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A camera that sends one image again and again, with new stamps, while the robot moves.

A still scene may give equal images, in a simulator bit by bit: only images that stay equal though
the robot was measured to move are called frozen.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.angles import nearest_turn
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.units import NS_PER_S

# A motion that a camera shows, by unit, and how long after it the image may stay the same: states
# arrive before the image of the same moment.
VISIBLE = {'rad': 0.05, 'm': 0.02}
PATIENCE_S = 1.0
# Bytes that are compared before all are.
_FIRST = 4096


class FrozenImage:
    """
    Compares each image with the one before it.

    :param topic: of the images, for :attr:`fault`.
    """

    def __init__(self, spec: EmbodimentSpec, topic: str) -> None:
        self._topic, self._names = topic, spec.state.joints
        units = dict(zip(spec.action.coordinates, spec.action.units, strict=False))
        turns = dict(zip(spec.action.coordinates, spec.limits.continuous, strict=False))
        self._units = [units.get(name, 'rad') for name in self._names]
        self._turns_J = np.array([turns.get(name, False) for name in self._names])
        self._visible_J = np.array([VISIBLE[unit] for unit in self._units])
        self._data = np.zeros(0, np.uint8)
        self._newest_ns = 0
        self._begin(0)

    @property
    def fault(self) -> str | None:
        """What is wrong with the newest image; None if nothing is."""
        if self._moved_ns is None or self._newest_ns - self._moved_ns < PATIENCE_S * NS_PER_S:
            return None
        same_s = (self._newest_ns - self._since_ns) / NS_PER_S
        way_J = self._high_J - self._low_J
        worst = int(np.argmax(way_J / self._visible_J))
        return (
            f'{self._topic}: got the same image for {same_s:.1f} s while '
            f'{self._names[worst]} moved by {way_J[worst]:.3g} {self._units[worst]}, '
            'expected another; restart the camera or its driver'
        )

    def see(self, stamp_ns: int, data: Any, joints_J: ArrayLike | None) -> None:
        """
        Take an image.

        :param data: its bytes, ``array('B')``; kept until the next call, and not copied.
        :param joints_J: ``float64[J]``, rad or m, measured last; None if unknown.
        """
        data, before = np.asarray(data, np.uint8), self._data
        first = slice(_FIRST)
        is_same = np.array_equal(data[first], before[first]) and np.array_equal(data, before)
        # A clock that was set back begins anew.
        if not is_same or stamp_ns < self._newest_ns:
            self._data = data
            self._begin(stamp_ns)
        if joints_J is not None:
            self._note(stamp_ns, np.asarray(joints_J, np.float64))
        self._newest_ns = stamp_ns

    def _begin(self, stamp_ns: int) -> None:
        self._since_ns = self._newest_ns = stamp_ns
        self._moved_ns: int | None = None
        self._low_J = self._high_J = np.full(len(self._names), np.nan)

    def _note(self, stamp_ns: int, joints_J: NDArray[np.float64]) -> None:
        if np.isnan(self._low_J).any():
            self._low_J = self._high_J = joints_J
        near_J = nearest_turn(joints_J, self._low_J, self._turns_J)
        self._low_J = np.minimum(self._low_J, near_J)
        self._high_J = np.maximum(self._high_J, near_J)
        has_moved = (self._high_J - self._low_J > self._visible_J).any()
        if has_moved and self._moved_ns is None:
            self._moved_ns = stamp_ns
