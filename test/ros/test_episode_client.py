# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whoever runs episodes resumes an arm that was pushed away, and leaves every other stop alone."""

import threading
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger

from hma_ros.core.control.decision import AWAY
from hma_ros.ros.episode_client import EpisodeClient
from hma_ros.ros.qos import REPORT
from hma_ros.ros.stamps import to_stamp

pytestmark = pytest.mark.ros


class Nodes:
    """A clock, and an executor with a stop that ends when it is resumed."""

    def __init__(self, world: Any, reason: str) -> None:
        self.reason, self.resumed, self._now_ns = reason, 0, 0
        self._clocks = world.create_publisher(Clock, '/clock', REPORT)
        self._reports = world.create_publisher(DiagnosticArray, '/diagnostics', REPORT)
        world.create_service(Trigger, 'action_executor/resume', self._resume)
        world.create_timer(0.02, self._tell)

    def _resume(self, _request: Any, response: Any) -> Any:
        self.resumed, self.reason = self.resumed + 1, ''
        response.success = True
        return response

    def _tell(self) -> None:
        self._now_ns += 20_000_000
        self._clocks.publish(Clock(clock=to_stamp(self._now_ns)))
        status = DiagnosticStatus(name='action_executor: status')
        status.values = [KeyValue(key='stop reason', value=self.reason)]
        self._reports.publish(DiagnosticArray(status=[status]))


@pytest.mark.parametrize(
    ('reason', 'resumed'), [(f'elbow: {AWAY}: got 1', 1), ('~/stop was called', 0), ('', 0)]
)
def test_only_a_stop_of_the_executor_itself_is_resumed(
    bench: Any, reason: str, resumed: int
) -> None:
    nodes = Nodes(bench.world, reason)
    with EpisodeClient(nodes=('action_executor',)) as client:
        watcher = threading.Thread(target=client._watch, args=(0, 2.0))
        watcher.start()
        bench.until(lambda: not watcher.is_alive(), 'the end of the episode')
        watcher.join()
    assert nodes.resumed == resumed
