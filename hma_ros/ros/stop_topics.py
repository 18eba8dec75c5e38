# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The topics that stop the robot.

Each is subscribed to twice. The reliable subscription loses nothing, and for a latched topic gets
the state from before its time, but publishers that offer less do not match it at all; the best
effort one matches every publisher. A message that comes twice does no harm.
"""

import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

# Importable from here in all distributions; its own module was renamed after Humble.
from rclpy.node import SubscriptionEventCallbacks

from hma_ros.core.control.stop_board import StopBoard
from hma_ros.core.embodiment import StopSpec
from hma_ros.core.embodiment.stop_values import read_flag
from hma_ros.core.errors import ConfigError
from hma_ros.ros.interfaces import interface_class, stop_class
from hma_ros.ros.publishers import identity
from hma_ros.ros.qos import LATCHED, REPORT, SENSOR_IN


class StopTopics:
    """
    Listens to the stop topics of an embodiment.

    :param node: an HmaNode.
    :param on_stop: called with the reason whenever a topic says stop.
    :param previous: of an earlier configuration, whose reasons carry over.
    :param is_shadow: nothing is commanded: a topic whose message type is not installed is left out
        with a warning.
    :raises ConfigError: a message type is not installed, lacks the field, or its field can never
        take a stop value.
    """

    def __init__(
        self,
        node: Any,
        stops: tuple[StopSpec, ...],
        on_stop: Callable[[str], None],
        previous: 'StopTopics | None' = None,
        is_shadow: bool = False,
    ) -> None:
        keyed = [(f'stops[{index}]', stop) for index, stop in enumerate(stops)]
        if is_shadow:
            keyed = [item for item in keyed if _is_installed(node, *item)]
        self._node, self._on_stop = node, on_stop
        stops = self._stops = tuple(stop for _, stop in keyed)
        self._topics = [node.resolve_topic_name(stop.topic) for stop in stops]
        self._board = StopBoard(stops, self._topics)
        self._board.begin(None if previous is None else previous._board)
        # Why the last message of a topic was not read: it may have said stop.
        unread = {} if previous is None else previous._unread
        self._unread: dict[str, str] = {
            topic: why for topic, why in unread.items() if topic in self._topics
        }
        # No warnings about incompatible QoS: a publisher may match only one of the two.
        quiet = SubscriptionEventCallbacks(use_default_callbacks=False)
        for index, (key, stop) in enumerate(keyed):
            kind = stop_class(stop, key)
            receive = partial(self._on_message, index)
            for qos in (LATCHED if stop.latched else REPORT, SENSOR_IN):
                on_fault = partial(self._on_unread, self._topics[index])
                node.subscribe_bounded(kind, stop.topic, receive, qos, on_fault, quiet)

    @property
    def reason(self) -> str | None:
        """Why a topic says stop at present, None if none does."""
        return self._board.reason or next(iter(self._unread.values()), None)

    @property
    def absence(self) -> str | None:
        """
        Which topic nobody publishes, so that it cannot stop the robot; None without one.

        :meth:`refusal` names those that must report before the robot moves.
        """
        for stop, topic in zip(self._stops, self._topics, strict=True):
            is_awaited = stop.mandatory or stop.heartbeat_s is not None
            if not is_awaited and not self._node.count_publishers(topic):
                return (
                    f'{topic}: got no publisher, expected one: it cannot stop the robot '
                    f'({stop.reason}); start it, and set mandatory: true in stops'
                )
        return None

    def refusal(self) -> str | None:
        """Return why no motion may start or resume; None if one may."""
        refusal = self._board.refusal(time.monotonic_ns()) or self.reason
        for index, (stop, topic) in enumerate(zip(self._stops, self._topics, strict=True)):
            is_awaited = stop.latched and not self._board.is_heard(index)
            if refusal is None and is_awaited and self._node.count_publishers(topic):
                refusal = f'{topic}: waiting for its last message (latched)'
        return refusal

    def look(self) -> None:
        """Stop where a publisher that must keep sending is silent or gone; call often."""
        now_ns = time.monotonic_ns()
        silence = self._board.silence(now_ns)
        if silence is not None:
            self._on_stop(silence)
        for index, topic in enumerate(self._topics):
            loss = self._board.forget_dead(index, self._alive(topic), now_ns)
            if loss is not None:
                self._on_stop(loss)

    def _alive(self, topic: str) -> list[Hashable]:
        """Return the publishers of a topic, and None for one that messages do not identify."""
        infos = self._node.get_publishers_info_by_topic(topic)
        gids: list[Hashable] = [identity(info.endpoint_gid) for info in infos]
        return [*gids, None] if len(gids) == 1 else gids

    def _on_unread(self, topic: str, fault: str) -> None:
        self._unread[topic] = fault
        self._on_stop(fault)

    def _on_message(self, index: int, message: Any, publisher: Hashable) -> None:
        stop, topic = self._stops[index], self._topics[index]
        self._unread.pop(topic, None)
        value = read_flag(getattr(message, stop.field))
        is_one_of_many = publisher is None and self._node.count_publishers(topic) > 1
        if is_one_of_many and value not in stop.stop_values:
            # Another one may have said stop: which of them sent this is unknown.
            return
        reason = self._board.take(index, value, publisher, time.monotonic_ns())
        if reason is not None:
            self._on_stop(reason)


def _is_installed(node: Any, key: str, stop: StopSpec) -> bool:
    """Whether the type of a topic is installed; warns if it is not."""
    try:
        interface_class(stop.type, f'{key}.type')
    except ConfigError as error:
        node.get_logger().warning(f'{error}; {stop.topic} is left out, as this is shadow mode')
        return False
    return True
