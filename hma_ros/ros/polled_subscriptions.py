# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Subscriptions whose messages the node takes itself, all that wait at once.

The executors of rclpy build a wait set for each message that they deliver, which is expensive for
states at 1 kHz. A node that needs states at a rate of its own takes what has arrived since.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Any

from rclpy.callback_groups import CallbackGroup

# Importable from here in all distributions; its own module was renamed after Humble.
from rclpy.node import SubscriptionEventCallbacks
from rclpy.subscription import Subscription

from hma_ros.ros import qos_overrides
from hma_ros.ros.qos import state_in

# Of a joint state with a thousand names, and read within a fraction of a command period.
MOST_BYTES = 1 << 16
# More than can wait of a topic, whatever its depth.
_ALL = 20_000


class _NeverExecuted(CallbackGroup):
    """A group of which the executor executes nothing."""

    def can_execute(self, entity: Any) -> bool:
        """Return False: the node takes the messages."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """Return False."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Do nothing: nothing began."""


class PolledSubscriptions:
    """
    Subscriptions to states; their callbacks run within :meth:`take`, in any thread.

    :param node: an HmaNode, which drops them with its configuration.
    :param depth: messages of a topic that wait; older ones are dropped.
    """

    def __init__(self, node: Any, depth: int) -> None:
        self._node, self._depth, self._group = node, depth, _NeverExecuted()
        self._subscriptions: list[Subscription] = []
        self._lock = threading.Lock()

    def subscribe(
        self,
        kind: Any,
        topic: str,
        callback: Callable[[Any, Hashable], None],
        on_fault: Callable[[str], None],
    ) -> None:
        """
        Open a topic.

        :param callback: called with a message and its publisher.
        :param on_fault: called with why a message was not read.
        """
        # With event callbacks, Fast DDS would wake the executor for each message as well. Only a
        # reliability that the user chose can be incompatible: then rclpy warns.
        is_chosen = qos_overrides.is_given(self._node, topic, 'subscription', 'reliability')
        events = None if is_chosen else SubscriptionEventCallbacks(use_default_callbacks=False)
        qos = state_in(self._depth)
        made = self._node.subscribe_bounded(
            kind, topic, callback, qos, on_fault, events, MOST_BYTES
        )
        made.callback_group = self._group
        self._subscriptions.append(made)

    def take(self) -> None:
        """Read what has arrived, topic by topic, the oldest first."""
        with self._lock:
            for subscription in self._subscriptions:
                # Those that come meanwhile may wait.
                for _ in range(2 * self._depth):
                    if (received := _taken(subscription)) is None:
                        break
                    subscription.callback(*received)

    def discard(self) -> None:
        """Drop what has arrived, unread."""
        with self._lock:
            for subscription in self._subscriptions:
                for _ in range(_ALL):
                    if _taken(subscription) is None:
                        break


def _taken(subscription: Any) -> Any:
    """Return the arguments of the callback, with the message info from Kilted on; or None."""
    with subscription.handle:
        received = subscription.handle.take_message(subscription.msg_type, True)
    if received is None or hasattr(Subscription, 'CallbackType'):
        return received
    return received[:1]
