# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Ways to condition on actions (HMA, arXiv 2502.04296, figure 5), as a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hma_ros.evaluation.markdown import Column, Result, Table, number, perplexity, results_table


def conditioning_table(results: Sequence[Result]) -> Table:
    """Show how well held-out frames are predicted, and how much that depends on the action."""
    columns: list[Column] = [
        ('conditioning', lambda item: item['variant']),
        ('parameters of the blocks, millions', lambda item: number(item['parameters'] / 1e6, 2)),
    ]
    robots = list(dict.fromkeys(robot for item in results for robot in item['token_accuracy']))
    for robot in robots:
        columns += [
            (f'perplexity, {robot}', partial(_perplexity, robot)),
            (f'tokens right, {robot}, %', partial(_right, robot)),
            (f'nats lost with another action, {robot}', partial(_lost, robot)),
        ]
    return results_table(results, columns)


def _perplexity(robot: str, item: Result) -> str:
    return perplexity(item['token_entropy_nats'][robot], short=True)


def _right(robot: str, item: Result) -> str:
    return number(100 * item['token_accuracy'][robot])


def _lost(robot: str, item: Result) -> str:
    lost = item['token_entropy_other_actions_nats'][robot] - item['token_entropy_nats'][robot]
    return number(lost, 2)
