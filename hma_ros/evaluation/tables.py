# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Results as Markdown tables. A number that could not be measured is a dash."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from hma_ros.core.short_text import counted
from hma_ros.evaluation.conditioning_table import conditioning_table
from hma_ros.evaluation.decoding_table import decoding_table
from hma_ros.evaluation.fault_tables import faults_table, soak_table
from hma_ros.evaluation.imagined_table import imagined_success_table
from hma_ros.evaluation.kinds_table import kinds_table
from hma_ros.evaluation.long_horizon_table import (
    long_horizon_table,
    object_places_table,
    occlusion_table,
)
from hma_ros.evaluation.markdown import Column, Result, Table, interval, number, results_table
from hma_ros.evaluation.scaling_tables import scaling_table
from hma_ros.evaluation.speed_tables import (
    growth_table,
    limits_table,
    native_table,
    quality_table,
    speed_table,
    tokenizer_steps_table,
    tokenizers_table,
)


def changed_table(results: Sequence[Result]) -> Table:
    """Compare one-step predictions over the pixels that really changed."""
    columns: list[Column] = [
        ('robot', lambda item: item['embodiment']),
        ('steps', lambda item: str(item['steps'])),
        ('pixels that changed', lambda item: f'{100 * item["changed_share"]:.1f} %'),
        ('imagined, dB', lambda item: number(item['changed']['imagined_db'])),
        ('last frame copied, dB', lambda item: number(item['changed']['copied_db'])),
        ('gain, dB [95 %]', lambda item: interval(item['changed_gain'])),
        ('delta PSNR, dB [95 %]', lambda item: interval(item['delta_changed'])),
        ('mean frame, dB', lambda item: number(item['mean_frame_changed_db'])),
        ('tokenizer alone, dB', lambda item: number(item['tokenizer_changed_db'])),
    ]
    return results_table(results, columns)


def whole_table(results: Sequence[Result]) -> Table:
    """Compare one-step predictions over whole frames, with and without the tokenizer's loss."""
    columns: list[Column] = [
        ('robot', lambda item: item['embodiment']),
        ('imagined, dB', lambda item: number(item['drawn']['imagined_db'])),
        ('copied, dB', lambda item: number(item['drawn']['copied_db'])),
        ('gain, dB', lambda item: number(item['drawn']['gain_db'], sign=True)),
        ('imagined, camera as truth, dB', lambda item: number(item['whole']['imagined_db'])),
        ('copied, camera as truth, dB', lambda item: number(item['whole']['copied_db'])),
        ('tokenizer alone, dB', lambda item: number(item['tokenizer_db'])),
        ('delta PSNR, dB [95 %]', lambda item: interval(item['delta_whole'])),
        ('perplexity', _perplexity),
        ('tokens right, %', _right_tokens),
    ]
    return results_table(results, columns)


def similarity_table(results: Sequence[Result]) -> Table:
    """Compare whole frames by SSIM and LPIPS, for each of two truths."""
    columns: list[Column] = [
        ('robot', lambda item: item['embodiment']),
        ('measure', lambda item: item['measure']),
        ('imagined', partial(_similarity, 'drawn_imagined')),
        ('copied', partial(_similarity, 'drawn_copied')),
        ('imagined, camera as truth', partial(_similarity, 'imagined')),
        ('copied, camera as truth', partial(_similarity, 'copied')),
        ('tokenizer alone', partial(_similarity, 'tokenizer')),
    ]
    lines = [
        {**item[name], 'embodiment': item['embodiment'], 'measure': name.upper()}
        for item in results
        for name in ('ssim', 'lpips')
        if item.get(name)
    ]
    return results_table(lines, columns)


def _similarity(frame: str, item: Result) -> str:
    # Older results have fewer keys.
    return number(item.get(frame), 3)


def _perplexity(item: Result) -> str:
    entropy_nats = item.get('token_entropy_nats')
    return '-' if entropy_nats is None else number(math.exp(entropy_nats), 1)


def _right_tokens(item: Result) -> str:
    accuracy = item.get('token_accuracy')
    return '-' if accuracy is None else number(100 * accuracy, 1)


def horizon_table(results: Sequence[Result]) -> Table:
    """Gain of open-loop rollouts over copying, by steps ahead."""
    steps = max((len(item['horizon']) for item in results), default=0)
    header = ('robot', 'steps', *(f'+{step}' for step in range(1, steps + 1)))
    lines = (
        (item['embodiment'], str(item['horizon_steps']), *_gains(item, steps)) for item in results
    )
    return Table(header, tuple(lines))


def closed_loop_table(results: Sequence[Result]) -> Table:
    """Compare policies by their share of successful episodes."""
    header = ('robot', 'policy', 'successes', 'rate [95 %]', 'steps until success')
    lines = []
    for item in results:
        done, episodes = item['successes'], item['episodes']
        low, high = wilson_interval(done, episodes)
        lines.append(
            (
                item['task'],
                item['policy'],
                f'{done} of {episodes}',
                f'{done / episodes:.0%} [{low:.0%}, {high:.0%}]',
                number(item['mean_steps']),
            )
        )
    return Table(header, tuple(lines))


def latency_table(results: Sequence[Result]) -> Table:
    """Set how long things take against the time there is."""
    columns: list[Column] = [
        ('robot', lambda item: item['embodiment']),
        ('period, ms', lambda item: number(item['period_ms'], 0)),
        ('observe and act, ms: p50', lambda item: number(item['observe_act_ms']['p50'])),
        ('p95', lambda item: number(item['observe_act_ms']['p95'])),
        ('p99', lambda item: number(item['observe_act_ms']['p99'])),
        ('imagine a frame, ms: p50', lambda item: number(item['imagine_ms']['p50'])),
        ('p95', lambda item: number(item['imagine_ms']['p95'])),
        ('encode, ms', lambda item: number(item['encode_ms']['p50'])),
        ('decode, ms', lambda item: number(item['decode_ms']['p50'])),
    ]
    return results_table(results, columns)


def stream_table(results: Sequence[Result]) -> Table:
    """Show that the thousandth step costs what the first does."""
    columns: list[Column] = [
        ('robot', lambda item: item['embodiment']),
        ('steps streamed', lambda item: str(item['steps'])),
        ('first tenth, ms', lambda item: number(item['first_tenth_ms'])),
        ('last tenth, ms', lambda item: number(item['last_tenth_ms'])),
        ('memory, MiB', lambda item: number(item['memory_mib'], 0)),
        ('memory growth, MiB', lambda item: number(item['memory_growth_mib'], sign=True)),
    ]
    return results_table(results, columns)


def ros_table(results: Sequence[Result]) -> Table:
    """Follow a camera image through the nodes to an action."""
    stages = list(results[0]['stages_ms'])
    ends = 'image stamp to action'
    header = (
        'robot',
        'period, ms',
        'steps',
        'missed',
        'dropped',
        *(f'{stage}, ms: p50' for stage in stages),
        f'{ends}, ms: p95',
        'p99',
        'memory, MiB',
        'without a chunk, %',
        'if none is continued',
    )
    return Table(
        header,
        tuple(
            (
                item['embodiment'],
                number(item['period_ms'], 0),
                *(str(item[key]) for key in ('steps', 'missed_steps', 'dropped_steps')),
                *(number(item['stages_ms'][stage]['p50']) for stage in stages),
                *(number(item['stages_ms'][ends][key]) for key in ('p95', 'p99')),
                number(item['memory_mib'], 0),
                *(number(100.0 * item[key], 0) for key in ('holding', 'holding_alone')),
            )
            for item in results
        ),
    )


def data_import_table(results: Sequence[Result]) -> Table:
    """Tell how fast bags are imported."""
    columns: list[Column] = [
        ('what', lambda item: item['what']),
        ('per second of CPU time', lambda item: number(item['rate'], 0)),
    ]
    return results_table(results, columns)


def lerobot_reading_table(results: Sequence[Result]) -> Table:
    """Compare our readers of LeRobot data sets with LeRobot's own."""
    columns: list[Column] = [
        ('stored as', lambda item: item['stored']),
        ('reader', lambda item: item['reader']),
        ('frames', lambda item: str(item['frames'])),
        ('frames per second of CPU time', lambda item: number(item['rate'], 0)),
        ('least', lambda item: number(min(item['rates']), 0)),
        ('most', lambda item: number(max(item['rates']), 0)),
        ("pixels, difference to LeRobot's", lambda item: f'{item.get("image_difference", "-")}'),
        ('joints, actions', lambda item: f'{item.get("number_difference", "-")}'),
    ]
    return results_table(results, columns)


def import_memory_table(results: Sequence[Result]) -> Table:
    """Memory that the import of a large bag takes, early and late."""
    columns: list[Column] = [
        ('bag, GB', lambda item: number(item['gigabytes'])),
        ('steps', lambda item: str(item['steps'])),
        ('seconds', lambda item: number(item['seconds'], 0)),
        ('memory, MiB', lambda item: f'{item["first_mib"]:g} to {item["last_mib"]:g}'),
        ('at most, MiB', lambda item: number(item['most_mib'], 1)),
    ]
    return results_table(results, columns)


def the_day_table(results: Sequence[Result]) -> Table:
    """Tell how long each step from a new robot to a policy took, and what came of it."""
    columns: list[Column] = [
        ('step', lambda item: item['step']),
        ('seconds', lambda item: number(item['seconds'], 0)),
        ('result', _outcome),
        ('real-time factor', lambda item: f'{item.get("real_time_factor", "-")}'),
    ]
    return results_table(results, columns)


def state_rate_table(results: Sequence[Result]) -> Table:
    """Show the CPU time of each node by the rate of joint states and tool poses."""
    columns: list[Column] = [
        ('node', lambda item: item['node']),
        ('joint states and poses, Hz', lambda item: f'{item["state_hz"]:g}'),
        ('callback thread, % of a core', lambda item: f'{100 * item["ros_thread"]:.0f}'),
        ('process, % of a core', lambda item: f'{100 * item["process"]:.0f}'),
    ]
    return results_table(results, columns)


def transfer_table(results: Sequence[Result]) -> Table:
    """Compare models trained from pre-trained and from random weights."""
    columns: list[Column] = [
        ('data set', lambda item: item['robot']),
        ('began with', lambda item: item['start']),
        ('steps', lambda item: str(item['training_steps'])),
        ('perplexity', _perplexity),
        ('tokens right, %', _right_tokens),
        ('gain, dB [95 %]', lambda item: interval(item['changed_gain'])),
        ('delta PSNR, dB [95 %]', lambda item: interval(item['delta_changed'])),
        ('starts that succeed [95 %]', _succeeded),
    ]
    return results_table(results, columns)


def machines_table(machines: Mapping[str, Mapping[str, str]]) -> Table:
    """Describe machines by their names, a column for each."""
    facts = dict.fromkeys(fact for machine in machines.values() for fact in machine)
    lines = ((fact, *(machine.get(fact, '-') for machine in machines.values())) for fact in facts)
    return Table(('machine', *machines), tuple(lines))


# Tables of every kind of result, in the order in which they are shown.
TABLES: Mapping[str, tuple[Callable[[Sequence[Result]], Table], ...]] = {
    'prediction': (changed_table, whole_table, similarity_table, horizon_table),
    'long_horizon': (long_horizon_table,),
    'occlusion': (occlusion_table,),
    'object_places': (object_places_table,),
    'decoding': (decoding_table,),
    'closed_loop': (closed_loop_table,),
    'imagined_success': (imagined_success_table,),
    'latency': (latency_table, stream_table),
    'ros_latency': (ros_table,),
    'state_rate': (state_rate_table,),
    'speed': (speed_table,),
    'tokenizers': (tokenizers_table,),
    'tokenizer_steps': (tokenizer_steps_table,),
    'limits': (limits_table,),
    'native': (native_table,),
    'growth': (growth_table,),
    'quality': (quality_table,),
    'faults': (faults_table,),
    'soak': (soak_table,),
    'data_import': (data_import_table,),
    'import_memory': (import_memory_table,),
    'lerobot_reading': (lerobot_reading_table,),
    'the_day': (the_day_table,),
    'transfer': (transfer_table,),
    'scaling': (scaling_table,),
    'conditioning': (conditioning_table,),
    'kinds': (kinds_table,),
}


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """
    Bound a rate with 95 % confidence (Wilson 1927), sensible also for none and for all.

    :param trials: at least 1.
    """
    z = 1.96
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    spread = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials**2))
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _gains(item: Result, steps: int) -> list[str]:
    gains = [number(step['changed']['gain_db'], sign=True) for step in item['horizon']]
    return gains + ['-'] * (steps - len(gains))


def _succeeded(item: Result) -> str:
    if 'successes' not in item:
        return '-'
    low, high = wilson_interval(item['successes'], item['episodes'])
    return f'{item["successes"]} of {item["episodes"]} [{low:.0%}, {high:.0%}]'


def _outcome(item: Result) -> str:
    if 'successes' in item:
        return f'{item["successes"]} of {counted(item["episodes"], "episode")} succeeded'
    units = {'model_steps': 'steps', 'chunks': 'chunks', 'megabytes': 'MB'}
    counts = [f'{item[name]} {unit}' for name, unit in units.items() if name in item]
    if 'findings' in item:
        counts.append(f'{len(item["findings"])} findings')
    return ', '.join(counts) or ' '.join(item.get('options', ())) or '-'
