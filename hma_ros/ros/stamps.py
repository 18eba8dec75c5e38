# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Times of messages as integer nanoseconds, and back."""

from typing import Any

from builtin_interfaces.msg import Duration, Time

_NS = 1_000_000_000


def stamp_ns(stamp: Any) -> int:
    """Return a Time or Duration message in nanoseconds."""
    return int(stamp.sec) * _NS + int(stamp.nanosec)


def to_stamp(time_ns: int) -> Time:
    """Return nanoseconds as a Time message."""
    return Time(sec=time_ns // _NS, nanosec=time_ns % _NS)


def to_duration(seconds: float) -> Duration:
    """Return seconds as a Duration message."""
    total_ns = round(seconds * _NS)
    return Duration(sec=total_ns // _NS, nanosec=total_ns % _NS)
