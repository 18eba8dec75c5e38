# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A model that fell silent is named, and what this process did not hear is not held against it."""

from types import SimpleNamespace
from typing import Any

import pytest

from hma_ros.ros import heartbeat_watch, own_pauses
from hma_ros.ros.heartbeat_watch import HeartbeatWatch
from hma_ros.ros.own_pauses import OwnPauses

pytestmark = pytest.mark.ros


class Node:
    """A node that keeps what subscribes, and what is reported."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def subscribe(self, _kind: Any, _topic: str, callback: Any, _qos: Any) -> None:
        self.beat = lambda: callback(None)

    def warning(self, _what: str, text: str) -> None:
        self.said.append(text)

    def cleared(self, _what: str) -> None:
        self.said.clear()


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = SimpleNamespace(now_s=100.0)
    clock = SimpleNamespace(
        monotonic=lambda: made.now_s, clock_gettime=lambda _: made.now_s, CLOCK_BOOTTIME=7
    )
    for module in (heartbeat_watch, own_pauses):
        monkeypatch.setattr(module, 'time', clock)
    return made


def watched(limit_s: float = 0.5) -> tuple[Node, HeartbeatWatch]:
    node = Node()
    return node, HeartbeatWatch(node, 'beat', limit_s, node)  # type: ignore[arg-type]


def test_a_model_that_was_never_heard_is_not_missed_but_cannot_be_approved(steady: Any) -> None:
    _, watch = watched()
    steady.now_s += 10.0
    assert watch.look() is None
    assert not watch.is_silent
    assert watch.refusal() == (
        'approval: beat: got none yet, expected one every 0.5 s; start or activate the world '
        'model first'
    )


def test_a_silence_is_named_until_the_next_heartbeat(steady: Any) -> None:
    node, watch = watched()
    node.beat()
    steady.now_s += 0.4
    assert watch.look() is None
    assert watch.refusal() is None
    steady.now_s += 0.4
    assert watch.look() == 'beat: got none for 0.8 s'
    assert watch.is_silent
    assert 'beat: got none for 0.8 s' in str(watch.refusal())
    assert 'see the world model' in node.said[0]
    node.beat()
    assert watch.look() is None
    assert not watch.is_silent
    assert node.said == []


def test_without_a_limit_no_heartbeat_is_needed(steady: Any) -> None:
    node, watch = watched(0.0)
    assert watch.refusal() is None
    node.beat()
    steady.now_s += 100.0
    assert watch.look() is None


def test_time_in_which_this_process_did_not_run_is_no_silence(steady: Any) -> None:
    node, watch = watched()
    pauses = OwnPauses()
    node.beat()
    steady.now_s += 0.2
    assert pauses.look() == 0.0
    steady.now_s += 3.0
    paused_s = pauses.look()
    assert paused_s == pytest.approx(3.0)
    watch.excuse(paused_s)
    assert watch.look() is None
    # The silence before and after counts.
    steady.now_s += 0.4
    assert watch.look() == 'beat: got none for 0.6 s'
