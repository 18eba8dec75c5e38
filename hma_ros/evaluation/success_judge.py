# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Whether a task is done, by what an image shows: imagined frames have no simulator state.

The distances separate done from not done best on recorded episodes; how well they do on others is
part of every result of ``hma evaluate imagined``. The SO-101 reaches for a ball whose distance a
single camera does not show; it has no judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.evaluation.scene_parts import PARTS, Role, place_of

# Frames in a row that must look done.
_LASTING = 2


@dataclass(frozen=True)
class _Rule:
    """
    What being done looks like.

    :param kind: ``near``: the object is at the mark; ``lifted``: it is above where it was.
    :param distance: at most, or at least, so far [px of 64].
    """

    kind: Literal['near', 'lifted']
    distance: float


_RULES = {
    'sim_franka': _Rule('lifted', 2.35),
    'sim_ur5e': _Rule('near', 4.9),
    'sim_planar': _Rule('near', 4.3),
}
JUDGED = tuple(_RULES)


class SuccessJudge:
    """
    Judges the frames of one episode.

    :param robot: one of :data:`JUDGED`.
    :param first: ``uint8[H, W, 3]``, its first frame, which shows all parts.
    :raises ConfigError: another robot.
    """

    def __init__(self, robot: str, first: np.ndarray) -> None:
        if robot not in _RULES:
            raise ConfigError(f'robot: got {robot!r}, expected one of {", ".join(JUDGED)}')
        self._rule, self._robot = _RULES[robot], robot
        reference: Role = 'mark' if self._rule.kind == 'near' else 'object'
        self._place = self._find(reference, first)
        self._lasts = 0

    def is_done(self, frame: np.ndarray) -> bool:
        """Look at the next frame: whether this and the one before look done."""
        self._lasts = self._lasts + 1 if self._looks_done(frame) else 0
        return self._lasts >= _LASTING

    def is_ever_done(self, frames: Iterable[np.ndarray]) -> bool:
        """Look at all further frames, to the first that is done."""
        return any(map(self.is_done, frames))

    def _looks_done(self, frame: np.ndarray) -> bool:
        place = self._find('object', frame)
        if place is None or self._place is None:
            return False
        down, _ = place - self._place
        if self._rule.kind == 'lifted':
            return bool(-down > self._rule.distance)
        return bool(np.linalg.norm(place - self._place) < self._rule.distance)

    def _find(self, role: Role, frame: np.ndarray) -> np.ndarray | None:
        (part,) = (item for item in PARTS[self._robot] if item.role == role)
        return place_of(part, frame)
