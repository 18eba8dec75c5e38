# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Durations of the recent past, as the percentiles people plan with."""

from collections import deque

import numpy as np


class LatencyWindow:
    """
    The last durations of one kind.

    :param size: how many are kept.
    """

    def __init__(self, size: int = 1000) -> None:
        self._values_s: deque[float] = deque(maxlen=size)

    def __len__(self) -> int:
        return len(self._values_s)

    def record(self, duration_s: float) -> None:
        """Add a duration in seconds."""
        self._values_s.append(duration_s)

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile in milliseconds; NaN before the first duration."""
        values = list(self._values_s)
        return float(np.percentile(values, percent)) * 1e3 if values else float('nan')

    def mean_s(self) -> float:
        """Return the mean in seconds; NaN before the first duration."""
        values = list(self._values_s)
        return sum(values) / len(values) if values else float('nan')
