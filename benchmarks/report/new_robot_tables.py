# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What it takes to teach the model a new robot, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from hma_ros.core.short_text import counted
from hma_ros.evaluation.markdown import (
    Column,
    Result,
    Table,
    interval,
    number,
    perplexity,
    results_table,
)
from hma_ros.evaluation.tables import right_tokens, wilson_interval


def the_day_table(results: Sequence[Result]) -> Table:
    """Tell how long each step from a new robot to a policy took, and what came of it."""
    columns: list[Column] = [
        ('step', lambda item: item['step']),
        ('seconds', lambda item: number(item['seconds'], 0)),
        ('result', _outcome),
        ('real-time factor', lambda item: f'{item.get("real_time_factor", "-")}'),
    ]
    return results_table(results, columns)


def transfer_table(results: Sequence[Result]) -> Table:
    """Compare models trained from pre-trained and from random weights."""
    columns: list[Column] = [
        ('data set', lambda item: item['robot']),
        ('began with', lambda item: item['start']),
        ('steps', lambda item: str(item['training_steps'])),
        ('perplexity', lambda item: perplexity(item.get('token_entropy_nats'))),
        ('tokens right, %', right_tokens),
        ('gain, dB [95 %]', lambda item: interval(item['changed_gain'])),
        ('delta PSNR, dB [95 %]', lambda item: interval(item['delta_changed'])),
        ('starts that succeed [95 %]', _succeeded),
    ]
    return results_table(results, columns)


def _succeeded(item: Result) -> str:
    if 'successes' not in item:
        return '-'
    low, high = wilson_interval(item['successes'], item['episodes'])
    return f'{item["successes"]} of {item["episodes"]} [{low:.0%}, {high:.0%}]'


def _outcome(item: Result) -> str:
    if 'successes' in item:
        return f'{item["successes"]} of {counted(item["episodes"], "episode")} succeeded'
    units = {'model_steps': 'steps', 'chunks': 'chunks', 'megabytes': 'MB'}
    counts = [f'{item[name]} {unit}' for name, unit in units.items() if name in item]
    if 'findings' in item:
        counts.append(f'{len(item["findings"])} findings')
    return ', '.join(counts) or ' '.join(item.get('options', ())) or '-'
