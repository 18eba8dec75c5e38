# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Times of messages as integer nanoseconds."""

from typing import Any

from hma_ros.core.units import NS_PER_S

# A month: no driver that this process heard was silent for so long, and no computer's clock is so
# wrong.
ANOTHER_CLOCK_S = 30 * 86400.0


def stamp_ns(stamp: Any) -> int:
    """Return a Time or Duration message in nanoseconds."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def clock_hint(age_ns: int) -> str:
    """Return what to add to an error about an age that only another clock explains."""
    if abs(age_ns) < ANOTHER_CLOCK_S * NS_PER_S:
        return ''
    return (
        '; its stamp is from another clock: compare use_sim_time, and the clocks of the machines'
    )
