# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The pushing rule that two robots share: get behind the block, then push it to the goal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_DONE_M = 0.012
_DETOUR_M = 0.035
_STANDOFF_M = 0.015
_TURN_RAD = 0.55
# Seen from the block, off the line to the goal: below it pushes, at twice that it goes round.
_BEHIND_RAD = 0.25
# From here on it goes round at full distance.
_CLEAR_RAD = 0.8


@dataclass(frozen=True)
class Pusher:
    """
    A pusher as the rule sees it.

    :param contact_m: distance of pusher and block centres when they touch.
    :param max_step_m: furthest motion in one step.
    """

    contact_m: float
    max_step_m: float

    def push(self, tool: np.ndarray, block: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """
        Return the displacement ``float64[2]`` [m] of the next step.

        Only the present positions matter (no phases are remembered), so a camera sees all that
        the decision depends on. It changes smoothly with them: where a policy is unsure of a
        place by millimetres, the mean of what it thinks possible is still a good decision.

        :param tool: pusher position ``float64[2]``.
        :param block: block position ``float64[2]``.
        :param goal: where the block should be ``float64[2]``.
        """
        way = goal - block
        distance = float(np.linalg.norm(way))
        if distance < _DONE_M:
            return np.zeros(2)
        way = way / distance
        relative = tool - block
        off = _wrapped(_angle(-way) - _angle(relative))
        share = float(np.clip(2.0 - abs(off) / _BEHIND_RAD, 0.0, 1.0))
        move = share * self._straight(relative, way, distance)
        move += (1.0 - share) * self._around(relative, off)
        return move * min(1.0, self.max_step_m / (float(np.linalg.norm(move)) + 1e-9))

    def behind(self, block: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Return the place ``float64[2]`` from which pushing begins."""
        way = goal - block
        return block - way / (np.linalg.norm(way) + 1e-9) * (self.contact_m + _STANDOFF_M)

    def _straight(self, relative: np.ndarray, way: np.ndarray, distance: float) -> np.ndarray:
        """Push, or close the gap, and come on to the line through block and goal."""
        along = float(relative @ way)
        gap = max(0.0, -along - self.contact_m)
        speed = min(self.max_step_m, max(_DONE_M, 0.6 * distance) + gap)
        return way * speed - 1.2 * (relative - way * along)

    def _around(self, relative: np.ndarray, off: float) -> np.ndarray:
        """Circle round the block towards the side away from the goal, closer as it is reached."""
        room = min(1.0, abs(off) / _CLEAR_RAD)
        clear = self.contact_m + _STANDOFF_M + (_DETOUR_M - _STANDOFF_M) * room
        radius = float(np.linalg.norm(relative))
        most = _TURN_RAD * min(1.0, self.max_step_m / 0.04)
        angle = _angle(relative) + np.clip(off, -most, most)
        clear = max(clear, radius - self.max_step_m)
        return clear * np.array([np.cos(angle), np.sin(angle)]) - relative


def _angle(vector: np.ndarray) -> float:
    return float(np.arctan2(vector[1], vector[0]))


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
