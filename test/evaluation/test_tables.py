# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Tables, intervals and charts against what can be worked out by hand."""

from xml.etree import ElementTree

import pytest

from benchmarks.report.fault_tables import faults_table
from benchmarks.report.latency_tables import ros_table
from hma_ros.evaluation.chart import Axis, line_chart
from hma_ros.evaluation.markdown import Table, interval, joined, number
from hma_ros.evaluation.tables import (
    closed_loop_table,
    similarity_table,
    wilson_interval,
)


def test_columns_line_up() -> None:
    assert str(Table(('name', 'n'), (('a', '1'), ('longer', '22')))) == (
        '| name   |  n |\n| ------ | -: |\n| a      |  1 |\n| longer | 22 |\n'
    )


def test_a_single_letter_header_still_has_a_rule() -> None:
    assert str(Table(('a', ''), (('b', 'x'),))).splitlines()[1] == '| - | : |'


def test_machines_stand_together_line_by_line() -> None:
    header = ('pass', 'ms')
    fast = Table(header, (('one', '1'), ('two', '2')))
    slow = Table(header, (('two', '9'), ('three', '7')))
    assert joined({'fast': fast, 'slow': slow}) == Table(
        ('pass', 'ms', 'machine'),
        (
            ('one', '1', 'fast'),
            ('two', '2', 'fast'),
            ('two', '9', 'slow'),
            ('three', '7', 'slow'),
        ),
    )


def test_a_machine_that_measured_fewer_columns_has_dashes() -> None:
    short, long = Table(('robot', '+1'), (('a', '3'),)), Table(('robot', '+1', '+2'), ())
    assert joined({'x': short, 'y': long}).lines == (('a', '3', '-', 'x'),)


def test_machines_that_say_the_same_are_not_told_apart() -> None:
    table = Table(('robot', 'dB'), (('a', '3.0'),))
    assert joined({'x': table, 'y': table}) == table


@pytest.mark.parametrize(
    ('value', 'sign', 'text'), [(1.26, False, '1.3'), (2.0, True, '+2.0'), (None, True, '-')]
)
def test_numbers(value: float | None, sign: bool, text: str) -> None:
    assert number(value, sign=sign) == text


def test_a_difference_carries_its_interval() -> None:
    item = {'mean_db': 3.14, 'low_db': -0.5, 'high_db': None}
    assert interval(item) == '+3.1 [-0.5, -]'


def test_each_measure_of_similarity_has_a_line_where_it_was_measured() -> None:
    camera = {'imagined': 0.1, 'copied': 0.2, 'tokenizer': 0.05}
    both = {**camera, 'drawn_imagined': 0.06, 'drawn_copied': 0.3}
    older = {'embodiment': 'a', 'ssim': camera, 'lpips': None}
    newer = {'embodiment': 'b', 'ssim': both, 'lpips': both}
    assert not similarity_table([{'embodiment': 'c'}]).lines
    assert similarity_table([older, newer]).lines == (
        ('a', 'SSIM', '-', '-', '0.100', '0.200', '0.050'),
        ('b', 'SSIM', '0.060', '0.300', '0.100', '0.200', '0.050'),
        ('b', 'LPIPS', '0.060', '0.300', '0.100', '0.200', '0.050'),
    )


def test_the_interval_of_a_rate() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263 and 0 of 20.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson_interval(20, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)


def test_policies_are_counted() -> None:
    item = {'task': 'sim_ur5e', 'policy': 'model', 'episodes': 20, 'successes': 0}
    (line,) = closed_loop_table([{**item, 'mean_steps': None}]).lines
    assert line[2:] == ('0 of 20', '0% [0%, 16%]', '-')


def test_a_chart_is_xml_with_one_line_for_each_series() -> None:
    chart = line_chart(
        'a < b', Axis('x'), Axis('y'), {'one': [(0, 1), (2, 3)], 'one again*': [(0, 2), (2, 2)]}
    )
    root = ElementTree.fromstring(chart)  # noqa: S314
    strokes = [item.get('stroke') for item in root.iter() if item.get('fill') == 'none']
    assert strokes == ['#0072b2'] * 4  # line and legend, and both again dashed
    assert sum(item.get('stroke-dasharray') is not None for item in root.iter()) == 2
    assert 'a < b' in [item.text for item in root.iter()]


def test_points_lie_where_their_values_are() -> None:
    chart = line_chart('t', Axis('x'), Axis('y', True), {'a': [(0, 1), (10, 100)]})
    # Powers of ten: 1 at the bottom, 100 at the top.
    assert 'M60.0 314.0L460.0 40.0' in chart


def test_an_even_line_and_a_single_point_can_be_drawn() -> None:
    for points in ([(0, 5), (1, 5)], [(3, 3)]):
        ElementTree.fromstring(line_chart('t', Axis('x'), Axis('y'), {'a': points}))  # noqa: S314


def test_an_empty_chart_is_refused() -> None:
    with pytest.raises(ValueError, match="chart 't': no points"):
        line_chart('t', Axis('x'), Axis('y'), {'a': []})


def test_the_way_of_an_image_through_the_nodes() -> None:
    times = {'p50': 4.0, 'p95': 6.0, 'p99': 9.0}
    item = {'embodiment': 'sim_planar', 'period_ms': 100.0, 'steps': 77, 'missed_steps': 1}
    stages = {'inference': times, 'image stamp to action': times}
    node = {'dropped_steps': 0, 'memory_mib': 180.4, 'holding': 0.084, 'holding_alone': 0.22}
    (cells,) = ros_table([{**item, **node, 'stages_ms': stages}]).lines
    assert cells == (
        *('sim_planar', '100', '77', '1', '0', '4.0', '4.0', '6.0', '9.0', '180', '8', '22'),
    )


def test_faults_are_set_with_the_worst_of_each_kind() -> None:
    fault = {
        'kind': 'state',
        'where': 'dds',
        'count': 12,
        'reaction_s': {'median': 0.21, 'max': None},
        'worst': {'velocity': 1.0, 'acceleration': 0.5, 'position': 0.25},
        'outside_limits': 0,
        'stale': 0,
        'unrecovered': 1,
    }
    (cells,) = faults_table([fault]).lines
    assert cells == (
        'state',
        'over DDS',
        '12',
        '210',
        '-',
        '1.000',
        '0.500',
        '0.250',
        '0',
        '0',
        '1',
    )
