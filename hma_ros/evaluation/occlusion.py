# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether an object that was occluded for a while is where it was, in rollouts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import counted
from hma_ros.evaluation.long_horizon import Rollouts
from hma_ros.evaluation.scene_parts import PARTS, Seen

# How far from its true place an object may come back [px of 64].
_NEAR_PX = 2.0


@dataclass(frozen=True)
class Occlusion:
    """
    Objects that come back into sight.

    :param actions: whose.
    :param occluded: least number of steps for which they are occluded in the truth.
    :param cases: in all rollouts.
    :param kept: share of the cases in which the imagined object has 50 to 200 % of its true area,
        within 2 px of its true place, when the truth shows it again; NaN without any.
    :param kept_drawn: the same of the true frames as the tokenizer draws them.
    """

    robot: str
    actions: str
    occluded: int
    cases: int
    kept: float
    kept_drawn: float


def occlusion_of(rollouts: Rollouts, occluded: int) -> Occlusion:
    """
    Find the objects that come back in all rollouts.

    An object is occluded when the truth shows less than half of it, see
    :class:`~hma_ros.evaluation.scene_parts.Seen`; cases begin with an object in sight.

    If only every Nth frame is judged, the object must be occluded in enough consecutive ones to
    span these steps.

    :param occluded: steps; with more than :func:`check_occluded` allows there are no cases.
    :raises ConfigError: fewer than 1.
    """
    if occluded < 1:
        raise ConfigError(f'occluded: got {occluded}, expected at least 1 step')
    frames = 1 - (1 - occluded) // rollouts.every
    thing = [part.role for part in PARTS[rollouts.robot]].index('object')
    imagined, drawn = list[bool](), list[bool]()
    for judged in rollouts.judged:
        truth = [item.parts[thing] for item in judged.imagined]
        for moment in returns([seen.is_visible for seen in truth], frames):
            imagined.append(_is_back(truth[moment]))
            drawn.append(_is_back(judged.drawn[moment].parts[thing]))
    shares = [float(np.mean(found)) if found else float('nan') for found in (imagined, drawn)]
    return Occlusion(rollouts.robot, rollouts.actions, occluded, len(imagined), *shares)


def check_occluded(occluded: int, horizon: int, every: int) -> None:
    """
    Refuse what no rollout can show: the object is in sight before and after.

    :param horizon: steps of the rollouts.
    :param every: only every Nth frame is judged.
    :raises ConfigError: fewer than 1 step, or too many.
    """
    most = (horizon // every - 3) * every + 1
    if not 1 <= occluded <= most:
        expected = f'1 to {most}' if most > 0 else 'longer rollouts, of 3 judged frames or more'
        raise ConfigError(
            f'occluded: got {occluded} with rollouts of {counted(horizon, "step")}, expected '
            f'{expected}; the object is in sight before and after'
        )


def returns(visible: Sequence[bool], occluded: int) -> Iterator[int]:
    """Yield the moments in which something is seen again after being occluded for so many."""
    last: int | None = None
    for moment, is_seen in enumerate(visible):
        if not is_seen:
            continue
        if last is not None and moment - last > occluded:
            yield moment
        last = moment


def _is_back(seen: Seen) -> bool:
    return seen.is_alive and seen.error <= _NEAR_PX
