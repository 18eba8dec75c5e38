# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Why the robot must not move: what every publisher of every stop topic said last.

A reason is kept for each publisher and entry: only the publisher that said stop can take it
back. If that publisher dies, its reason stays until one that came after its last message reports
"no stop": it may be the same button, restarted, while one that was there before is another button.
Reasons outlive a reconfiguration; reports of "no stop" do not.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from hma_ros.core.embodiment.spec import StopSpec
from hma_ros.core.units import NS_PER_S


@dataclass
class _Entry:
    """
    One entry of the embodiment.

    By publisher: reasons, reports of "no stop", last message, and when it was first there.
    """

    stop: StopSpec
    topic: str
    reasons: dict[Hashable, tuple[str, int]] = field(default_factory=dict)
    clear: dict[Hashable, int] = field(default_factory=dict)
    heard: dict[Hashable, int] = field(default_factory=dict)
    since: dict[Hashable, int] = field(default_factory=dict)
    are_known: bool = False

    @property
    def is_needed(self) -> bool:
        """Whether a motion needs a report of "no stop" from it."""
        return self.stop.mandatory or self.stop.heartbeat_s is not None


class StopBoard:
    """
    Keeps the reasons; all times are of a steady clock.

    :param stops: the entries of the embodiment.
    :param topics: their resolved topics.
    """

    def __init__(self, stops: Sequence[StopSpec], topics: Sequence[str]) -> None:
        self._entries = [_Entry(stop, topic) for stop, topic in zip(stops, topics, strict=True)]

    def begin(self, previous: 'StopBoard | None') -> None:
        """Take over the reasons of an earlier configuration: they hold until taken back."""
        for old in [] if previous is None else previous._entries:
            for entry in self._entries:
                same = (entry.topic, entry.stop.field, entry.stop.stop_values)
                if same == (old.topic, old.stop.field, old.stop.stop_values):
                    entry.reasons.update(old.reasons)
                    entry.since.update(old.since)

    def take(self, index: int, value: object, publisher: Hashable, steady_ns: int) -> str | None:
        """
        Take what a publisher says.

        :param index: of the entry.
        :param value: of the entry's field.
        :param publisher: None where it is not known.
        :returns: the reason to stop, None if it says "no stop".
        """
        entry = self._entries[index]
        entry.heard[publisher] = steady_ns
        entry.since.setdefault(publisher, steady_ns)
        stop = entry.stop
        if value in stop.stop_values:
            reason = f'{entry.topic}: {stop.reason} ({stop.field} = {value})'
            entry.reasons[publisher] = (reason, steady_ns)
            entry.clear.pop(publisher, None)
            return reason
        entry.reasons.pop(publisher, None)
        entry.clear[publisher] = steady_ns
        return None

    def forget_dead(self, index: int, alive: Sequence[Hashable], steady_ns: int) -> str | None:
        """
        Drop the reasons of publishers that are gone, where a newer one reports "no stop".

        :param alive: the publishers of the entry's topic.
        :returns: why to stop: one that sent a message is gone, and the entry needs it.
        """
        entry = self._entries[index]
        for publisher in alive:
            entry.since.setdefault(publisher, steady_ns)
        gone = [publisher for publisher in entry.heard if publisher not in alive]
        entry.are_known = entry.are_known or len(gone) < len(entry.heard)
        if alive and not entry.are_known:
            # The middleware may name publishers in messages otherwise than in its graph.
            return None
        entry.clear = {key: time for key, time in entry.clear.items() if key in alive}
        newest = max((entry.since[publisher] for publisher in entry.clear), default=None)
        entry.reasons = {
            publisher: (reason, time_ns)
            for publisher, (reason, time_ns) in entry.reasons.items()
            if publisher in alive or newest is None or newest <= time_ns
        }
        for publisher in gone:
            del entry.heard[publisher]
            if publisher in entry.reasons:
                reason, time_ns = entry.reasons[publisher]
                entry.reasons[publisher] = f'{reason}; its publisher is gone, restart it', time_ns
        if not entry.reasons:
            # Who comes back while there is a reason is no newer publisher.
            entry.since = {key: time for key, time in entry.since.items() if key in alive}
        if not gone or not entry.is_needed:
            return None
        return (
            f'{entry.topic}: a publisher that was heard is gone, expected it to stay; restart it'
        )

    @property
    def reason(self) -> str | None:
        """What a publisher says stop for at present; None if none does."""
        reasons = (reason for entry in self._entries for reason, _ in entry.reasons.values())
        return next(reasons, None)

    def is_heard(self, index: int) -> bool:
        """Whether an entry's topic has said anything in this configuration."""
        return bool(self._entries[index].heard)

    def silence(self, steady_ns: int) -> str | None:
        """Return which publisher with a heartbeat fell silent; None if none did."""
        for entry in self._entries:
            limit_s = entry.stop.heartbeat_s
            if limit_s is None or not entry.heard:
                continue
            silent_s = (steady_ns - min(entry.heard.values())) / NS_PER_S
            if silent_s > limit_s:
                return (
                    f'{entry.topic}: got no message for {silent_s:.2f} s from one that was heard, '
                    f'expected one every {limit_s:g} s (heartbeat_s)'
                )
        return None

    def refusal(self, steady_ns: int) -> str | None:
        """Return why no motion may start or resume; None if one may."""
        if self.reason is not None:
            return self.reason
        for entry in self._entries:
            if entry.is_needed and not entry.clear:
                return (
                    f'{entry.topic}: got no message that says "no stop", expected one before a '
                    'motion (mandatory); start its publisher'
                )
        return self.silence(steady_ns)
