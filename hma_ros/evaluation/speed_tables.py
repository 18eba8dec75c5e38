# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Speed against the published algorithm, limits and growth, as tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hma_ros.evaluation.chart import Axis, line_chart
from hma_ros.evaluation.markdown import markdown_table, number

Result = Mapping[str, Any]

_DURATIONS = (('s', 1.0), ('ms', 1e3), ('µs', 1e6))


def speed_table(results: Sequence[Result]) -> str:
    """One line for each duel."""
    header = ('row', 'precision', 'baseline', 'ours', 'ratio', 'worst to best', 'equal tokens')
    return markdown_table(
        header,
        [
            (
                item['name'],
                str(item.get('precision', '-')),
                duration(item['baseline_s']),
                duration(item['ours_s']),
                f'{item["ratio"]:.1f} x',
                f'{item["worst_ratio"]:.1f} to {item["best_ratio"]:.1f}',
                f'{item["equal_tokens"]:.1%}' if 'equal_tokens' in item else '-',
            )
            for item in results
        ],
    )


def limits_table(results: Sequence[Result]) -> str:
    """How near a pass of one row is to the machine's limit, and where its time goes."""
    kinds = ('products with weights', 'attention', 'the rest')
    header = (
        'bundle',
        'pass',
        'GFLOP',
        'GFLOP/s',
        'peak GFLOP/s',
        'of peak',
        'weights, MB',
        'context, MB',
        *kinds,
    )
    return markdown_table(
        header,
        [
            (
                item['name'].removeprefix('limits_'),
                duration(item['pass_s']),
                number(item['gflop']),
                number(item['gflop_per_s'], 0),
                number(item['peak_gflop_per_s'], 0),
                f'{item["share_of_peak"]:.0%}',
                number(item['weight_bytes'] / 1e6, 0),
                number(item['context_bytes'] / 1e6, 0),
                *(f'{item["shares"].get(kind, 0):.0%}' for kind in kinds),
            )
            for item in results
        ],
    )


def growth_table(results: Sequence[Result]) -> str:
    """What each quantity does to time."""
    rows = [row for item in results for row in _growth_rows(item)]
    header = ('growth with', 'from', 'to', 'time, from', 'to', 'ratio', 'memory, MiB: from', 'to')
    return markdown_table(header, rows)


def growth_charts(results: Sequence[Result]) -> dict[str, str]:
    """SVG by file name, one of each quantity."""
    charts = {}
    for item in results:
        quantity, xs = _axis(item)
        seconds = item.get('seconds', item.get('tenths_s'))
        points = [(float(x), 1e3 * y) for x, y in zip(xs, seconds, strict=True)]
        title = f'Time over {quantity}'
        lines = {'measured': points}
        charts[f'{item["name"]}.svg'] = line_chart(title, Axis(quantity), Axis('ms'), lines)
    return charts


def quality_table(results: Sequence[Result]) -> str:
    """What samplers and integers cost in imagined pictures; brackets hold 95 % intervals."""
    header = (
        'model, sampler',
        'contexts',
        'one row ahead, dB',
        'difference, dB',
        'rollout, dB',
        'difference, dB',
        'energy score',
        'equal tokens',
        'frame, ms',
    )
    return markdown_table(
        header,
        [
            (
                f'{item["name"]}, {item["sampler"]}',
                str(item['contexts']),
                *(
                    _bounded(item[key], digits)
                    for key, digits in (
                        ('changed_db', 2),
                        ('difference_db', 2),
                        ('rollout_db', 2),
                        ('rollout_difference_db', 2),
                        ('energy_score', 3),
                    )
                ),
                f'{item["equal_tokens"]:.1%}' if 'equal_tokens' in item else '-',
                number(item['frame_ms'], 0),
            )
            for item in results
        ],
    )


def _bounded(value: Sequence[float], digits: int) -> str:
    middle, low, high = (number(item, digits) for item in value)
    return f'{middle} [{low}, {high}]'


def duration(seconds: float) -> str:
    """Write a duration in the unit that suits it."""
    for unit, factor in _DURATIONS:
        if seconds * factor >= 1:
            return f'{seconds * factor:.3g} {unit}'
    return f'{seconds * 1e6:.3g} µs'


def _growth_rows(item: Result) -> list[tuple[str, ...]]:
    quantity, xs = _axis(item)
    seconds = item.get('seconds', item.get('tenths_s'))
    first, last = seconds[0], seconds[-1]
    memory = item['memory_mib']
    return [
        (
            quantity,
            str(xs[0]),
            str(xs[-1]),
            duration(first),
            duration(last),
            f'{last / first:.2f}',
            *(number(value) for value in (memory[0], memory[-1])),
        )
    ]


def _axis(item: Result) -> tuple[str, Sequence[int]]:
    if item['name'] == 'growth_rows':
        tenth = item['rows'] // 10
        return 'rows streamed', [tenth * (index + 1) for index in range(10)]
    quantity = {
        'growth_horizon': ('horizon, frames', 'horizons'),
        'growth_candidates': ('candidates', 'candidates'),
        'growth_window': ('window, rows', 'windows'),
    }[item['name']]
    return quantity[0], item[quantity[1]]
