# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Times of messages as integer nanoseconds."""

from typing import Any

_NS = 1_000_000_000


def stamp_ns(stamp: Any) -> int:
    """Return a Time or Duration message in nanoseconds."""
    return int(stamp.sec) * _NS + int(stamp.nanosec)
