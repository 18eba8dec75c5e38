# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What became of injected faults, and what grew over hours, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from hma_ros.evaluation.markdown import Column, Result, Table, number, results_table

_WHERE = {'in_process': 'one process', 'dds': 'over DDS'}


def faults_table(results: Sequence[Result]) -> Table:
    """One line for each kind of fault, in process and over DDS."""

    def worst(name: str) -> Column:
        return f'{name}, of its limit', lambda item: number(item['worst'][name], 3)

    columns: list[Column] = [
        ('faults of', lambda item: item['kind']),
        ('where', lambda item: _WHERE[item['where']]),
        ('injected', lambda item: str(item['count'])),
        ('at rest after, ms: median', lambda item: _ms(item['reaction_s']['median'])),
        ('longest', lambda item: _ms(item['reaction_s']['max'])),
        worst('velocity'),
        worst('acceleration'),
        worst('position'),
        ('outside limits', lambda item: str(item['outside_limits'])),
        ('stale', lambda item: str(item['stale'])),
        ('not recovered', lambda item: str(item['unrecovered'])),
    ]
    return results_table(results, columns)


def soak_table(results: Sequence[Result]) -> Table:
    """Compare the first and the last measurement of a process."""

    def ends(header: str, name: str) -> Column:
        return header, lambda item: f'{item[name]["first"]:g} to {item[name]["last"]:g}'

    columns: list[Column] = [
        ('process', lambda item: item['process']),
        ('test', lambda item: item['of']),
        ('duration', lambda item: item['duration']),
        ends('memory, MiB', 'memory_mib'),
        ends('threads', 'threads'),
        ends('file descriptors', 'descriptors'),
        ('verdict', lambda item: item['verdict']),
    ]
    return results_table(results, columns)


def _ms(seconds: float | None) -> str:
    return number(None if seconds is None else 1e3 * seconds, 0)
