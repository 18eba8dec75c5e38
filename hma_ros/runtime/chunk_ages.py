# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether the chunks of a model come in time for the executor, which refuses old ones."""

import math
from collections.abc import Callable

from hma_ros.core.latency import LatencyWindow

# Without a chunk in time for so long, that is a warning.
PATIENCE_S = 5.0
# Ages that count for the median.
_KEPT = 20


class ChunkAges:
    """
    Notes how old the image of each step is when its chunk is decided, or would be.

    :param most_s: age from which on a chunk is refused; infinite where none is executed.
    :param clock: monotonic seconds.
    :param remedy: what to do about a model that is too slow.
    """

    def __init__(self, most_s: float, clock: Callable[[], float], remedy: str) -> None:
        self._most_s, self._clock, self._remedy = most_s, clock, remedy
        self._recent = LatencyWindow(_KEPT)
        self._late_since_s: float | None = None

    def is_late(self, age_s: float) -> bool:
        """Note the age of a step; returns whether its chunk would be refused."""
        self._recent.record(age_s)
        is_late = age_s > self._most_s
        if not is_late:
            self._late_since_s = None
        elif self._late_since_s is None:
            self._late_since_s = self._clock()
        return is_late

    @property
    def fault(self) -> str | None:
        """Say that no chunk could be followed for long, and why; None if one could."""
        since_s = self._late_since_s
        late_s = -math.inf if since_s is None else self._clock() - since_s
        if late_s < PATIENCE_S:
            return None
        return (
            f'no chunk could be followed for {late_s:.0f} s: images are '
            f'{self._recent.percentile_ms(50) / 1e3:.1f} s old (median) when the model decides, '
            f'expected at most {self._most_s:g} s (max_chunk_age_s); {self._remedy}'
        )
