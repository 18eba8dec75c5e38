# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How long this process did not run: it was suspended, or the machine was."""

import time

# Timers come at least ten times a second; a shorter gap is a busy machine.
_PAUSE_S = 0.25


class OwnPauses:
    """Notices gaps between looks, by a clock that goes on while the machine is suspended."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin to watch."""
        self._seen_s = time.clock_gettime(time.CLOCK_BOOTTIME)

    def look(self) -> float:
        """Return how long there was no look [s]; 0 unless that was a pause."""
        before_s = self._seen_s
        self.begin()
        gap_s = self._seen_s - before_s
        return gap_s if gap_s > _PAUSE_S else 0.0
