# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Speed against the published algorithm, limits and growth, as tables and charts."""

from __future__ import annotations

from collections.abc import Sequence

from hma_ros.evaluation.chart import Axis, line_chart
from hma_ros.evaluation.markdown import Column, Result, Table, number, results_table

_DURATIONS = (('s', 1.0), ('ms', 1e3), ('µs', 1e6))


def speed_table(results: Sequence[Result]) -> Table:
    """One line for each duel."""
    columns: list[Column] = [
        ('name', _of_kind),
        ('precision', lambda item: str(item.get('precision', '-'))),
        ('baseline', lambda item: duration(item['baseline_s'])),
        ('ours', lambda item: duration(item['ours_s'])),
        ('ratio', lambda item: f'{item["ratio"]:.1f} x'),
        ('worst to best', lambda item: f'{item["worst_ratio"]:.1f} to {item["best_ratio"]:.1f}'),
        ('equal tokens', _equal_tokens),
    ]
    return results_table(results, columns)


def tokenizers_table(results: Sequence[Result]) -> Table:
    """Compare frame tokenizers in OpenVINO, in bf16 and int8, with fp32 in onnxruntime."""
    columns: list[Column] = [
        ('graph', lambda item: item['name']),
        ('precision', lambda item: item['precision']),
        ('fp32, onnxruntime', lambda item: duration(item['baseline_s'])),
        ('OpenVINO', lambda item: duration(item['ours_s'])),
        ('ratio', lambda item: f'{item["ratio"]:.1f} x'),
        ('worst to best', lambda item: f'{item["worst_ratio"]:.1f} to {item["best_ratio"]:.1f}'),
        ('equal tokens', _equal_tokens),
        ('PSNR against fp32, dB', lambda item: number(item.get('psnr_db'))),
    ]
    return results_table(results, columns)


def tokenizer_steps_table(results: Sequence[Result]) -> Table:
    """Compare the duration of a step with the time between two steps."""
    columns: list[Column] = [
        ('tokenizer', lambda item: item['tokenizer_precision']),
        ('observe', lambda item: duration(item['observe_s'])),
        ('longest observe', _longest),
        ('imagine one frame', lambda item: duration(item['imagine_s'])),
        ('both', lambda item: duration(item['observe_s'] + item['imagine_s'])),
        ('between two steps', lambda item: duration(item['interval_s'])),
        ('imagined frames per step', lambda item: number(_frames_per_step(item), 2)),
    ]
    return results_table(results, columns)


def _longest(item: Result) -> str:
    longest_s = item.get('longest_observe_s')
    return '-' if longest_s is None else duration(longest_s)


def _frames_per_step(item: Result) -> float:
    left_s = item['interval_s'] - item['observe_s']
    return max(0.0, left_s / item['imagine_s'])


def _of_kind(item: Result) -> str:
    return ', '.join(filter(None, (item['name'], item.get('kind', ''))))


def native_table(results: Sequence[Result]) -> Table:
    """Compare the compiled library with onnxruntime, by instruction set."""
    columns: list[Column] = [
        ('what', lambda item: item['what']),
        ('precision', lambda item: item['precision']),
        ('instructions', lambda item: item['isa']),
        ('onnxruntime', lambda item: duration(item['onnxruntime_ms'] / 1e3)),
        ('compiled', lambda item: duration(item['ours_ms'] / 1e3)),
        ('gain', lambda item: f'{item["gain"]:.2f} x'),
        ('quartiles', lambda item: ' to '.join(f'{x:.2f}' for x in item['gain_quartiles'])),
    ]
    return results_table(results, columns)


def limits_table(results: Sequence[Result]) -> Table:
    """How near a pass of one step is to the machine's limit, and where its time goes."""

    def share(kind: str) -> Column:
        return kind, lambda item: f'{item["shares"].get(kind, 0):.0%}'

    columns: list[Column] = [
        ('bundle', lambda item: item['name'].removeprefix('limits_')),
        ('pass', lambda item: duration(item['pass_s'])),
        ('GFLOP', lambda item: number(item['gflop'])),
        ('GFLOP/s', lambda item: number(item['gflop_per_s'], 0)),
        ('peak GFLOP/s', lambda item: number(item['peak_gflop_per_s'], 0)),
        ('of peak', lambda item: f'{item["share_of_peak"]:.0%}'),
        ('weights, MB', lambda item: number(item['weight_bytes'] / 1e6, 0)),
        ('context, MB', lambda item: number(item['context_bytes'] / 1e6, 0)),
        *map(share, ('products with weights', 'attention', 'the rest', 'waiting')),
    ]
    return results_table(results, columns)


def growth_table(results: Sequence[Result]) -> Table:
    """What each quantity does to time."""
    header = ('growth with', 'from', 'to', 'time, from', 'to', 'ratio', 'memory, MiB: from', 'to')
    return Table(header, tuple(map(_growth, results)))


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


def quality_table(results: Sequence[Result]) -> Table:
    """What samplers and integers cost in imagined images; brackets hold 95 % intervals."""
    columns: list[Column] = [
        ('model, sampler', lambda item: f'{item["name"]}, {item["sampler"]}'),
        ('contexts', lambda item: str(item['contexts'])),
        ('one step ahead, dB', lambda item: _bounded(item['changed_db'], 2)),
        ('difference, dB', lambda item: _bounded(item['difference_db'], 2)),
        ('rollout, dB', lambda item: _bounded(item['rollout_db'], 2)),
        ('difference, dB', lambda item: _bounded(item['rollout_difference_db'], 2)),
        ('energy score', lambda item: _bounded(item['energy_score'], 3)),
        ('equal tokens', _equal_tokens),
        ('frame, ms', lambda item: number(item['frame_ms'], 0)),
    ]
    return results_table(results, columns)


def _equal_tokens(item: Result) -> str:
    return f'{item["equal_tokens"]:.1%}' if 'equal_tokens' in item else '-'


def _bounded(value: Sequence[float], digits: int) -> str:
    middle, low, high = (number(item, digits) for item in value)
    return f'{middle} [{low}, {high}]'


def duration(seconds: float) -> str:
    """Write a duration in the unit that suits it."""
    for unit, factor in _DURATIONS:
        if seconds * factor >= 1:
            return f'{seconds * factor:.3g} {unit}'
    return f'{seconds * 1e6:.3g} µs'


def _growth(item: Result) -> tuple[str, ...]:
    quantity, xs = _axis(item)
    seconds = item.get('seconds', item.get('tenths_s'))
    first, last = seconds[0], seconds[-1]
    memory = item['memory_mib']
    return (
        quantity,
        str(xs[0]),
        str(xs[-1]),
        duration(first),
        duration(last),
        f'{last / first:.2f}',
        *(number(value) for value in (memory[0], memory[-1])),
    )


def _axis(item: Result) -> tuple[str, Sequence[int]]:
    if item['name'] == 'growth_steps':
        tenth = item['steps'] // 10
        return 'steps streamed', [tenth * (index + 1) for index in range(10)]
    quantity = {
        'growth_horizon': ('horizon, frames', 'horizons'),
        'growth_candidates': ('candidates', 'candidates'),
        'growth_window': ('window, steps', 'windows'),
    }[item['name']]
    return quantity[0], item[quantity[1]]
