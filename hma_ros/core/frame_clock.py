# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The model clock: which camera image is row k.

Rows lie on a grid of ``1 / frame_hz`` anchored at the first image. A row takes the image whose
header stamp is nearest to its time; one that finds none within the tolerance is a gap, after
which the context must start again, as the model never saw rows of another distance.
"""

from collections import deque
from dataclasses import dataclass

_NS = 1_000_000_000


@dataclass(frozen=True)
class FramePick:
    """
    The answer of one tick.

    ``stamp_ns`` is the chosen image's stamp, None where there is no row now; ``reason`` says why a
    row was missed (None while the next is merely not due); ``restarts`` is true when the context
    before this row cannot be continued.
    """

    stamp_ns: int | None
    reason: str | None = None
    restarts: bool = False


class FrameClock:
    """
    Picks the images that become rows.

    :param frame_hz: rows per second.
    :param max_age_s: an image older than this when picked is refused as stale, and one further
        ahead of the clock on arrival as well.
    :param tolerance_s: largest distance between a row's time and its image; a quarter of a row
        by default.
    """

    def __init__(
        self, frame_hz: float, max_age_s: float, tolerance_s: float | None = None
    ) -> None:
        self._period_ns = round(_NS / frame_hz)
        self._max_age_ns = round(max_age_s * _NS)
        self._tolerance_ns = (
            self._period_ns // 4 if tolerance_s is None else round(tolerance_s * _NS)
        )
        self._unused: deque[int] = deque(maxlen=64)
        self._newest_ns: int | None = None
        self._spacing_ns = self._period_ns
        self._due_ns: int | None = None
        self._is_continuous = False

    def offer(self, stamp_ns: int, now_ns: int) -> str | None:
        """
        Note the stamp of an image that arrived; a jump back of a row or more starts anew.

        :returns: why the image is refused, None if it is not.
        """
        if stamp_ns - now_ns > self._max_age_ns:
            return (
                f'image ahead of the clock: expected at most {self._max_age_ns / _NS:g} s, '
                f'got {(stamp_ns - now_ns) / _NS:.3f} s'
            )
        self._note(stamp_ns)
        return None

    def is_lost(self, pick: FramePick, now_ns: int) -> bool:
        """Whether the clock jumped back since a row was picked."""
        return pick.stamp_ns is not None and pick.stamp_ns - now_ns > self._max_age_ns

    def _note(self, stamp_ns: int) -> None:
        if self._newest_ns is not None:
            if stamp_ns < self._newest_ns - self._period_ns:
                self._unused.clear()
                self._restart()
            elif stamp_ns <= self._newest_ns:
                return
            else:
                self._spacing_ns = stamp_ns - self._newest_ns
        self._newest_ns = stamp_ns
        self._unused.append(stamp_ns)

    def tick(self, now_ns: int) -> FramePick:
        """Return the row that is due at ``now_ns``, if there is one."""
        if self._due_ns is None:
            return self._first(now_ns)
        pick = self._nearest(self._due_ns)
        if pick is not None and not self._better_to_come(pick, self._due_ns, now_ns):
            return self._take(pick, self._due_ns, now_ns)
        latest_ns = self._due_ns + self._tolerance_ns
        has_passed = bool(self._unused) and self._unused[-1] > latest_ns
        if not has_passed and now_ns <= latest_ns + self._max_age_ns:
            return FramePick(None)
        return self._miss(self._due_ns, now_ns)

    def has_next(self) -> bool:
        """Whether an image that may be the next row has arrived."""
        if self._due_ns is None or not self._unused:
            return False
        return self._unused[-1] >= self._due_ns - self._tolerance_ns

    def _first(self, now_ns: int) -> FramePick:
        if not self._unused:
            return FramePick(None, 'no image')
        return self._take(self._unused[-1], self._unused[-1], now_ns)

    def _take(self, stamp_ns: int, due_ns: int, now_ns: int) -> FramePick:
        while self._unused and self._unused[0] <= stamp_ns:
            self._unused.popleft()
        age_ns = now_ns - stamp_ns
        if age_ns > self._max_age_ns:
            self._restart()
            return FramePick(
                None,
                f'stale image: expected at most {self._max_age_ns / _NS:g} s '
                f'old, got {age_ns / _NS:.3f} s',
            )
        restarts, self._is_continuous = not self._is_continuous, True
        self._due_ns = due_ns + self._period_ns
        return FramePick(stamp_ns, None, restarts)

    def _miss(self, due_ns: int, now_ns: int) -> FramePick:
        self._restart()
        return FramePick(
            None,
            f'missing image: expected one within {self._tolerance_ns / _NS:g} '
            f's of a row due {(now_ns - due_ns) / _NS:.3f} s ago, got none',
        )

    def _restart(self) -> None:
        self._due_ns = None
        self._is_continuous = False

    def _nearest(self, due_ns: int) -> int | None:
        near = [stamp for stamp in self._unused if abs(stamp - due_ns) <= self._tolerance_ns]
        return min(near, key=lambda stamp: abs(stamp - due_ns), default=None)

    def _better_to_come(self, stamp_ns: int, due_ns: int, now_ns: int) -> bool:
        """Whether, at the camera's own rate, the next image will be nearer to the row."""
        is_early = due_ns - stamp_ns > self._spacing_ns / 2
        return is_early and stamp_ns == self._newest_ns and now_ns <= due_ns + self._tolerance_ns
