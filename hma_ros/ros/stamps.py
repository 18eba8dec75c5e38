# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Times of messages as integer nanoseconds, and back."""

from builtin_interfaces.msg import Duration, Time

from hma_ros.core.messages.stamp import stamp_ns

__all__ = ['stamp_ns', 'to_duration', 'to_stamp']

_NS = 1_000_000_000


def to_stamp(time_ns: int) -> Time:
    """Return nanoseconds as a Time message."""
    return Time(sec=time_ns // _NS, nanosec=time_ns % _NS)


def to_duration(seconds: float) -> Duration:
    """Return seconds as a Duration message."""
    total_ns = round(seconds * _NS)
    return Duration(sec=total_ns // _NS, nanosec=total_ns % _NS)
