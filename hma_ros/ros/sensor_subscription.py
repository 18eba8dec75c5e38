# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A subscription that is as reliable as the publishers of its topic.

Best effort matches every driver, but loses large messages: raw images do not fit the shared memory
that Fast DDS has by default. So it is reliable where all publishers offer that.
"""

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import SubscriptionEventCallbacks
from rclpy.qos import ReliabilityPolicy

from hma_ros.core.units import NS_PER_S
from hma_ros.ros import qos_overrides
from hma_ros.ros.bounded import ANY_BYTES, bounded
from hma_ros.ros.qos import SENSOR_IN

_SOON_NS = NS_PER_S // 10
_NOW_AND_THEN_NS = NS_PER_S


class SensorSubscription:
    """
    Subscribes, and again with another reliability when the publishers change.

    The new subscription is there, and was heard, before the old one goes: no message is lost, and
    some come twice. An override of the reliability by the user is final.

    :param node: an HmaNode, which drops the subscription with its configuration.
    :param kind: message type.
    :param callback: called with each message, and with what rclpy knows of its origin if it takes
        a second argument; in the executor's thread.
    :param on_fault: called with why a message was not read.
    :param depth: messages that wait while the process is held up; None for the default.
    """

    def __init__(
        self,
        node: Any,
        kind: Any,
        topic: str,
        callback: Callable[..., None],
        on_fault: Callable[[str], None],
        depth: int | None = None,
    ) -> None:
        self._depth = SENSOR_IN.depth if depth is None else depth
        self._node, self._kind, self._topic, self._callback = node, kind, topic, callback
        self._full_topic = node.resolve_topic_name(topic)
        self._read = bounded(kind, self._full_topic, self._pass_on, on_fault, ANY_BYTES)
        self._subscriptions: dict[ReliabilityPolicy, Any] = {}
        self._heard: set[ReliabilityPolicy] = set()
        self._subscribe(ReliabilityPolicy.BEST_EFFORT)
        self._timer: Any = None
        if not qos_overrides.is_given(node, topic, 'subscription', 'reliability'):
            # Steady: simulated time may be paused.
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = node.create_timer(_SOON_NS / NS_PER_S, self._follow, clock=steady)
        node.own(self, SensorSubscription.close)

    def close(self) -> None:
        """Unsubscribe."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        for reliability in list(self._subscriptions):
            self._unsubscribe(reliability)

    def _follow(self) -> None:
        publishers = self._node.get_publishers_info_by_topic(self._full_topic)
        if publishers:
            offered = {item.qos_profile.reliability for item in publishers}
            is_reliable = offered == {ReliabilityPolicy.RELIABLE}
            self._change_to(
                ReliabilityPolicy.RELIABLE if is_reliable else ReliabilityPolicy.BEST_EFFORT
            )
        is_settled = publishers and len(self._subscriptions) == 1
        self._timer.timer_period_ns = _NOW_AND_THEN_NS if is_settled else _SOON_NS

    def _change_to(self, wanted: ReliabilityPolicy) -> None:
        if wanted not in self._subscriptions:
            self._subscribe(wanted)
        if wanted in self._heard:
            for other in self._subscriptions.keys() - {wanted}:
                self._unsubscribe(other)

    def _subscribe(self, reliability: ReliabilityPolicy) -> None:
        qos = copy.copy(SENSOR_IN)
        qos.reliability, qos.depth = reliability, self._depth

        # Looks like the callback: rclpy gives the message's origin to those that take it.
        @wraps(self._callback)
        def receive(raw: bytes, *origin: Any) -> None:
            self._heard.add(reliability)
            self._read(raw, origin)

        # A publisher that offers less is followed, so rclpy need not warn of it.
        silent = SubscriptionEventCallbacks(use_default_callbacks=False)
        self._subscriptions[reliability] = qos_overrides.subscription(
            self._node, self._kind, self._topic, receive, qos, silent, raw=True
        )

    def _pass_on(self, message: Any, origin: Any) -> None:
        self._callback(message, *origin)

    def _unsubscribe(self, reliability: ReliabilityPolicy) -> None:
        self._node.destroy_subscription(self._subscriptions.pop(reliability))
        self._heard.discard(reliability)
