# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Records topics to an MCAP bag where the command ``ros2 bag`` is not installed."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node, SubscriptionEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from hma_ros.core.errors import HmaError
from hma_ros.core.short_text import counted
from hma_ros.ros.bag_file import BagFile
from hma_ros.ros.interfaces import interface_class

# How often publishers are looked for, and how much at most is lost when the process is killed.
_LOOK_S = 0.5
_FLUSH_S = 1.0
# How many messages may wait for the disk.
_QUEUE = 100


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
        self._names = tuple(names)
        self._subscriptions: dict[str, Any] = {}
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
        for topic in self._names:
            publishers = self._node.get_publishers_info_by_topic(topic)
            if publishers and topic in self._wanted:
                self._wanted.remove(topic)
                self._record(topic, publishers)
            elif publishers and topic in self._subscriptions:
                self._match(topic, publishers)

    def _record(self, topic: str, publishers: Sequence[Any]) -> None:
        type_name, qos = publishers[0].topic_type, matching(publishers)
        try:
            kind = interface_class(type_name, 'type')
            connection = self._bag.add(topic, type_name, qos)
        except HmaError as error:
            self._node.get_logger().error(f'{topic}: not recorded: {error}')
            return
        write = partial(self._write, topic, connection)
        self._subscribe(kind, topic, write, qos)

    def _match(self, topic: str, publishers: Sequence[Any]) -> None:
        """Ask for less where a publisher offers less, of which nothing would be recorded."""
        old, qos = self._subscriptions[topic], matching(publishers)
        if not _asks_less(qos, old.qos_profile):
            return
        self._node.get_logger().warning(
            f'{topic}: got a new publisher that offers {_words(qos)}, expected '
            f'{_words(old.qos_profile)} as of those before; subscribed again: what it sent until '
            'now is not recorded, and a message of the others may be lacking'
        )
        self._node.destroy_subscription(old)
        self._subscribe(old.msg_type, topic, old.callback, qos)

    def _subscribe(
        self, kind: Any, topic: str, write: Callable[[Any], None], qos: QoSProfile
    ) -> None:
        # What does not match is said by _match.
        quiet = SubscriptionEventCallbacks(use_default_callbacks=False)
        made = self._node.create_subscription(
            kind, topic, write, qos, raw=True, event_callbacks=quiet
        )
        self._subscriptions[topic] = made

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
    return f'{counted(bag.kept, "message")} before that can be imported; free some space'


def matching(publishers: Sequence[Any]) -> QoSProfile:
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


def _asks_less(qos: QoSProfile, than: QoSProfile) -> bool:
    reliable, latched = ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL
    pairs = (
        (than.reliability, reliable, qos.reliability),
        (than.durability, latched, qos.durability),
    )
    return any(before == most != asked for before, most, asked in pairs)


def _words(qos: QoSProfile) -> str:
    return f'{qos.reliability.name} and {qos.durability.name}'
