# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Measured positions of the last seconds, collected by name over any number of messages.

A driver may send all joints in one message, or arm and gripper in two, and several drivers may
share a topic: other joints are ignored.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.track import KEPT_NS, Track
from hma_ros.core.errors import MessageError
from hma_ros.core.short_text import first_few
from hma_ros.core.units import NS_PER_S

Vector = NDArray[np.float64]
# Messages overtake each other by less; an older stamp is a clock that was set back.
REORDER_NS = 50_000_000
_LAYOUTS_KEPT = 64
_MOST_NAMES = 1000
_PUBLISHERS_KEPT = 8


class PositionHistory:
    """
    Samples of named coordinates; bounded in time and number.

    :param names: ``D`` names, as the messages have them, in the order of the answers.
    :param topic: where they come from, for errors.
    :param max_age_s: a sample at most this far from a moment counts for it, and samples at most
        this far apart are interpolated.
    :param is_continuous_D: ``bool[D]``, angles that are equal modulo one turn; default none.
    """

    def __init__(
        self,
        names: Sequence[str],
        topic: str,
        max_age_s: float,
        is_continuous_D: ArrayLike | None = None,
    ) -> None:
        self._names, self._topic, self._max_age_s = tuple(names), topic, max_age_s
        self._max_age_ns = round(max_age_s * NS_PER_S)
        turning = np.zeros(len(names), bool) if is_continuous_D is None else is_continuous_D
        self._tracks = [Track(bool(turns)) for turns in np.broadcast_to(turning, len(names))]
        self._layouts: dict[tuple[str, ...], tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self._publishers: list[list[Hashable]] = [[] for _ in names]
        self._conflict: tuple[int, int] | None = None

    @property
    def conflict(self) -> str | None:
        """
        Which coordinate two publishers send at the same time; None if none.

        While there is one, no position is known. It ends when the newest sample is two seconds
        younger than the last one of the second publisher.
        """
        if self._conflict is None:
            return None
        column, stamp_ns = self._conflict
        newest = self._tracks[column].newest
        if newest is not None and newest[0] - stamp_ns > KEPT_NS:
            return None
        return (
            f'{self._topic}: {self._names[column]!r}: got positions from 2 publishers, expected '
            f'1; stop one of them (ros2 topic info --verbose {self._topic})'
        )

    @property
    def absence(self) -> str | None:
        """Which coordinates no message held so far; None if there are none."""
        pairs = zip(self._names, self.newest_stamps(), strict=True)
        missing = [name for name, stamp in pairs if stamp is None]
        if not missing:
            return None
        return (
            f'{self._topic}: got no position of {", ".join(missing)}{self._others}; {self._advice}'
        )

    def clear(self) -> None:
        """Forget all samples, e.g. when the clock was set back."""
        self._conflict = None
        for track in self._tracks:
            track.clear()

    def add(
        self,
        stamp_ns: int,
        names: Sequence[str],
        positions: ArrayLike,
        publisher: Hashable = None,
    ) -> tuple[int, ...]:
        """
        Take what a message has of these coordinates.

        A stamp more than :data:`REORDER_NS` older than the newest one of the same coordinate
        means that the clock was set back: what was known before is forgotten.

        :param names: all names of the message, in any order.
        :param positions: ``float64[len(names)]``, rad or m.
        :param publisher: who sent it; None if that is not known.
        :returns: the places in ``names`` of the constructor that the message held; empty for a
            message about other coordinates.
        :raises MessageError: a coordinate lacks a position, has one that is not finite, or is
            named twice; then nothing is taken.
        """
        columns, places = self._layout(tuple(names))
        if not columns:
            return columns
        values = self._checked(columns, places, len(names), positions)
        newest = [self._tracks[column].newest for column in columns]
        if any(item is not None and stamp_ns < item[0] - REORDER_NS for item in newest):
            self.clear()
        for column, value in zip(columns, values.tolist(), strict=True):
            self._tracks[column].add(stamp_ns, value)
            self._note(column, publisher, stamp_ns)
        return columns

    def newest(self) -> tuple[Vector, int, str] | None:
        """Return the newest positions ``float64[D]``, the oldest one's stamp and its name."""
        known = [track.newest for track in self._tracks]
        if self.conflict is not None or None in known:
            return None
        stamps, values = zip(*(item for item in known if item is not None), strict=True)
        oldest = stamps.index(min(stamps))
        return np.array(values), stamps[oldest], self._names[oldest]

    def newest_stamps(self) -> list[int | None]:
        """Return the stamp of the newest sample of each coordinate; None without one."""
        return [None if (item := track.newest) is None else item[0] for track in self._tracks]

    def unheard(self, since_ns: int) -> str | None:
        """Say which coordinates no message held since a moment; None if there are none."""
        pairs = zip(self._names, self.newest_stamps(), strict=True)
        silent = [name for name, stamp in pairs if stamp is None or stamp < since_ns]
        return f'{first_few(silent)} on {self._topic}' if silent else None

    def reaches(self, moment_ns: int) -> bool:
        """Whether every coordinate was heard at a moment or later."""
        return all(stamp is not None and stamp >= moment_ns for stamp in self.newest_stamps())

    def interpolated(self, moment_ns: int) -> Vector:
        """
        Return the positions on the straight lines between the samples around a moment.

        :returns: ``float64[D]``, NaN where there is no sample on either side or they are too far
            apart.
        """
        if self.conflict is not None:
            return np.full(len(self._names), np.nan)
        found = [track.interpolated(moment_ns, self._max_age_ns) for track in self._tracks]
        return np.array([np.nan if value is None else value for value in found])

    def at(self, moment_ns: int) -> Vector:
        """
        Return the positions at a moment ``float64[D]``.

        Interpolated where that is possible, else the nearest sample.

        :raises MessageError: a coordinate has no sample near enough, or two publishers.
        """
        if (conflict := self.conflict) is not None:
            raise MessageError(conflict)
        positions = self.interpolated(moment_ns)
        for column in np.flatnonzero(np.isnan(positions)).tolist():
            positions[column] = self._nearest(column, moment_ns)
        return positions

    def _nearest(self, column: int, moment_ns: int) -> float:
        where = f'{self._topic}: position of {self._names[column]!r}'
        near = self._tracks[column].nearest(moment_ns)
        if near is None:
            raise MessageError(
                f'{where}: got none{self._others}, expected one within {self._max_age_s:g} s of a '
                f'frame; {self._advice}'
            )
        stamp_ns, value = near
        if abs(stamp_ns - moment_ns) > self._max_age_ns:
            distance_s = (stamp_ns - moment_ns) / NS_PER_S
            raise MessageError(
                f'{where}: got the nearest {distance_s:+.3f} s from a frame, '
                f'expected one within {self._max_age_s:g} s; check the rate of the topic and the '
                'clocks'
            )
        return value

    @property
    def _others(self) -> str:
        heard = self._heard()
        return f' (only of {first_few(heard)})' if heard else ''

    @property
    def _advice(self) -> str:
        if not self._heard():
            return 'see that the topic is published'
        return (
            "see what else publishes, or write the driver's names into state.sources.message_names"
        )

    def _heard(self) -> list[str]:
        """Return the names that are not ours, then those of which there are positions."""
        stamps = self.newest_stamps()
        ours = [name for name, stamp in zip(self._names, stamps, strict=True) if stamp is not None]
        theirs = dict.fromkeys(name for names in self._layouts for name in names)
        return [name for name in theirs if name not in self._names] + ours

    def _layout(self, names: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return which of our coordinates a message holds, and where in it they are."""
        if len(names) > _MOST_NAMES:
            raise MessageError(
                f'{self._topic}: got {len(names)} names, expected at most {_MOST_NAMES}'
            )
        if names not in self._layouts:
            columns = tuple(index for index, name in enumerate(self._names) if name in names)
            for column in columns:
                if names.count(self._names[column]) > 1:
                    raise MessageError(
                        f'{self._topic}: position of {self._names[column]!r}: got several in one '
                        'message, expected one'
                    )
            if len(self._layouts) >= _LAYOUTS_KEPT:
                self._layouts.clear()
            places = tuple(names.index(self._names[column]) for column in columns)
            self._layouts[names] = (columns, places)
        return self._layouts[names]

    def _checked(
        self, columns: tuple[int, ...], places: tuple[int, ...], count: int, positions: ArrayLike
    ) -> Vector:
        values = np.asarray(positions, np.float64)
        if values.shape != (count,):
            raise MessageError(
                f'{self._topic}: position of {self._names[columns[0]]!r}: got {values.size} '
                f'positions for {count} names, expected one each'
            )
        taken = values[list(places)]
        if not np.isfinite(taken).all():
            index = int(np.argmax(~np.isfinite(taken)))
            raise MessageError(
                f'{self._topic}: position of {self._names[columns[index]]!r}: got '
                f'{taken[index]}, expected a finite one'
            )
        return taken

    def _note(self, column: int, publisher: Hashable, stamp_ns: int) -> None:
        """Notice a publisher that is heard again after another one: both are there."""
        known = self._publishers[column]
        if publisher is None or (known and known[-1] == publisher):
            return
        if publisher in known:
            known.remove(publisher)
            self._conflict = (column, stamp_ns)
        known.append(publisher)
        del known[:-_PUBLISHERS_KEPT]
