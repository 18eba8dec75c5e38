# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Subscriptions whose messages the node takes itself, all that wait at once.

The executors of rclpy build a wait set for each message that they deliver, which is expensive for
states at 1 kHz. A node that needs states at a rate of its own takes what has arrived since.
"""

from collections.abc import Callable, Hashable
from typing import Any

from rclpy.callback_groups import CallbackGroup

# Importable from here in all distributions; its own module was renamed after Humble.
from rclpy.node import SubscriptionEventCallbacks
from rclpy.subscription import Subscription

from hma_ros.ros.qos import STATE_IN

# Most messages of a topic in one call, so that it ends while more keep arriving.
_MOST = 2 * STATE_IN.depth


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
    Subscriptions to states, bounded in size; their callbacks run within :meth:`take`.

    :param node: an HmaNode, which drops them with its configuration.
    """

    def __init__(self, node: Any) -> None:
        self._node, self._group = node, _NeverExecuted()
        self._subscriptions: list[Subscription] = []

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
        # With event callbacks, Fast DDS would wake the executor for each message as well.
        silent = SubscriptionEventCallbacks(use_default_callbacks=False)
        made = self._node.subscribe_bounded(kind, topic, callback, STATE_IN, on_fault, silent)
        made.callback_group = self._group
        self._subscriptions.append(made)

    def take(self) -> None:
        """Read what has arrived, topic by topic, the oldest first."""
        for subscription in self._subscriptions:
            for _ in range(_MOST):
                with subscription.handle:
                    received = subscription.handle.take_message(subscription.msg_type, True)
                if received is None:
                    break
                subscription.callback(*_arguments(received))


def _arguments(received: Any) -> Any:
    """Return the arguments of the callback: with the message info from Kilted on."""
    return received if hasattr(Subscription, 'CallbackType') else received[:1]
