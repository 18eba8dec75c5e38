# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The base of the nodes: what a parameter says is what the node does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import rclpy
from rclpy.parameter import Parameter

from hma_ros.core.errors import ConfigError
from hma_ros.ros.lifecycle import HmaNode
from hma_ros.ros.parameters import parameter, read

pytestmark = pytest.mark.ros


@dataclass(frozen=True)
class Parameters:
    """Parameters of the node of this test."""

    speed: float = parameter(1.0, 'how fast', 0.0, 10.0)
    autostart: bool = parameter(False, 'configure and activate at the start')


class Node(HmaNode):
    """Reads its parameters, and remembers what was called."""

    def __init__(self) -> None:
        super().__init__('node', Parameters)
        self.calls: list[str] = []
        self.speed = 0.0

    def set_up(self) -> None:
        self.speed = read(self, Parameters).speed
        self.calls.append('set up')
        self.own('what was made', lambda made: self.calls.append(f'drop {made}'))
        if self.speed > 5.0:
            raise ConfigError('speed: got too much')

    def start(self) -> None:
        self.calls.append('start')

    def stop(self) -> None:
        self.calls.append('stop')


@pytest.fixture
def node() -> Iterator[Node]:
    rclpy.init(args=[])
    made = Node()
    yield made
    made.destroy_node()
    rclpy.try_shutdown()


def set_speed(node: Node, speed: float) -> tuple[bool, str]:
    result = node.set_parameters([Parameter('speed', value=speed)])[0]
    return result.successful, result.reason


def test_parameters_are_read_only_while_the_node_is_configured(node: Node) -> None:
    assert set_speed(node, 2.0) == (True, '')
    node.trigger_configure()
    refusal = (False, 'speed: read-only while the node is configured; clean up, set it, configure')
    assert set_speed(node, 3.0) == refusal
    node.trigger_activate()
    assert set_speed(node, 3.0) == refusal
    assert node.get_parameter('speed').value == node.speed == 2.0
    node.trigger_deactivate()
    assert set_speed(node, 3.0) == refusal
    node.trigger_cleanup()
    assert set_speed(node, 3.0) == (True, '')
    node.trigger_configure()
    assert node.speed == 3.0


def test_parameters_of_a_configuration_that_failed_can_be_corrected(node: Node) -> None:
    set_speed(node, 6.0)
    node.trigger_configure()
    assert node.calls == ['set up', 'drop what was made']
    assert set_speed(node, 1.0) == (True, '')
    node.trigger_configure()
    assert node.speed == 1.0


def test_shut_down_while_active_stops_first(node: Node) -> None:
    node.trigger_configure()
    node.trigger_activate()
    node.trigger_shutdown()
    assert node.calls == ['set up', 'start', 'stop', 'drop what was made']


def test_a_node_without_logs_ends_in_one_line() -> None:
    program = 'from hma_ros.ros.lifecycle import run; raise SystemExit(run(None, []))'
    environment = {**os.environ, 'HOME': '/proc/nohome', 'ROS_LOG_DIR': ''}
    ended = subprocess.run(
        [sys.executable, '-c', program], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        'hma_ros: logs: cannot write ~/.ros/log (HOME is /proc/nohome); set ROS_LOG_DIR (or '
        'HOME) to a folder that can be written\n'
    )


SLOW = """
import os, signal
from dataclasses import dataclass
from hma_ros.ros.lifecycle import HmaNode, run
from hma_ros.ros.parameters import parameter

@dataclass(frozen=True)
class Parameters:
    autostart: bool = parameter(True, 'start at once')

class Slow(HmaNode):
    def set_up(self):
        os.kill(os.getpid(), signal.SIGTERM)
        while True:
            self.check_going_on()

raise SystemExit(run(lambda: Slow('slow', Parameters), []))
"""


def test_a_signal_ends_a_slow_start() -> None:
    ended = subprocess.run([sys.executable, '-c', SLOW], capture_output=True, text=True)
    assert ended.returncode == 0
    assert 'ended by SIGTERM: did not configure' in ended.stderr
    assert 'ERROR' not in ended.stderr
