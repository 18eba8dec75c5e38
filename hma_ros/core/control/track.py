# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One measured coordinate of the last seconds, by stamp."""

from bisect import bisect_left

from hma_ros.core.control.angles import nearest_turn
from hma_ros.core.units import NS_PER_S

KEPT_NS = 2 * NS_PER_S
# A bound whatever the stamps are: two seconds at 2 kHz.
KEPT_SAMPLES = 4096
_SLACK_NS = NS_PER_S // 4


class Track:
    """
    Samples in the order of their stamps.

    :param is_continuous: whether it is an angle that is equal modulo one turn.
    """

    def __init__(self, is_continuous: bool) -> None:
        self._is_continuous = is_continuous
        self._stamps: list[int] = []
        self._values: list[float] = []

    @property
    def newest(self) -> tuple[int, float] | None:
        """Stamp and value of the newest sample; None without one."""
        return (self._stamps[-1], self._values[-1]) if self._stamps else None

    def clear(self) -> None:
        """Forget everything."""
        self._stamps.clear()
        self._values.clear()

    def add(self, stamp_ns: int, value: float) -> None:
        """Add a sample; it replaces one of the same stamp."""
        stamps, values = self._stamps, self._values
        if not stamps or stamp_ns > stamps[-1]:
            stamps.append(stamp_ns)
            values.append(value)
        elif stamps[place := bisect_left(stamps, stamp_ns)] == stamp_ns:
            values[place] = value
        else:
            stamps.insert(place, stamp_ns)
            values.insert(place, value)
        self._forget_old()

    def interpolated(self, moment_ns: int, max_gap_ns: int) -> float | None:
        """
        Return the value at a moment, on the straight line between the samples around it.

        :returns: None where there is no sample on either side, or they are more than
            ``max_gap_ns`` apart.
        """
        after = bisect_left(self._stamps, moment_ns)
        if after == len(self._stamps):
            return None
        if self._stamps[after] == moment_ns:
            return self._values[after]
        if after == 0 or self._stamps[after] - self._stamps[after - 1] > max_gap_ns:
            return None
        return self._between(after, moment_ns)

    def nearest(self, moment_ns: int) -> tuple[int, float] | None:
        """Return stamp and value of the sample nearest to a moment; None without one."""
        if not self._stamps:
            return None
        after = bisect_left(self._stamps, moment_ns)
        places = range(max(after - 1, 0), min(after + 1, len(self._stamps)))
        place = min(places, key=lambda index: abs(self._stamps[index] - moment_ns))
        return self._stamps[place], self._values[place]

    def _forget_old(self) -> None:
        stamps = self._stamps
        if stamps[0] >= stamps[-1] - KEPT_NS - _SLACK_NS and len(stamps) <= KEPT_SAMPLES:
            return
        # Many at once: each time moves all that stay.
        old = max(bisect_left(stamps, stamps[-1] - KEPT_NS), len(stamps) - KEPT_SAMPLES * 3 // 4)
        del stamps[:old], self._values[:old]

    def _between(self, after: int, moment_ns: int) -> float:
        start_ns, end_ns = self._stamps[after - 1 : after + 1]
        start, end = self._values[after - 1 : after + 1]
        part = (moment_ns - start_ns) / (end_ns - start_ns)
        if not self._is_continuous:
            return start + part * (end - start)
        # Along the shorter way round, in the turn of the nearer sample, as the driver has it.
        value = start + part * (float(nearest_turn(end, start)) - start)
        return float(nearest_turn(value, start if part < 0.5 else end))
