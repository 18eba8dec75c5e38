# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Results of prediction and closed loop as Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from hma_ros.evaluation.markdown import (
    Column,
    Result,
    Table,
    interval,
    number,
    perplexity,
    results_table,
)


def changed_table(results: Sequence[Result]) -> Table:
    """Compare one-step predictions over the pixels that really changed."""
    columns: list[Column] = [
        ('robot', lambda item: item['embodiment']),
        ('steps', lambda item: str(item['steps'])),
        ('pixels that changed', lambda item: f'{100 * item["changed_share"]:.1f} %'),
        ('imagined, dB', lambda item: number(item['changed']['imagined_db'])),
        ('last frame copied, dB', lambda item: number(item['changed']['copied_db'])),
        ('gain, dB [95 %]', lambda item: interval(item['changed_gain'])),
        ('delta PSNR, dB [95 %]', lambda item: interval(item['delta_changed'])),
        ('mean frame, dB', lambda item: number(item['mean_frame_changed_db'])),
        ('tokenizer alone, dB', lambda item: number(item['tokenizer_changed_db'])),
    ]
    return results_table(results, columns)


def whole_table(results: Sequence[Result]) -> Table:
    """Compare one-step predictions over whole frames, with and without the tokenizer's loss."""
    columns: list[Column] = [
        ('robot', lambda item: item['embodiment']),
        ('imagined, dB', lambda item: number(item['drawn']['imagined_db'])),
        ('copied, dB', lambda item: number(item['drawn']['copied_db'])),
        ('gain, dB', lambda item: number(item['drawn']['gain_db'], sign=True)),
        ('imagined, camera as truth, dB', lambda item: number(item['whole']['imagined_db'])),
        ('copied, camera as truth, dB', lambda item: number(item['whole']['copied_db'])),
        ('tokenizer alone, dB', lambda item: number(item['tokenizer_db'])),
        ('delta PSNR, dB [95 %]', lambda item: interval(item['delta_whole'])),
        ('perplexity', lambda item: perplexity(item.get('token_entropy_nats'))),
        ('tokens right, %', right_tokens),
    ]
    return results_table(results, columns)


def similarity_table(results: Sequence[Result]) -> Table:
    """Compare whole frames by SSIM and LPIPS, for each of two truths."""
    columns: list[Column] = [
        ('robot', lambda item: item['embodiment']),
        ('measure', lambda item: item['measure']),
        ('imagined', partial(_similarity, 'drawn_imagined')),
        ('copied', partial(_similarity, 'drawn_copied')),
        ('imagined, camera as truth', partial(_similarity, 'imagined')),
        ('copied, camera as truth', partial(_similarity, 'copied')),
        ('tokenizer alone', partial(_similarity, 'tokenizer')),
    ]
    lines = [
        {**item[name], 'embodiment': item['embodiment'], 'measure': name.upper()}
        for item in results
        for name in ('ssim', 'lpips')
        if item.get(name)
    ]
    return results_table(lines, columns)


def _similarity(frame: str, item: Result) -> str:
    # Older results have fewer keys.
    return number(item.get(frame), 3)


def right_tokens(item: Result) -> str:
    """Write the share of tokens predicted right, in per cent; a dash where not measured."""
    accuracy = item.get('token_accuracy')
    return '-' if accuracy is None else number(100 * accuracy, 1)


def horizon_table(results: Sequence[Result]) -> Table:
    """Gain of open-loop rollouts over copying, by steps ahead."""
    steps = max((len(item['horizon']) for item in results), default=0)
    header = ('robot', 'steps', *(f'+{step}' for step in range(1, steps + 1)))
    lines = (
        (item['embodiment'], str(item['horizon_steps']), *_gains(item, steps)) for item in results
    )
    return Table(header, tuple(lines))


# What `hma evaluate prediction` prints.
PREDICTION_TABLES: tuple[Callable[[Sequence[Result]], Table], ...] = (
    changed_table,
    whole_table,
    similarity_table,
    horizon_table,
)


def closed_loop_table(results: Sequence[Result]) -> Table:
    """Compare policies by their share of successful episodes."""
    header = ('robot', 'policy', 'successes', 'rate [95 %]', 'steps until success')
    lines = []
    for item in results:
        done, episodes = item['successes'], item['episodes']
        low, high = wilson_interval(done, episodes)
        lines.append(
            (
                item['task'],
                item['policy'],
                f'{done} of {episodes}',
                f'{done / episodes:.0%} [{low:.0%}, {high:.0%}]',
                number(item['mean_steps']),
            )
        )
    return Table(header, tuple(lines))


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """
    Bound a rate with 95 % confidence (Wilson 1927), sensible also for none and for all.

    :param trials: at least 1.
    """
    z = 1.96
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    spread = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials**2))
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _gains(item: Result, steps: int) -> list[str]:
    gains = [number(step['changed']['gain_db'], sign=True) for step in item['horizon']]
    return gains + ['-'] * (steps - len(gains))
