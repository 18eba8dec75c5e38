# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Discrete and continuous HMA on the same data (HMA, arXiv 2502.04296, figure 7), as a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hma_ros.evaluation.markdown import Column, Result, Table, interval, number, results_table


def kinds_table(results: Sequence[Result]) -> Table:
    """Show how well each kind predicts each robot, and how fast."""
    columns: list[Column] = [
        ('robot', lambda item: item['robot']),
        ('kind', lambda item: item['kind']),
        ('parameters, millions', lambda item: number(item['parameters'] / 1e6, 2)),
        ('gain over copying, dB', lambda item: interval(item['gain'])),
        ('delta PSNR, dB', lambda item: interval(item['delta_psnr'])),
    ]
    for steps in results[0]['rollout_gain_db'] if results else ():
        columns += [
            (f'gain, {steps} ahead, dB', partial(_ahead, 'rollout_gain_db', steps, 1.0)),
            (f'all parts there, {steps} ahead, %', partial(_ahead, 'survival', steps, 100.0)),
        ]
    columns.append(('imagined frames/s', lambda item: number(item['frames_per_s'])))
    return results_table(sorted(results, key=lambda item: str(item['robot'])), columns)


def _ahead(name: str, steps: str, scale: float, item: Result) -> str:
    return number(scale * item[name][steps])
