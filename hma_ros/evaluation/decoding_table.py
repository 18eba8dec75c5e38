# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the options of decoding do to long rollouts, as a table."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import partial
from statistics import fmean

from hma_ros.evaluation.markdown import Column, Result, Table, number, results_table


def decoding_table(results: Sequence[Result]) -> Table:
    """Show each choice in a line, as the mean over robots and kinds of actions."""
    groups: dict[str, list[Result]] = {}
    for item in results:
        groups.setdefault(str(item['settings']), []).append(item)
    names = list(results[0]['settings']) if results else []
    steps = sorted({item['steps'] for item in results})
    # A robot without a value for one choice is left out for all choices.
    missing = {(_place(item), key) for item in results for key in item if item[key] is None}
    columns: list[Column] = [(name, partial(_setting, name)) for name in names]
    columns.append(('rollouts', _rollouts))
    for title, name, scale, digits in (
        ('all parts there, %', 'survival', 100.0, 0),
        ('tool error, px of 64', 'tool_error_px', 1.0, 1),
        ('object error, px of 64', 'object_error_px', 1.0, 1),
        ('gain, dB', 'gain_db', 1.0, 1),
    ):
        columns += [
            (f'{title}: {ahead} ahead', partial(_mean, missing, name, scale, digits, ahead))
            for ahead in steps
        ]
    return results_table([{'items': items} for items in groups.values()], columns)


def _setting(name: str, group: Result) -> str:
    return f'{group["items"][0]["settings"][name]:g}'


def _rollouts(group: Result) -> str:
    items = group['items']
    return str(sum(item['episodes'] for item in items if item['steps'] == items[0]['steps']))


def _place(item: Result) -> tuple[str, str, int]:
    return item['robot'], item['actions'], item['steps']


def _mean(
    missing: Container[object], name: str, scale: float, digits: int, steps: int, group: Result
) -> str:
    """Average over the robots and actions for which every choice has a value."""
    values = [
        item[name]
        for item in group['items']
        if item['steps'] == steps and (_place(item), name) not in missing
    ]
    return number(scale * fmean(values) if values else None, digits)
