# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Dataset aggregation (DAgger, arXiv 1011.0686): the policy acts and learns the expert's labels.

The caller runs the policy and stores the episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hma_ros.data.windows import TokenEpisode
from hma_ros.network.discrete import DiscreteHma
from hma_ros.training.heads import HeadFitter


@dataclass(frozen=True)
class Schedule:
    """
    How many iterations, and how long each head is trained.

    :param iterations: in which the policy acts.
    :param iteration_steps: optimiser steps of each head before an iteration.
    :param last_steps: optimiser steps of each head after the last iteration.
    """

    iterations: int
    iteration_steps: int
    last_steps: int


def split_of(iteration: int) -> str:
    """Name the episodes of an iteration, counted from 1."""
    return f'iteration_{iteration}'


def fit_heads(
    model: DiscreteHma,
    stems: Sequence[str],
    schedule: Schedule,
    tokens: Callable[[str, str], Sequence[TokenEpisode]],
    is_recorded: Callable[[str], bool],
    record: Callable[[int], None],
    report: Callable[[str, float], None],
) -> None:
    """
    Fit the action heads of a model in place, in iterations of DAgger.

    :param tokens: episodes of a stem and a split, ``train`` or :func:`split_of` an iteration.
    :param is_recorded: whether the episodes of a split exist already.
    :param record: runs the policy of the model for an iteration and writes the episodes.
    :param report: gets the stem and the mean error of its fitted head, normalized.
    """
    fitter = HeadFitter(model)
    _add(fitter, stems, tokens, 'train')
    for iteration in range(1, schedule.iterations + 1):
        if not is_recorded(split_of(iteration)):
            _fit(fitter, stems, schedule.iteration_steps, report)
            record(iteration)
        _add(fitter, stems, tokens, split_of(iteration))
    _fit(fitter, stems, schedule.last_steps, report)


def _add(
    fitter: HeadFitter,
    stems: Sequence[str],
    tokens: Callable[[str, str], Sequence[TokenEpisode]],
    split: str,
) -> None:
    for stem in stems:
        fitter.add(stem, tokens(stem, split))


def _fit(
    fitter: HeadFitter, stems: Sequence[str], steps: int, report: Callable[[str, float], None]
) -> None:
    for stem in stems:
        report(stem, fitter.fit(stem, steps))
