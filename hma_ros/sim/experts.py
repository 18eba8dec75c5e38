# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The pushing rule that two robots share: get behind the block, then push it to the goal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_DONE_M = 0.012
_ON_AXIS_M = 0.012
_DETOUR_M = 0.035
_STANDOFF_M = 0.015
_TURN_RAD = 0.55


@dataclass(frozen=True)
class Pusher:
    """
    A pusher as the rule sees it.

    :param contact_m: distance of pusher and block centres when they touch.
    :param max_step_m: furthest motion in one row.
    """

    contact_m: float
    max_step_m: float

    def push(self, tool: np.ndarray, block: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """
        Return the displacement ``float64[2]`` [m] of the next row.

        Only the present positions matter (no phases are remembered), so a camera sees all that
        the decision depends on.

        :param tool: pusher position ``float64[2]``.
        :param block: block position ``float64[2]``.
        :param goal: where the block should be ``float64[2]``.
        """
        way = goal - block
        distance = float(np.linalg.norm(way))
        if distance < _DONE_M:
            return np.zeros(2)
        way = way / distance
        side = np.array([-way[1], way[0]])
        relative = tool - block
        along, across = float(relative @ way), float(relative @ side)
        if along < -0.4 * self.contact_m and abs(across) < _ON_AXIS_M:
            gap = max(0.0, -along - self.contact_m)
            speed = min(self.max_step_m, max(_DONE_M, 0.6 * distance) + gap)
            move = way * speed - side * (1.2 * across)
        elif along < -0.7 * self.contact_m:
            move = block - way * (self.contact_m + _STANDOFF_M) - tool
        else:
            move = self._around(relative, way)
        return move * min(1.0, self.max_step_m / (float(np.linalg.norm(move)) + 1e-9))

    def behind(self, block: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Return the place ``float64[2]`` from which pushing begins."""
        way = goal - block
        return block - way / (np.linalg.norm(way) + 1e-9) * (self.contact_m + _STANDOFF_M)

    def _around(self, relative: np.ndarray, way: np.ndarray) -> np.ndarray:
        """Circle round the block towards the side away from the goal."""
        clear = self.contact_m + _DETOUR_M
        angle = np.arctan2(relative[1], relative[0])
        back = np.arctan2(-way[1], -way[0])
        turn = np.clip((back - angle + np.pi) % (2 * np.pi) - np.pi, -_TURN_RAD, _TURN_RAD)
        turn *= min(1.0, self.max_step_m / 0.04)
        radius = float(np.linalg.norm(relative))
        if radius > clear:
            clear = max(clear, radius - self.max_step_m)
        return clear * np.array([np.cos(angle + turn), np.sin(angle + turn)]) - relative
