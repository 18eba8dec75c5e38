# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What went wrong with the messages of one topic of a recording, counted."""

from collections import deque
from dataclasses import dataclass, field
from statistics import median_low

from hma_ros.core.messages.stamp_ages import stamp_fault
from hma_ros.core.units import NS_PER_S

_SPACINGS = _AGES = 15


@dataclass
class TopicCounts:
    """
    Counts of one topic.

    ``dropped`` is an estimate: how many messages of the usual spacing would fit into the gaps.
    Pauses of the recording do not count as gaps: see :meth:`pause`.
    """

    messages: int = 0
    corrupt: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    late: int = 0
    dropped: int = 0
    first_fault: str | None = None
    _newest_ns: int | None = None
    _spacings: deque[int] = field(default_factory=lambda: deque(maxlen=_SPACINGS))
    _ages_s: deque[float] = field(default_factory=lambda: deque(maxlen=_AGES))
    _is_late: bool = True
    _is_behind_pause: bool = False

    def note_fault(self, fault: str) -> None:
        """Count a message that cannot be used."""
        self.corrupt += 1
        self.first_fault = self.first_fault or fault

    def note_stamp(self, stamp_ns: int) -> None:
        """Compare a header stamp with the ones before it."""
        newest = self._newest_ns
        if newest is not None and stamp_ns == newest:
            self.duplicated += 1
        elif newest is not None and stamp_ns < newest:
            self.out_of_order += 1
        else:
            if newest is not None and not self._is_behind_pause:
                self._note_spacing(stamp_ns - newest)
            self._newest_ns, self._is_behind_pause = stamp_ns, False

    def pause(self) -> None:
        """Leave out the time from the newest message to the next: nothing was missed in it."""
        self._is_behind_pause = True

    def note_age(self, age_ns: int, max_age_s: float) -> None:
        """Compare a header stamp with the clock of the recording."""
        is_late = abs(age_ns) > max_age_s * NS_PER_S
        self.late += is_late
        self._is_late = self._is_late and is_late
        self._ages_s.append(age_ns / NS_PER_S)

    def note_clock(self, max_age_s: float, key: str, use_sim_time: bool) -> None:
        """
        At the end: where no stamp was in time, name the clocks as the fault of the topic.

        :param key: of the embodiment file, for ``max_age_s``.
        :param use_sim_time: whether the recording has ``/clock``.
        """
        if not (self._ages_s and self._is_late):
            return
        has_stamp = self._newest_ns != 0
        ages_s = list(self._ages_s)
        fault = stamp_fault(ages_s, max_age_s, key, has_stamp, use_sim_time, 'the recorder')
        if fault is not None:
            self.first_fault = f'all messages: {fault[0]}; record again: {fault[1]}'

    def facts(self) -> dict[str, int | str | None]:
        """Return the counts by name."""
        return {key: value for key, value in vars(self).items() if not key.startswith('_')}

    def _note_spacing(self, spacing_ns: int) -> None:
        if len(self._spacings) == _SPACINGS:
            usual_ns = max(median_low(self._spacings), 1)
            self.dropped += max(0, round(spacing_ns / usual_ns) - 1)
        self._spacings.append(spacing_ns)
