# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Records the topics of a robot and ours to a rosbag2 bag.

Where the command ``ros2 bag`` is installed, this process becomes it: it is faster. Elsewhere the
node writes the same format itself.
"""

import importlib
import importlib.util
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError, HmaError
from hma_ros.core.topics import recorded_topics
from hma_ros.ros.bag_file import BagFile, unused
from hma_ros.ros.lifecycle import run
from hma_ros.ros.parameters import declare, parameter, read

# How often publishers are looked for, and how many messages may wait for the disk.
_LOOK_S = 0.5
_QUEUE = 100


@dataclass(frozen=True)
class BagRecorderParameters:
    """Parameters of the recorder."""

    embodiment: str = parameter('', 'embodiment file, or the name of a shipped one')
    folder: str = parameter(
        'bag', 'folder to write; where it exists, one with a number behind its name'
    )


class BagRecorderNode(Node):
    """Subscribes to each topic as soon as somebody publishes it, and writes what comes."""

    def __init__(self) -> None:
        super().__init__('bag_recorder')
        self._wanted, folder = _plan(self)
        self._bag = BagFile(folder)
        self.failure: str | None = None
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_LOOK_S, self._look, clock=steady)
        self.get_logger().info(f'recording {len(self._wanted)} topics to {self._bag.folder}')

    def close(self) -> None:
        """Finish the bag and say where it is."""
        try:
            self._bag.close()
        except OSError as error:
            self.get_logger().error(f'{self._bag.folder}: got {error}, expected a finished bag')
            return
        self.get_logger().info(f'wrote {self._bag.messages} messages to {self._bag.folder}')

    def _look(self) -> None:
        for topic in tuple(self._wanted):
            publishers = self.get_publishers_info_by_topic(topic)
            if publishers:
                self._wanted.remove(topic)
                self._record(topic, publishers)

    def _record(self, topic: str, publishers: Sequence[Any]) -> None:
        type_name, qos = publishers[0].topic_type, _matching(publishers)
        try:
            kind = _message_class(type_name)
            connection = self._bag.add(topic, type_name, qos)
        except HmaError as error:
            self.get_logger().error(f'{topic}: not recorded: {error}')
            return
        self.create_subscription(kind, topic, partial(self._write, connection), qos, raw=True)

    def _write(self, connection: Any, data: bytes) -> None:
        if self.failure is not None:
            return
        try:
            self._bag.write(connection, time.time_ns(), data)
        except OSError as error:
            self.failure = f'{self._bag.folder}: got {error}, expected a message to be written'


def _plan(node: Node) -> tuple[list[str], Path]:
    """Return the full names of the topics, and the folder."""
    declare(node, BagRecorderParameters)
    given = read(node, BagRecorderParameters)
    spec = load_embodiment(given.embodiment)
    names = [node.resolve_topic_name(topic.name) for topic in recorded_topics(spec)]
    return names, unused(Path(given.folder).absolute())


def _matching(publishers: Sequence[Any]) -> QoSProfile:
    """Ask for as much as all publishers offer, so that each of them matches."""
    reliable, latched = ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL
    offered = [info.qos_profile for info in publishers]
    is_reliable = all(qos.reliability == reliable for qos in offered)
    is_latched = all(qos.durability == latched for qos in offered)
    return QoSProfile(
        depth=_QUEUE,
        reliability=reliable if is_reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=latched if is_latched else DurabilityPolicy.VOLATILE,
    )


def _message_class(type_name: str) -> Any:
    package, _, name = type_name.split('/')
    try:
        return getattr(importlib.import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f'got {error}, expected {type_name} to be installed') from error


def _become_ros2_bag() -> int:
    rclpy.init()
    node = Node('bag_recorder')
    try:
        names, folder = _plan(node)
        folder.parent.mkdir(parents=True, exist_ok=True)
    except (HmaError, OSError) as error:
        node.get_logger().fatal(str(error))
        return 1
    finally:
        node.destroy_node()
        rclpy.shutdown()
    print(f'recording {len(names)} topics to {folder}', flush=True)  # noqa: T201 - no node is left
    command = ['ros2', 'bag', 'record', '--output', str(folder), *names]
    return os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


def main() -> int:
    """Run the node, or the command that does the same."""
    if shutil.which('ros2') and importlib.util.find_spec('ros2bag'):
        return _become_ros2_bag()
    return run(BagRecorderNode)
