# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A node that is stopped does not wait for what nobody will look at, nor for what never ends."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.faults.processes import DEADLINE_S
from hma_ros.core.errors import InferenceError
from hma_ros.nodes import world_model_node
from hma_ros.nodes.world_model_node import WorldModelNode
from hma_ros.ros.work_thread import WorkThread

pytestmark = pytest.mark.ros


def working(imagine: Callable[[], None], close: Callable[[], None]) -> Any:
    """Return what stop and start use of a node, at work."""
    errors = list[str]()
    return SimpleNamespace(
        _loop=SimpleNamespace(close=close),
        _worker=WorkThread(imagine, 1e6),
        _hung=None,
        _is_working=True,
        errors=errors,
        get_logger=lambda: SimpleNamespace(error=errors.append),
    )


def test_the_worker_is_told_to_end_before_it_is_waited_for() -> None:
    has_begun, is_closed, ended = threading.Event(), threading.Event(), list[bool]()

    def imagine() -> None:
        has_begun.set()
        ended.append(is_closed.wait(min(DEADLINE_S, 10.0)))

    node = working(imagine, is_closed.set)
    assert has_begun.wait(DEADLINE_S)
    WorldModelNode.stop(node)
    assert ended == [True]
    assert node.errors == []


def test_a_model_that_hangs_is_left_and_not_started_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(world_model_node, '_STOP_S', 0.01)
    has_begun, answers = threading.Event(), threading.Event()

    def hang() -> None:
        has_begun.set()
        answers.wait(DEADLINE_S)
        # What a late answer meets in a node that was cleaned up.
        raise IndexError

    node = working(hang, lambda: None)
    assert has_begun.wait(DEADLINE_S)
    WorldModelNode.stop(node)
    assert 'model: got no answer within 0.01 s' in node.errors[0]
    with pytest.raises(InferenceError, match='a call that has not ended since'):
        WorldModelNode.start(node)
    answers.set()
    node._hung.close(DEADLINE_S)
    assert WorldModelNode.failure.fget(node) is None  # type: ignore[attr-defined]


def test_a_late_answer_publishes_nothing_once_the_node_is_stopped() -> None:
    """The publishers may be those of another configuration by then; this node has none."""
    node = SimpleNamespace(_is_working=False)
    step, chunk, frame = object(), np.zeros((2, 6), np.float32), np.zeros((8, 8, 3), np.uint8)
    for publish, results in (
        (WorldModelNode.chunk, (chunk,)),
        (WorldModelNode.longer_chunk, (chunk,)),
        (WorldModelNode.rollout, (frame, object())),
    ):
        publish(node, step, *results)  # type: ignore[operator]
