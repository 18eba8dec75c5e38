# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The model clock: which camera image is step k.

Steps are due ``1 / frame_hz`` apart, from the first image on. A step takes the image whose header
stamp is nearest to its time. A camera of any rate from ``frame_hz`` on has one within half its
own spacing, so the tolerance follows the spacing that is measured. A step that finds none within
the tolerance is a gap, after which the context must start again, as the model never saw steps of
another distance.

The age of an image is judged when it arrives, not when it is picked: if a process was held up for
a moment, the images that the middleware kept meanwhile still become steps.

Clocks are never quite equal: behind a camera that is slower by at most a tenth the steps slip, so
that every image is one. A camera that is slower still is refused.
"""

from collections import deque
from dataclasses import dataclass
from statistics import median_low

from hma_ros.core.messages.stamp import clock_hint
from hma_ros.core.units import NS_PER_S

# So many spacings are looked at: one gap does not change their median, nor the second largest.
_SPACINGS = 15
_FEWEST = 5
_SLOWEST = 1.1
# A process may be held up for so many times the largest age of an image.
_HELD_UP = 5


@dataclass(frozen=True)
class FramePick:
    """
    The answer of one tick.

    ``stamp_ns`` is the chosen image's stamp, None where there is no step now; ``reason`` says why
    a step was missed (None while the next is merely not due); ``restarts`` is true when the
    context before this step cannot be continued.
    """

    stamp_ns: int | None
    reason: str | None = None
    restarts: bool = False


class FrameClock:
    """
    Picks the images that become steps; each image is at most one.

    :param frame_hz: steps per second.
    :param max_age_s: an image older than this on arrival is refused as stale, and one further
        ahead of the clock as well. A context begins only with one no older than that when picked.
    """

    def __init__(self, frame_hz: float, max_age_s: float) -> None:
        self._period_ns = round(NS_PER_S / frame_hz)
        self._max_age_ns = round(max_age_s * NS_PER_S)
        self._unused: deque[int] = deque(maxlen=64)
        self._spacings: deque[int] = deque(maxlen=_SPACINGS)
        self._spacing_ns = self._period_ns
        self._jitter_ns = 0
        self._measured_ns = self._period_ns
        self._newest_ns: int | None = None
        self._heard_ns = 0
        self._due_ns: int | None = None
        self._is_continuous = False

    def offer(self, stamp_ns: int, now_ns: int, waited_ns: int = 0) -> str | None:
        """
        Note the stamp of an image that arrived; a jump back of a step or more starts anew.

        :param now_ns: when it was taken.
        :param waited_ns: how long before it arrived.
        :returns: why the image is refused, None if it is not.
        """
        age_ns = now_ns - waited_ns - stamp_ns
        if age_ns > self._max_age_ns:
            return self._too_old(age_ns)
        if -age_ns > self._max_age_ns:
            return (
                f'image ahead of the clock: got {-age_ns / NS_PER_S:.3f} s, '
                f'expected at most {self._max_age_ns / NS_PER_S:g} s{clock_hint(age_ns)}'
            )
        self._note(stamp_ns, now_ns)
        return None

    def is_lost(self, pick: FramePick, now_ns: int) -> bool:
        """Whether the clock jumped back since a step was picked."""
        return pick.stamp_ns is not None and pick.stamp_ns - now_ns > self._max_age_ns

    def tick(self, now_ns: int) -> FramePick:
        """Return the step that is due at ``now_ns``, if there is one."""
        if self._measured_ns > _SLOWEST * self._period_ns:
            return self._refuse()
        if self._due_ns is None:
            return self._first(now_ns)
        pick = self._nearest(self._due_ns)
        if pick is not None and not self._better_to_come(pick, self._due_ns, now_ns):
            return self._take(pick, self._due_ns)
        latest_ns = self._due_ns + self._tolerance_ns
        has_passed = bool(self._unused) and self._unused[-1] > latest_ns
        may_come = now_ns <= latest_ns + _HELD_UP * self._max_age_ns
        if pick is not None or (not has_passed and may_come):
            return FramePick(None)
        return self._miss(self._due_ns, now_ns)

    @property
    def is_running(self) -> bool:
        """Whether a step has a time; it has none before the first image, and after a gap."""
        return self._due_ns is not None

    def has_next(self) -> bool:
        """Whether an image that may be the next step has arrived."""
        if self._due_ns is None or not self._unused:
            return False
        return not self._is_early(self._unused[-1], self._due_ns)

    @property
    def _tolerance_ns(self) -> int:
        """Half a step for the rates, and a quarter of the camera's spacing for its jitter."""
        return self._period_ns // 2 + self._spacing_ns // 4

    def _note(self, stamp_ns: int, now_ns: int) -> None:
        if self._newest_ns is not None:
            if stamp_ns <= self._newest_ns - self._period_ns:
                self._unused.clear()
                self._restart()
            elif stamp_ns <= self._newest_ns:
                return
            else:
                self._measure(stamp_ns - self._newest_ns)
        self._newest_ns, self._heard_ns = stamp_ns, now_ns
        self._unused.append(stamp_ns)

    def _measure(self, spacing_ns: int) -> None:
        self._spacings.append(spacing_ns)
        slowest_ns = round(_SLOWEST * self._period_ns)
        if len(self._spacings) < _FEWEST:
            self._spacing_ns = min(max(self._spacings), slowest_ns)
            return
        ordered, count = sorted(self._spacings), len(self._spacings)
        without_one_gap_ns = sum(ordered[1:-1]) // (count - 2)
        self._spacing_ns = min(without_one_gap_ns, slowest_ns)
        # Gaps leave the median as it is, and jitter the mean: too slow is what neither excuses.
        self._measured_ns = min(without_one_gap_ns, median_low(ordered), sum(ordered) // count)
        self._jitter_ns = min(ordered[-2] - self._spacing_ns, self._spacing_ns // 2)

    def _first(self, now_ns: int) -> FramePick:
        if not self._unused:
            return FramePick(None, 'no image')
        stamp_ns = self._unused[-1]
        if now_ns - stamp_ns > self._max_age_ns:
            self._unused.clear()
            return FramePick(None, self._too_old(now_ns - stamp_ns))
        return self._take(stamp_ns, stamp_ns)

    def _take(self, stamp_ns: int, due_ns: int) -> FramePick:
        while self._unused and self._unused[0] <= stamp_ns:
            self._unused.popleft()
        restarts, self._is_continuous = not self._is_continuous, True
        # A camera that keeps up is never later than that; behind a slower one the steps slip.
        is_slower = self._spacing_ns > self._period_ns
        latest_ns = self._jitter_ns if is_slower else self._spacing_ns // 2
        self._due_ns = max(due_ns, stamp_ns - latest_ns) + self._period_ns
        return FramePick(stamp_ns, None, restarts)

    def _miss(self, due_ns: int, now_ns: int) -> FramePick:
        self._restart()
        return FramePick(
            None,
            f'missing image: got none within {self._tolerance_ns / NS_PER_S:.3f} s of a step due '
            f'{(now_ns - due_ns) / NS_PER_S:.3f} s ago, expected one',
        )

    def _refuse(self) -> FramePick:
        """Say once per image that there are too few of them."""
        self._restart()
        if not self._unused:
            return FramePick(None)
        self._unused.clear()
        return FramePick(
            None,
            f'camera too slow: got {NS_PER_S / self._measured_ns:.1f} images per second, expected '
            f'at least {NS_PER_S / self._period_ns:g} (rates.frame_hz); raise the rate of the '
            'camera',
        )

    def _too_old(self, age_ns: int) -> str:
        return (
            f'stale image: got one {age_ns / NS_PER_S:.3f} s old, '
            f'expected at most {self._max_age_ns / NS_PER_S:g} s{clock_hint(age_ns)}'
        )

    def _restart(self) -> None:
        self._due_ns = None
        self._is_continuous = False

    def _nearest(self, due_ns: int) -> int | None:
        """Return the nearest image, an earlier one where jitter alone may make it farther."""
        near = [stamp for stamp in self._unused if abs(stamp - due_ns) <= self._tolerance_ns]
        late_ns = self._jitter_ns
        return min(
            near,
            key=lambda stamp: abs(stamp - due_ns) + (late_ns if stamp > due_ns else 0),
            default=None,
        )

    def _is_early(self, stamp_ns: int, due_ns: int) -> bool:
        """Whether, at the camera's own rate, the image after this one will be nearer."""
        return due_ns - stamp_ns > (self._spacing_ns + self._jitter_ns) // 2

    def _better_to_come(self, stamp_ns: int, due_ns: int, now_ns: int) -> bool:
        if stamp_ns != self._newest_ns or not self._is_early(stamp_ns, due_ns):
            return False
        # The next image comes a spacing after this one; another spacing, and it was dropped.
        return now_ns <= self._heard_ns + 2 * self._spacing_ns
