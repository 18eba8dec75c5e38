# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Dataset aggregation (DAgger, arXiv 1011.0686): the policy acts, and learns what the expert says.

Who lets it act, and where episodes are, is the caller's business.
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
    How long it goes on.

    :param iterations: in which the policy acts.
    :param iteration_steps: optimiser steps of each head before one.
    :param last_steps: the same, after all.
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
    Fit the action heads of a model in place, with what the policy meets in some iterations.

    :param tokens: episodes of a stem and a split, ``train`` or :func:`split_of` an iteration.
    :param is_recorded: whether those of a split are there already.
    :param record: lets the policy of the model act in an iteration, and writes the episodes.
    :param report: is told the mean error of each head, normalized, when it was fitted.
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
