# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Times of messages as integer nanoseconds, and back."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from builtin_interfaces.msg import Duration, Time
from rclpy.subscription import Subscription

from hma_ros.core.units import NS_PER_S

# A longer wait is taken for a step of the system clock.
_LONGEST_NS = 2 * NS_PER_S


def to_stamp(time_ns: int) -> Time:
    """Return nanoseconds as a Time message."""
    return Time(sec=time_ns // NS_PER_S, nanosec=time_ns % NS_PER_S)


def to_duration(seconds: float) -> Duration:
    """Return seconds as a Duration message."""
    total_ns = round(seconds * NS_PER_S)
    return Duration(sec=total_ns // NS_PER_S, nanosec=total_ns % NS_PER_S)


def with_waiting(callback: Callable[[Any, int], None]) -> Callable[..., None]:
    """
    Wrap a callback that takes a message and how long it waited in this process [ns].

    The time is 0 where this version of rclpy does not say it (before Kilted).
    """
    if not hasattr(Subscription, 'CallbackType'):
        return lambda message: callback(message, 0)
    return lambda message, info: callback(message, waited_ns(info))


def waited_ns(info: Mapping[str, Any]) -> int:
    """Return how long ago a message arrived, 0 if the middleware does not say it [ns]."""
    arrived_ns = info.get('received_timestamp') or 0
    passed_ns = time.time_ns() - arrived_ns
    return passed_ns if arrived_ns > 0 and 0 <= passed_ns <= _LONGEST_NS else 0
