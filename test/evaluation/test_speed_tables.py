# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Speed, limits and growth as people read them."""

import pytest

from benchmarks.report.speed_tables import (
    duration,
    growth_charts,
    growth_table,
    limits_table,
    speed_table,
    tokenizer_steps_table,
)

GROWTH = {
    'name': 'growth_window',
    'section': 'growth',
    'windows': [4, 32],
    'seconds': [0.01, 0.03],
    'memory_mib': [1.0, 8.0],
}


@pytest.mark.parametrize(
    ('seconds', 'text'), [(4.256, '4.26 s'), (0.0123, '12.3 ms'), (2.5e-6, '2.5 µs')]
)
def test_a_duration_has_a_unit_that_suits_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_duel_says_who_won_by_how_much() -> None:
    duel = {
        'name': 'base_T12_fp32',
        'precision': 'fp32',
        'baseline_s': 4.0,
        'ours_s': 0.25,
        'ratio': 16.0,
        'worst_ratio': 14.0,
        'best_ratio': 18.0,
        'equal_tokens': 1.0,
    }
    (cells,) = speed_table([duel]).lines
    assert cells == (
        'base_T12_fp32',
        'fp32',
        '4 s',
        '250 ms',
        '16.0 x',
        '14.0 to 18.0',
        '100.0%',
    )


def test_a_step_says_how_many_frames_fit_in() -> None:
    step = {
        'name': 'step_bf16',
        'tokenizer_precision': 'bf16',
        'observe_s': 0.3,
        'imagine_s': 0.4,
        'interval_s': 0.5,
    }
    (cells,) = tokenizer_steps_table([step]).lines
    assert cells == ('bf16', '300 ms', '-', '400 ms', '700 ms', '500 ms', '0.50')
    (cells,) = tokenizer_steps_table([{**step, 'observe_s': 0.6}]).lines
    assert cells[-1] == '0.00'


def test_limits_name_where_the_time_goes() -> None:
    item = {
        'name': 'limits_base',
        'pass_s': 0.1,
        'gflop': 20.0,
        'gflop_per_s': 200.0,
        'peak_gflop_per_s': 500.0,
        'share_of_peak': 0.4,
        'weight_bytes': 1.4e8,
        'context_bytes': 2.3e8,
        'shares': {'attention': 0.75, 'the rest': 0.25},
    }
    (cells,) = limits_table([item]).lines
    assert cells[5:] == ('40%', '140', '230', '0%', '75%', '25%', '0%')


def test_growth_is_told_and_drawn() -> None:
    assert '3.00' in growth_table([GROWTH]).lines[0]
    charts = growth_charts([GROWTH])
    assert list(charts) == ['growth_window.svg']
    assert 'window, steps' in charts['growth_window.svg']
