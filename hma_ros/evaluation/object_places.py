# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where objects are in true frames as the frame tokenizer draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hma_ros.evaluation.long_horizon import Rollouts
from hma_ros.evaluation.scene_parts import PARTS

# A pixel of 64.
_NEAR_PX = 1.0


@dataclass(frozen=True)
class ObjectPlaces:
    """
    The object of a robot in all judged frames that show it.

    :param frames: whose true image shows it.
    :param shown: share of them in which the tokenizer draws 50 to 200 % of its area.
    :param near: share of these in which it is within a pixel of 64 of its true place.
    :param error_px: median distance [px of 64].
    :param largest_error_px: 95th percentile of the distance [px of 64].

    Shares and distances are NaN where nothing is there to judge.
    """

    robot: str
    frames: int
    shown: float
    near: float
    error_px: float
    largest_error_px: float


def object_places_of(measured: Sequence[Rollouts]) -> ObjectPlaces:
    """Find the object in all frames of the rollouts of one robot."""
    robot = measured[0].robot
    thing = [part.role for part in PARTS[robot]].index('object')
    every = [
        item.parts[thing]
        for rollouts in measured
        for judged in rollouts.judged
        for item in judged.drawn
    ]
    seen = [item for item in every if item.is_visible]
    errors = np.array([item.error for item in seen if item.is_alive])
    middle, largest = np.quantile(errors, [0.5, 0.95]) if errors.size else (np.nan, np.nan)
    return ObjectPlaces(
        robot,
        len(seen),
        len(errors) / len(seen) if seen else float('nan'),
        float((errors <= _NEAR_PX).mean()) if errors.size else float('nan'),
        float(middle),
        float(largest),
    )
