# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whoever runs episodes resumes an arm that was pushed away, and leaves every other stop alone."""

import threading
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger

from hma_ros.core.control.decision import AWAY
from hma_ros.core.errors import ConfigError
from hma_ros.ros.episode_client import EpisodeClient
from hma_ros.ros.qos import REPORT
from hma_ros.ros.stamps import to_stamp

pytestmark = pytest.mark.ros


class Nodes:
    """A clock, and an executor with a stop that ends when it is resumed."""

    def __init__(self, world: Any, reason: str, is_simulated: bool = True) -> None:
        self.reason, self.resumed, self._now_ns = reason, 0, 0
        self.is_simulated, self.is_late = is_simulated, False
        self._clocks = world.create_publisher(Clock, '/clock', REPORT)
        self._reports = world.create_publisher(DiagnosticArray, '/diagnostics', REPORT)
        world.create_service(Trigger, 'action_executor/resume', self._resume)
        world.create_timer(0.02, self._tell)

    def _resume(self, _request: Any, response: Any) -> Any:
        self.resumed += 1
        if not self.is_late:
            self.reason = ''
        response.success = True
        return response

    def _tell(self) -> None:
        self._now_ns += 20_000_000
        self._clocks.publish(Clock(clock=to_stamp(self._now_ns)))
        status = DiagnosticStatus(name='action_executor: status')
        status.values = [
            KeyValue(key='stop reason', value=self.reason),
            KeyValue(key='stopped at s', value='1.000' if self.reason else ''),
            KeyValue(key='simulated', value=str(self.is_simulated)),
        ]
        self._reports.publish(DiagnosticArray(status=[status]))


@pytest.mark.parametrize(
    ('reason', 'resumed'), [(f'elbow: {AWAY}: got 1', 1), ('~/stop was called', 0), ('', 0)]
)
def test_only_a_stop_of_the_executor_itself_is_resumed(
    bench: Any, reason: str, resumed: int
) -> None:
    nodes = Nodes(bench.world, reason)
    watch(bench)
    assert nodes.resumed == resumed


def watch(bench: Any, simulated_only: bool = True) -> None:
    """Watch an episode to its end."""
    nodes = ('action_executor',)
    with EpisodeClient(nodes=nodes, simulated_only=simulated_only) as client:
        watcher = threading.Thread(target=client._watch, args=(0, 2.0))
        watcher.start()
        bench.until(lambda: not watcher.is_alive(), 'the end of the episode')
        watcher.join()


def test_a_stop_is_resumed_once_though_statuses_of_before_still_come(bench: Any) -> None:
    nodes = Nodes(bench.world, f'elbow: {AWAY}: got 1')
    nodes.is_late = True
    watch(bench)
    assert nodes.resumed == 1


def test_a_person_beside_a_real_robot_may_run_episodes(bench: Any) -> None:
    nodes = Nodes(bench.world, f'elbow: {AWAY}: got 1', is_simulated=False)
    watch(bench, simulated_only=False)
    assert nodes.resumed == 1


def test_a_real_robot_is_neither_resumed_nor_activated(bench: Any) -> None:
    nodes = Nodes(bench.world, f'elbow: {AWAY}: got 1', is_simulated=False)
    watch(bench)
    assert nodes.resumed == 0
    with EpisodeClient(nodes=('action_executor',)) as client:
        refusals = list[str]()

        def check() -> None:
            try:
                client._check_simulated()
            except ConfigError as error:
                refusals.append(str(error))

        checker = threading.Thread(target=check)
        checker.start()
        bench.until(lambda: not checker.is_alive(), 'the refusal')
        checker.join()
    assert 'got one of a real robot' in refusals[0]
