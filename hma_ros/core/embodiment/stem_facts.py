# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a stem takes and the robot that it serves, from training to the bundle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment.joint_motion import joints_after
from hma_ros.core.embodiment.stem_spec import StemSpec, read_stem


@dataclass(frozen=True)
class StemFacts:
    """
    What a stem takes.

    :param name: of the stem.
    :param stride: low-level actions in the chunk of a step.
    :param mean: per number of a low-level action, units of the data set.
    :param std: likewise.
    :param robot: the robot that it serves, whose units are those of the data set; None of a stem
        that is not meant for a robot.
    """

    name: str
    stride: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    robot: StemSpec | None = None

    @property
    def width(self) -> int:
        """Numbers of a low-level action."""
        return len(self.mean)

    @property
    def chunk_size(self) -> int:
        """Numbers in the chunk of a step."""
        return self.stride * self.width

    def limit(self, chunk_BX: NDArray[np.float32]) -> NDArray[np.float32]:
        """Clip chunks to the action bounds of the robot; beyond them a head extrapolates."""
        if self.robot is None:
            return chunk_BX
        steps = self.robot.actions_of(chunk_BX.reshape(len(chunk_BX), self.stride, -1))
        limited = steps.clip(self.robot.lower, self.robot.upper).astype(np.float32)
        return self.robot.numbers_of(limited).reshape(chunk_BX.shape)

    def moved(
        self, joints_BJ: NDArray[np.float32] | None, chunk_BX: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """Return the joints after a chunk; None if they, or how it moves them, are unknown."""
        if joints_BJ is None or self.robot is None or self.robot.joint_motion == 'unknown':
            return None
        steps = chunk_BX.reshape(len(chunk_BX), self.stride, -1)
        return joints_after(self.robot.joint_motion, joints_BJ, steps)

    def anchor_after(
        self, anchor_BK: NDArray[np.float32] | None, chunk_BX: NDArray[np.float32] | None
    ) -> NDArray[np.float32] | None:
        """Return the anchor after a chunk; None if either is unknown, or the stem has no robot."""
        if anchor_BK is None or chunk_BX is None or self.robot is None:
            return None
        return self.robot.anchor_after(anchor_BK, chunk_BX)


def read_stem_facts(name: str, facts: Mapping[str, Any]) -> StemFacts:
    """
    Read what :func:`stem_entry` wrote.

    :raises KeyError: a fact is missing.
    :raises TypeError: a fact is of another type.
    :raises ValueError: a fact is out of range, or the robot does not fit the stem.
    """
    robot = None if facts.get('robot') is None else read_stem(facts['robot'])
    stem = StemFacts(name, facts['stride'], tuple(facts['mean']), tuple(facts['std']), robot)
    if type(stem.stride) is not int or stem.stride < 1 or len(stem.mean) != len(stem.std):
        raise ValueError(
            f'stride {stem.stride!r}, {len(stem.mean)} mean and {len(stem.std)} std, expected a '
            'stride of at least 1 and as many std as mean'
        )
    if strange := [item for item in (*stem.mean, *stem.std) if not math.isfinite(item)]:
        raise ValueError(f'mean or std {strange[0]}, expected finite numbers')
    if robot is not None and (robot.stride, robot.width) != (stem.stride, stem.width):
        raise ValueError(
            f'robot {robot.embodiment} of {robot.width} numbers x stride {robot.stride}, '
            f'expected {stem.width} x {stem.stride} as the stem has'
        )
    return stem


def stem_entry(stem: StemFacts) -> dict[str, Any]:
    """Return a stem's facts for a file that lists stems by name."""
    return {key: value for key, value in asdict(stem).items() if key != 'name'}
