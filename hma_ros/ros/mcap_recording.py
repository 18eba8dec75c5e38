# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Records topics to an MCAP bag where the command ``ros2 bag`` is not installed."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

from hma_ros.core.errors import HmaError
from hma_ros.core.short_text import counted
from hma_ros.ros.bag_file import BagFile
from hma_ros.ros.matched_subscription import MatchedSubscription, matching

# How often publishers are looked for, and how much at most is lost when the process is killed.
_LOOK_S = 0.5
_FLUSH_S = 1.0


class McapRecording:
    """
    Subscribes to each topic as soon as somebody publishes it, and writes what comes.

    A publisher that comes later and offers less than was asked for is named, and less is asked.

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
        self._subscriptions: dict[str, MatchedSubscription] = {}
        self._connections: dict[str, Any] = {}
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
        log.info(f'wrote {counted(bag.messages, "message")} to {bag.folder}')

    def look(self) -> None:
        """Begin with the topics that have publishers by now, and match those that came since."""
        for topic in self._subscriptions:
            self._match(topic)
        for topic in list(self._wanted):
            if publishers := self._node.get_publishers_info_by_topic(topic):
                self._wanted.remove(topic)
                self._record(topic, publishers)

    def _record(self, topic: str, publishers: Sequence[Any]) -> None:
        type_name = publishers[0].topic_type
        ours = [item for item in publishers if item.topic_type == type_name]
        try:
            made = MatchedSubscription(self._node, topic, type_name, partial(self._write, topic))
            self._connections[topic] = self._bag.add(topic, type_name, matching(ours))
        except HmaError as error:
            self._node.get_logger().error(f'{topic}: not recorded: {error}')
            return
        made.look()
        self._subscriptions[topic] = made

    def _match(self, topic: str) -> None:
        """Ask for less where a publisher offers less, of which nothing would be recorded."""
        subscription = self._subscriptions[topic]
        before = subscription.qos
        subscription.look()
        now = subscription.qos
        if before is not None and now is not None and now != before:
            self._node.get_logger().warning(
                f'{topic}: got a new publisher that offers {_words(now)}, expected '
                f'{_words(before)} as of those before; subscribed again: what it sent until now '
                'is not recorded, and a message of the others may be missing'
            )

    def _write(self, topic: str, data: bytes) -> None:
        if self.failure is None:
            try:
                self._bag.write(self._connections[topic], time.time_ns(), data)
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
    return f'{counted(bag.kept, "message")} before that can be imported; free some space'


def _words(qos: QoSProfile) -> str:
    return f'{qos.reliability.name} and {qos.durability.name}'
