# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which publisher a message came from."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from rclpy.subscription import Subscription


def with_publisher(callback: Callable[[Any, Hashable], None]) -> Callable[..., None]:
    """
    Make a subscription callback of one that takes a message and its publisher.

    The publisher is None where this version of rclpy does not say it (before Kilted).
    """
    if not hasattr(Subscription, 'CallbackType'):
        return lambda message: callback(message, None)
    return lambda message, info: callback(message, publisher_of(info))


def publisher_of(info: Mapping[str, Any]) -> Hashable:
    """Return what tells the publishers of a topic apart; None where rclpy does not say it."""
    gid = info.get('publisher_gid')
    if isinstance(gid, Mapping):
        gid = gid.get('data')
    return None if gid is None else bytes(gid)
