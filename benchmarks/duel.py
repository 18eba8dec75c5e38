# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Two ways of doing the same, timed in turns in one process, so that both meet the same noise."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Duel:
    """
    Durations in seconds, one of each side per round.

    :param ours_s: median of our rounds.
    :param baseline_s: median of the baseline's.
    :param ratio: of the two.
    :param worst_ratio: of the round in which we looked worst.
    :param best_ratio: of that in which we looked best.
    :param rounds: how many.
    """

    ours_s: float
    baseline_s: float
    ratio: float
    worst_ratio: float
    best_ratio: float
    rounds: int


def duel(
    ours: Callable[[], object],
    baseline: Callable[[], object],
    rounds: int,
    repeats: int = 1,
    warm_up_baseline: bool = True,
    units: int = 1,
) -> Duel:
    """
    Time both in turns, after one run of each that does not count.

    :param repeats: runs of ours per round, of which the mean counts: the faster side needs more.
    :param units: how many of what the baseline does one run of ours does.
    """
    ours()
    if warm_up_baseline:
        baseline()
    pairs = [(seconds(ours, repeats) / units, seconds(baseline)) for _ in range(rounds)]
    ours_s, baseline_s = (np.array(side) for side in zip(*pairs, strict=True))
    ratios = baseline_s / ours_s
    middle = float(np.median(ours_s)), float(np.median(baseline_s))
    return Duel(*middle, middle[1] / middle[0], float(ratios.min()), float(ratios.max()), rounds)


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Mean duration of some runs."""
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def entry(name: str, result: Duel, **more: Any) -> dict[str, Any]:
    """Return a line of the results."""
    return {'name': name, 'section': 'speed', **vars(result), **more}
