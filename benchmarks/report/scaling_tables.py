# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What pre-training, data and size gain (HMA, arXiv 2502.04296, sec. 4), as tables and charts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hma_ros.evaluation.chart import Axis, Points, line_chart
from hma_ros.evaluation.markdown import Column, Result, Table, number, perplexity, results_table

# What is varied: the axis of its chart.
_AXES = {
    'robots': Axis('robots trained on together'),
    'trajectories': Axis('trajectories of each robot', is_logarithmic=True),
    'parameters': Axis('parameters of the blocks, millions', is_logarithmic=True),
}


def scaling_table(results: Sequence[Result]) -> Table:
    """Show how well held-out frames of the robots that a model learned are predicted."""
    columns: list[Column] = [
        ('varied', lambda item: item['series']),
        ('robots', lambda item: str(item['robots'])),
        ('trajectories of each', lambda item: str(item['trajectories'])),
        ('parameters of the blocks, millions', lambda item: number(item['parameters'] / 1e6, 2)),
    ]
    for robot in _robots(results):
        columns.append((f'perplexity, {robot}', partial(_perplexity, robot)))
    columns.append((f'tokens right, {_robots(results)[0]}, %', _first_right))
    return results_table(results, columns)


def scaling_charts(results: Sequence[Result]) -> dict[str, str]:
    """SVG by file name, one of each quantity that was varied."""
    charts = {}
    for series in dict.fromkeys(item['series'] for item in results):
        chosen = [item for item in results if item['series'] == series]
        lines = {robot: _line(chosen, series, robot) for robot in _robots(results)}
        lines = {robot: line for robot, line in lines.items() if len(line) > 1}
        title, y_axis = f'Held-out log perplexity over {series}', Axis('nats per token')
        charts[f'scaling_{series}.svg'] = line_chart(title, _AXES[series], y_axis, lines)
    return charts


def _line(results: Sequence[Result], series: str, robot: str) -> Points:
    scale = 1e-6 if series == 'parameters' else 1.0
    return [
        (scale * item[series], item['token_entropy_nats'][robot])
        for item in results
        if robot in item['token_entropy_nats']
    ]


def _robots(results: Sequence[Result]) -> list[str]:
    """List all robots, those that every model learned first."""
    return list(dict.fromkeys(robot for item in results for robot in item['token_accuracy']))


def _perplexity(robot: str, item: Result) -> str:
    return perplexity(item['token_entropy_nats'].get(robot), short=True)


def _first_right(item: Result) -> str:
    return number(100 * next(iter(item['token_accuracy'].values())))
