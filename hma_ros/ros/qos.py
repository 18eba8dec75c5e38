# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The ways topics are carried.

Inputs ask for as little as possible, so that any driver matches; outputs promise as much as
possible, so that any viewer does.
"""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _profile(depth: int, reliable: bool, latched: bool = False) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


SENSOR_IN = _profile(5, reliable=False)
SENSOR_OUT = _profile(5, reliable=True)
COMMAND = _profile(1, reliable=True)
REPORT = _profile(10, reliable=True)
LATCHED = _profile(1, reliable=True, latched=True)
# As tf2 does.
TRANSFORMS = _profile(100, reliable=True)


def state_in(depth: int) -> QoSProfile:
    """Return the profile of states, of which so many wait until the node takes them."""
    return _profile(depth, reliable=False)
