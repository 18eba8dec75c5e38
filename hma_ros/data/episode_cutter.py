# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Steps and marks to the episodes of a data set.

Where the operator marked attempts, what lies between ``begin`` and the next mark is one episode;
elsewhere the whole recording is. A step that was dropped ends an episode, so that steps within one
are always a frame period apart, and an attempt may become several. ``fail`` counts for all of
them and ``discard`` removes them; ``succeed`` counts for the last, as the others end at a gap
before the goal. The result of an attempt that is not ended so is unknown.
"""

from __future__ import annotations

from collections import Counter

from hma_ros.data.bag_steps import Mark
from hma_ros.data.lerobot_writer import EpisodeFile, LeRobotWriter
from hma_ros.data.step_alignment import CUT_OFF, Drop
from hma_ros.data.steps import Step

# Shorter pieces teach nothing: a window needs a step and the next.
_FEWEST = 2
_ENDS = {'succeed': 'succeeded', 'fail': 'failed', 'discard': 'discarded'}
# An episode that ends so long, or so many steps, before the mark did not itself succeed.
_MOST_LEFT_NS, _MOST_LEFT_STEPS = 2_000_000_000, 3


class DropCounts:
    """Dropped steps by kind, with the first reason of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.firsts: dict[str, str] = {}

    def note(self, drop: Drop) -> None:
        """Count one."""
        self.counts[drop.kind] += 1
        self.firsts.setdefault(drop.kind, drop.why)

    def merge(self, other: DropCounts) -> None:
        """Add those of another, which came later."""
        self.counts += other.counts
        for kind, why in other.firsts.items():
            self.firsts.setdefault(kind, why)


class EpisodeCutter:
    """
    Cuts steps into episodes.

    ``outside`` counts steps of no episode, and ``marks`` attempts by how they ended; a mark was
    ``ignored`` where none was on. ``split`` attempts became several episodes, and ``empty`` ones
    none, though they were ended. ``dropped`` steps are those of attempts, without the discarded.

    :param has_marks: whether marks say where episodes begin.
    """

    def __init__(self, writer: LeRobotWriter, has_marks: bool) -> None:
        self._writer, self._has_marks = writer, has_marks
        self._is_on = not has_marks
        self._file: EpisodeFile | None = None
        self._pieces: list[EpisodeFile] = []
        self._newest_ns = 0
        steps_ns = round(_MOST_LEFT_STEPS * 1e9 * writer.spec.rates.frame_dt_s)
        self._most_left_ns = max(_MOST_LEFT_NS, steps_ns)
        self._lost = DropCounts()
        self.outside = self.split = self.empty = 0
        self.dropped, self.dropped_outside = DropCounts(), DropCounts()
        words = ('begun', *_ENDS.values(), 'never ended', 'ignored')
        self.marks = dict.fromkeys(words, 0)

    def take(self, item: Step | Drop | Mark) -> None:
        """Take what comes next."""
        if isinstance(item, Mark):
            self._mark(item)
        elif isinstance(item, Drop):
            is_inside = self._is_on and item.kind != CUT_OFF
            (self._lost if is_inside else self.dropped_outside).note(item)
        elif not self._is_on:
            self.outside += 1
        else:
            self._add(item)

    def lose_track(self) -> None:
        """End the attempt that is on: its mark may be lost, and so may that of the next."""
        self._leave('never ended')
        self._is_on = not self._has_marks

    def close(self) -> None:
        """End the attempt that is on, whose result nobody said."""
        self._leave('never ended')

    def facts(self) -> dict[str, object]:
        """Return the counts by name."""
        return {
            'dropped_steps': dict(self.dropped.counts),
            'first_drop': next(iter(self.dropped.firsts.values()), None),
            'first_drops': self.dropped.firsts,
            'dropped_outside': dict(self.dropped_outside.counts),
            'outside_episodes': self.outside,
        }

    def _add(self, step: Step) -> None:
        if step.restarts:
            self._end()
        if self._file is None:
            self._file = self._writer.begin()
        self._file.add(step)
        self._newest_ns = step.stamp_ns

    def _mark(self, mark: Mark) -> None:
        if mark.text == 'begin':
            self._leave('never ended')
            self.marks['begun'] += 1
        elif self._is_on:
            self._leave(_ENDS[mark.text], mark.stamp_ns)
        else:
            self.marks['ignored'] += 1
        self._is_on = mark.text == 'begin'

    def _leave(self, result: str, now_ns: int = 0) -> None:
        """End an attempt, if one is on."""
        if not self._is_on:
            return
        self._end()
        if self._has_marks:
            self.marks[result] += 1
            self._judge(result, now_ns - self._newest_ns > self._most_left_ns)
        is_discarded = result == 'discarded'
        (self.dropped_outside if is_discarded else self.dropped).merge(self._lost)
        self._lost = DropCounts()
        self._pieces.clear()

    def _judge(self, result: str, is_end_lost: bool) -> None:
        count = len(self._pieces)
        if result == 'discarded':
            self._writer.take_back(count)
            self.outside += sum(file.length for file in self._pieces)
            return
        if result == 'failed':
            self._writer.judge(count, False)
        elif result == 'succeeded':
            self._writer.judge(count, None, goes_on=True)
            self._writer.judge(0 if is_end_lost else min(count, 1), True)
        self.split += count > 1
        self.empty += count == 0

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        if file.length < _FEWEST:
            self.outside += file.length
            file.discard()
            return
        self._writer.end(file, None)
        self._pieces.append(file)
