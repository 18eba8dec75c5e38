# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How long steps take, alone and through the ROS nodes, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from hma_ros.evaluation.markdown import Column, Result, Table, number, results_table


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


def state_rate_table(results: Sequence[Result]) -> Table:
    """Show the CPU time of each node by the rate of joint states and tool poses."""
    columns: list[Column] = [
        ('node', lambda item: item['node']),
        ('joint states and poses, Hz', lambda item: f'{item["state_hz"]:g}'),
        ('callback thread, % of a core', lambda item: f'{100 * item["ros_thread"]:.0f}'),
        ('process, % of a core', lambda item: f'{100 * item["process"]:.0f}'),
    ]
    return results_table(results, columns)
