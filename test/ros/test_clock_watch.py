# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Two simulations on one clock are named, and so is a clock that stands."""

from types import SimpleNamespace
from typing import Any

import pytest

from hma_ros.ros import clock_watch
from hma_ros.ros.clock_watch import ClockWatch

pytestmark = pytest.mark.ros


class Node:
    """A node whose clock, publishers and reports are those of the test."""

    def __init__(self, is_simulated: bool = True) -> None:
        self.time_ns, self.publishers, self.is_simulated = 1, 1, is_simulated
        self.said: dict[str, str | None] = {}

    def now_ns(self) -> int:
        return self.time_ns

    def count_publishers(self, topic: str) -> int:
        assert topic == '/clock'
        return self.publishers

    def get_parameter(self, name: str) -> Any:
        assert name == 'use_sim_time'
        return SimpleNamespace(value=self.is_simulated)

    def note(self, what: str, text: str | None, _level: bytes = b'') -> None:
        self.said[what] = text

    lasting = note


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(clock_watch, 'time', SimpleNamespace(monotonic=lambda: made.now_s))
    return made


def test_two_simulations_on_one_clock_are_named(steady: Any) -> None:
    node = Node()
    watch = ClockWatch(node, node)  # type: ignore[arg-type]
    watch.look()
    assert node.said['clocks'] is None
    node.publishers = 2
    watch.look()
    assert 'got 2 publishers, expected 1; give each simulation its own' in str(node.said['clocks'])


def test_a_clock_that_stands_is_named_once_it_should_run(steady: Any) -> None:
    node = Node()
    watch = ClockWatch(node, node)  # type: ignore[arg-type]
    steady.now_s += 1.0
    watch.moved()
    steady.now_s += 3.0
    watch.look()
    assert node.said['clock stands'] == '/clock: got no time for 3 s, expected it to run'
    watch.moved()
    watch.look()
    assert node.said['clock stands'] is None


def test_without_simulated_time_there_is_nothing_to_watch(steady: Any) -> None:
    node = Node(is_simulated=False)
    node.publishers, node.time_ns = 3, 0
    watch = ClockWatch(node, node)  # type: ignore[arg-type]
    steady.now_s += 60.0
    watch.look()
    assert node.said == {'clock stands': None, 'clocks': None}
