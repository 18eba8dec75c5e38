# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the options of decoding do to long rollouts, as a table."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import partial
from statistics import fmean

from hma_ros.evaluation.markdown import Column, Result, Table, number, results_table


def decoding_table(results: Sequence[Result]) -> Table:
    """Show each choice so many steps ahead, as the mean over robots and kinds of actions."""
    groups: dict[tuple[str, int], list[Result]] = {}
    for item in results:
        groups.setdefault((str(item['settings']), item['steps']), []).append(item)
    # A robot without a value for one choice is left out for all choices.
    missing = {(_place(item), key) for item in results for key in item if item[key] is None}
    names = list(results[0]['settings']) if results else []
    columns: list[Column] = [(name, partial(_setting, name)) for name in names]
    columns += [
        ('steps', lambda group: str(group['items'][0]['steps'])),
        ('rollouts', lambda group: str(sum(item['episodes'] for item in group['items']))),
        ('all parts there, %', partial(_mean, missing, 'survival', 100.0, 0)),
        ('tool there, %', partial(_mean, missing, 'tool_survival', 100.0, 0)),
        ('object there, %', partial(_mean, missing, 'object_survival', 100.0, 0)),
        ('tool error, px of 64', partial(_mean, missing, 'tool_error_px', 1.0, 1)),
        ('object error, px of 64', partial(_mean, missing, 'object_error_px', 1.0, 1)),
        ('gain, dB', partial(_mean, missing, 'gain_db', 1.0, 1)),
    ]
    return results_table([{'items': items} for items in groups.values()], columns)


def _setting(name: str, group: Result) -> str:
    return f'{group["items"][0]["settings"][name]:g}'


def _place(item: Result) -> tuple[str, str, int]:
    return item['robot'], item['actions'], item['steps']


def _mean(missing: Container[object], name: str, scale: float, digits: int, group: Result) -> str:
    """Average over the robots and actions for which every choice has a value."""
    values = [item[name] for item in group['items'] if (_place(item), name) not in missing]
    return number(scale * fmean(values) if values else None, digits)
