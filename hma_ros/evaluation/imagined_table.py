# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Policies in imagined frames and in the simulator, as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hma_ros.evaluation.markdown import Column, Result, Table, number, results_table


def imagined_success_table(results: Sequence[Result]) -> Table:
    """Show how often each policy succeeds; correlations are over all policies of a robot."""
    columns: list[Column] = [
        *([('world', lambda item: item['world'])] if len(_worlds(results)) > 1 else []),
        ('robot', lambda item: item['robot']),
        ('policy', lambda item: item['policy']),
        ('episodes', lambda item: str(item['episodes'])),
        ('simulator, %', lambda item: _share(item, 'simulated')),
        ('simulator, as judged by its frames, %', lambda item: _share(item, 'seen')),
        ('imagined, %', lambda item: _share(item, 'imagined')),
        ('same outcome, %', lambda item: _share(item, 'agreed')),
        ('correlation', lambda item: number(_correlation(item, results), 2)),
    ]
    return results_table(results, columns)


def _share(item: Result, what: str) -> str:
    return number(100 * item[what] / item['episodes'], 0)


def _worlds(results: Sequence[Result]) -> set[str]:
    return {item['world'] for item in results}


def _correlation(of: Result, results: Sequence[Result]) -> float | None:
    """Pearson's, of simulated and imagined rates; None where either does not vary."""
    rates = [
        (item['simulated'] / item['episodes'], item['imagined'] / item['episodes'])
        for item in results
        if (item['world'], item['robot']) == (of['world'], of['robot'])
    ]
    simulated, imagined = np.array(rates).T
    if np.ptp(simulated) == 0 or np.ptp(imagined) == 0:
        return None
    return float(np.corrcoef(simulated, imagined)[0, 1])
