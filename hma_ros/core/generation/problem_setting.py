# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The four problem settings of HMA (sec. 3)."""

from enum import Enum


class ProblemSetting(str, Enum):
    """What is predicted from what."""

    # Actions from frames.
    POLICY = 'policy'
    # Frames from frames and actions.
    FORWARD = 'forward'
    # Frames from frames.
    PASSIVE = 'passive'
    # Frames and actions from frames.
    FULL = 'full'
