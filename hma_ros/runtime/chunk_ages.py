# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether the chunks of a model come in time for the executor, which refuses old ones."""

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
        # When the first and the newest of the late ones in a row were.
        self._late_s: tuple[float, float] | None = None

    def is_late(self, age_s: float) -> bool:
        """Note the age of a step; returns whether its chunk would be refused."""
        self._recent.record(age_s)
        if age_s <= self._most_s:
            self._late_s = None
            return False
        now_s = self._clock()
        first_s, newest_s = self._late_s or (now_s, now_s)
        self._late_s = (first_s if now_s - newest_s < PATIENCE_S else now_s, now_s)
        return True

    @property
    def fault(self) -> str | None:
        """Why no chunk could be followed for long; None if one could, or none came."""
        late = self._late_s  # read once: the model has a thread of its own
        if late is None:
            return None
        first_s, newest_s = late
        late_s = newest_s - first_s
        if late_s < PATIENCE_S or self._clock() - newest_s >= PATIENCE_S:
            return None
        return (
            f'no chunk could be followed for {late_s:.0f} s: images are '
            f'{self._recent.percentile_ms(50) / 1e3:.1f} s old (median) when the model decides, '
            f'expected at most {self._most_s:g} s (max_chunk_age_s); {self._remedy}; or the '
            'camera delivers late, or stamps by another clock'
        )
