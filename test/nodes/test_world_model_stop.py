# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A node that is stopped does not wait for what nobody will look at."""

import threading
from types import SimpleNamespace

import pytest

from benchmarks.faults.processes import DEADLINE_S
from hma_ros.nodes.world_model_node import WorldModelNode
from hma_ros.ros.work_thread import WorkThread

pytestmark = pytest.mark.ros


def test_the_worker_is_told_to_end_before_it_is_waited_for() -> None:
    has_begun, is_closed, ended = threading.Event(), threading.Event(), list[bool]()

    def imagine() -> None:
        has_begun.set()
        ended.append(is_closed.wait(min(DEADLINE_S, 10.0)))

    node = SimpleNamespace(
        _loop=SimpleNamespace(close=is_closed.set, requests=SimpleNamespace(close=is_closed.set)),
        _worker=WorkThread(imagine, 1e6),
        _is_working=True,
    )
    assert has_begun.wait(DEADLINE_S)
    WorldModelNode.stop(node)  # type: ignore[arg-type]
    assert ended == [True]
