# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A raw subscription that hears every publisher of a topic, whatever QoS it offers."""

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node, SubscriptionEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from hma_ros.ros.interfaces import interface_class

# How many messages may wait for the disk.
_QUEUE = 100
_RELIABLE, _LATCHED = ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL


class MatchedSubscription:
    """
    Subscribes in :meth:`look`: once somebody publishes, and again if a publisher offers less.

    Messages in transit meanwhile may be lost.

    :param topic: full name.
    :param type_name: such as ``std_msgs/msg/Bool``; publishers of another type are not heard.
    :param receive: called with each serialized message.
    :raises ConfigError: the type is not installed.
    """

    def __init__(
        self, node: Node, topic: str, type_name: str, receive: Callable[[bytes], None]
    ) -> None:
        self._node, self._topic, self._type, self._receive = node, topic, type_name, receive
        self._kind = interface_class(type_name, 'type')
        self._made: Any = None

    @property
    def qos(self) -> QoSProfile | None:
        """The requested QoS; None before there was a publisher."""
        return None if self._made is None else self._made.qos_profile

    def look(self) -> list[str]:
        """Match the present publishers; returns the types of those of another type."""
        publishers = self._node.get_publishers_info_by_topic(self._topic)
        ours = [item for item in publishers if item.topic_type == self._type]
        if ours and (self.qos is None or _asks_less(matching(ours), self.qos)):
            self._subscribe(matching(ours))
        return [item.topic_type for item in publishers if item.topic_type != self._type]

    def close(self) -> None:
        """Unsubscribe."""
        if self._made is not None:
            self._node.destroy_subscription(self._made)
            self._made = None

    def _subscribe(self, qos: QoSProfile) -> None:
        self.close()
        # look() subscribes again if a publisher is incompatible: rclpy need not warn of it.
        quiet = SubscriptionEventCallbacks(use_default_callbacks=False)
        self._made = self._node.create_subscription(
            self._kind, self._topic, self._receive, qos, raw=True, event_callbacks=quiet
        )


def matching(publishers: Sequence[Any]) -> QoSProfile:
    """Ask for as much as all publishers offer, so that each of them matches."""
    offered = [info.qos_profile for info in publishers]
    is_reliable = all(qos.reliability == _RELIABLE for qos in offered)
    is_latched = all(qos.durability == _LATCHED for qos in offered)
    return QoSProfile(
        depth=_QUEUE,
        reliability=_RELIABLE if is_reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=_LATCHED if is_latched else DurabilityPolicy.VOLATILE,
    )


def _asks_less(qos: QoSProfile, than: QoSProfile) -> bool:
    pairs = (
        (than.reliability, _RELIABLE, qos.reliability),
        (than.durability, _LATCHED, qos.durability),
    )
    return any(before == most != asked for before, most, asked in pairs)
