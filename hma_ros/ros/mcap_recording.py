# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Records topics to an MCAP bag where the command ``ros2 bag`` is not installed."""

import importlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from hma_ros.core.errors import ConfigError, HmaError
from hma_ros.ros.bag_file import BagFile

# How often publishers are looked for, and how much at most is lost when the process is killed.
_LOOK_S = 0.5
_FLUSH_S = 1.0
# How many messages may wait for the disk.
_QUEUE = 100


class McapRecording:
    """
    Subscribes to each topic as soon as somebody publishes it, and writes what comes.

    :param names: full names of the topics.
    :param folder: of the bag.
    :param custom_data: what the bag says of itself.
    :raises ConfigError: the bag cannot be made.
    """

    def __init__(
        self, node: Node, names: Sequence[str], folder: Path, custom_data: Mapping[str, str]
    ) -> None:
        self._node, self._wanted = node, list(names)
        self._bag = BagFile(folder, custom_data)
        self._written: Counter[str] = Counter()
        self.failure: str | None = None
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(_LOOK_S, self.look, clock=steady)
        node.create_timer(_FLUSH_S, self._flush, clock=steady)

    def records(self, topic: str) -> bool:
        """Whether a topic is being recorded."""
        return topic not in self._wanted

    def holds(self, topic: str, count: int) -> bool:
        """Whether so many messages of a topic are in the bag."""
        return self._written[topic] >= count

    def close(self) -> None:
        """Finish the bag and say where it is."""
        bag, log = self._bag, self._node.get_logger()
        if self.failure is not None:
            bag.cut()
            return
        try:
            bag.close()
        except OSError as error:
            bag.cut()
            log.error(f'{bag.folder}: got {error}, expected a finished bag; {_advice(bag)}')
            return
        log.info(f'wrote {bag.messages} messages to {bag.folder}')

    def look(self) -> None:
        """Begin with the topics that have publishers by now."""
        for topic in tuple(self._wanted):
            publishers = self._node.get_publishers_info_by_topic(topic)
            if publishers:
                self._wanted.remove(topic)
                self._record(topic, publishers)

    def _record(self, topic: str, publishers: Sequence[Any]) -> None:
        type_name, qos = publishers[0].topic_type, _matching(publishers)
        try:
            kind = _message_class(type_name)
            connection = self._bag.add(topic, type_name, qos)
        except HmaError as error:
            self._node.get_logger().error(f'{topic}: not recorded: {error}')
            return
        write = partial(self._write, topic, connection)
        self._node.create_subscription(kind, topic, write, qos, raw=True)

    def _write(self, topic: str, connection: Any, data: bytes) -> None:
        if self.failure is None:
            try:
                self._bag.write(connection, time.time_ns(), data)
                self._written[topic] += 1
            except OSError as error:
                self._fail(error)

    def _flush(self) -> None:
        if self.failure is None:
            try:
                self._bag.flush()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.failure = (
            f'{self._bag.folder}: got {error}, expected a message to be written; '
            f'{_advice(self._bag)}'
        )


def _advice(bag: BagFile) -> str:
    return f'{bag.kept} messages before that can be imported; free some space'


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
