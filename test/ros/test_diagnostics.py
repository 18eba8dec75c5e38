# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Warnings and errors are told, not shouted, and each ends by itself."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.faults.processes import DEADLINE_S
from hma_ros.ros import diagnostics
from hma_ros.ros.diagnostics import ERROR, OK, WARN, Diagnostics


class Node:
    """Records what a node would log and publish; ``now_s`` is its steady clock."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.sent: list[Any] = []
        self.now_s = 100.0

    def publisher(self, *_arguments: object) -> Any:
        return SimpleNamespace(publish=self.sent.append)

    def get_logger(self) -> Any:
        add = self.log.append
        return SimpleNamespace(error=add, warning=add, info=add)

    def get_fully_qualified_name(self) -> str:
        return '/node'

    def get_clock(self) -> Any:
        from rclpy.clock import Clock

        return Clock()


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node()
    monkeypatch.setattr(diagnostics, 'time', SimpleNamespace(monotonic=lambda: made.now_s))
    return made


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Have threads take turns as often as they can."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before_s)


def test_threads_may_report_at_once_and_nothing_is_lost(node: Node, hasty_threads: None) -> None:
    told, number = Diagnostics(node, 'robot'), 3000

    def report(name: str) -> None:
        for index in range(number):
            # Ever new texts, some of which are logged.
            node.now_s += 1.0
            told.warning('missed steps', name + 'x' * (index % 400))
            told.latency(f'{name}{index % 50}', 0.0)
            told.success('steps', *['missed steps'] * (index % 7 == 0))
            if index % 100 == 0:
                told.publish({})

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(report, 'abc'))
    assert told.counts == {'missed steps': 3 * number, 'steps': 3 * number}
    assert sum(map(len, told.latencies.values())) == 3 * number


def test_a_text_is_logged_while_other_threads_may_report(node: Node) -> None:
    told = Diagnostics(node, 'robot')

    def log(_text: str) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(told.count, 'logged').result(timeout=DEADLINE_S)

    node.log = SimpleNamespace(append=log)  # type: ignore[assignment]
    told.error('refused chunks', 'refused')
    told.cleared('refused chunks')
    assert told.counts['logged'] == 2


def test_what_lasts_is_told_once_however_its_numbers_change(node: Node) -> None:
    told = Diagnostics(node, 'robot')
    for index in range(1000):
        node.now_s = 100.0 + index
        told.error('refused chunks', f'a stamp {index * 1e-3:.3f} s old')
        told.error('bad states', 'no joint 1')
    assert node.log == ['a stamp 0.000 s old', 'no joint 1']
    assert told.counts['refused chunks'] == 1000


def test_what_lasts_is_counted_once_and_its_newest_text_is_published(node: Node) -> None:
    told = Diagnostics(node, 'robot')
    for silence in ('none for 6 s', 'none for 7 s', None, None, 'none for 6 s', 'none for 9 s'):
        node.now_s += 10.0
        told.lasting('camera timeouts', silence)
    told.publish({})
    assert node.log == ['none for 6 s', 'cleared: camera timeouts', 'none for 6 s']
    assert told.counts['camera timeouts'] == 2
    assert node.sent[-1].status[0].message == 'none for 9 s'


def test_what_goes_to_and_fro_is_told_once(node: Node) -> None:
    told = Diagnostics(node, 'robot')
    for _ in range(100):
        for text in ('waiting: no measured state', 'waiting: stale'):
            node.now_s += 7.0
            told.note('no motion', text, WARN)
    assert node.log == ['waiting: no measured state', 'waiting: stale']
    told.cleared('no motion')
    node.now_s += 7.0
    told.note('no motion', 'waiting: stale', WARN)
    assert node.log[2:] == ['cleared: no motion', 'waiting: stale']


def test_what_begins_again_and_again_is_told_every_five_seconds(node: Node) -> None:
    told = Diagnostics(node, 'robot')
    for index in range(100):
        node.now_s = 100.0 + index * 0.11
        told.error('refused chunks', 'refused')
        told.success('accepted chunks', 'refused chunks')
    assert node.log == ['refused', 'cleared: refused chunks'] * 3


def test_ever_new_texts_are_throttled_and_cost_no_memory(node: Node) -> None:
    told = Diagnostics(node, 'robot')
    for index in range(2000):
        node.now_s = 100.0 + index
        told.error('bad states', 'x' * (index % 400))
    assert 1000 < len(node.log) < 1300
    assert len(told._logged_s['bad states']) <= 50


def test_what_is_logged_elsewhere_is_kept_and_not_logged(node: Node) -> None:
    told = Diagnostics(node, 'robot')
    told.keep('no motion', 'stopped: emergency stop', WARN)
    told.publish({})
    told.cleared('no motion')
    told.publish({})
    assert [message.status[0].message for message in node.sent] == [
        'stopped: emergency stop',
        'ok',
    ]
    assert node.log == []


def test_a_success_ends_its_own_kind_only(node: Node) -> None:
    told = Diagnostics(node, 'robot')
    told.warning('holding', 'held')
    told.error('refused chunks', 'refused')
    told.publish({})
    told.success('accepted chunks', 'refused chunks')
    told.publish({})
    told.cleared('holding')
    told.publish({})
    states = [(message.status[0].level, message.status[0].message) for message in node.sent]
    assert states == [(ERROR, 'refused; held'), (WARN, 'held'), (OK, 'ok')]
    assert node.log == ['held', 'refused', 'cleared: refused chunks', 'cleared: holding']


def test_the_end_is_told_once_for_each_beginning_that_was_told(node: Node) -> None:
    told = Diagnostics(node, 'robot')
    for _ in range(100):
        told.error('refused chunks', 'refused')
        told.success('accepted chunks', 'refused chunks')
        told.success('accepted chunks', 'refused chunks')
    assert node.log == ['refused', 'cleared: refused chunks']


def test_advice_that_two_warnings_share_is_published_once(node: Node) -> None:
    told = Diagnostics(node, 'robot')
    told.warning('late steps', 'too slow: 2.0 s behind; use another provider')
    told.warning('skipped steps', 'too slow: 0.6 s for a step; use another provider')
    told.publish({})
    assert node.sent[-1].status[0].message == (
        'too slow: 2.0 s behind; use another provider; too slow: 0.6 s for a step'
    )
