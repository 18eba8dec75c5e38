# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Steps and marks to the episodes of a data set.

Where the operator marked episodes, what lies between ``begin`` and the next mark is one; elsewhere
the whole recording is. A step that was dropped ends an episode, so that steps within one are
always a frame period apart; ``discard`` removes all pieces since ``begin``.
"""

from __future__ import annotations

from hma_ros.data.bag_steps import Mark
from hma_ros.data.lerobot_writer import EpisodeFile, LeRobotWriter
from hma_ros.data.steps import Step

# Shorter pieces teach nothing: a window needs a step and the next.
_FEWEST = 2


class EpisodeCutter:
    """
    Cuts steps into episodes.

    ``outside`` counts steps of no episode, ``begun`` the marks ``begin``.

    :param has_marks: whether marks say where episodes begin.
    """

    def __init__(self, writer: LeRobotWriter, has_marks: bool) -> None:
        self._writer, self._has_marks = writer, has_marks
        self._is_on = not has_marks
        self._file: EpisodeFile | None = None
        self._pieces: list[EpisodeFile] = []
        self.outside = self.begun = 0

    def take(self, item: Step | Mark) -> None:
        """Take what comes next."""
        if isinstance(item, Mark):
            self._mark(item.text)
        elif not self._is_on:
            self.outside += 1
        else:
            if item.restarts:
                self._end(None)
            if self._file is None:
                self._file = self._writer.begin()
            self._file.add(item)

    def close(self) -> None:
        """End the episode that is on, whose result nobody said."""
        self._end(None)

    def _mark(self, text: str) -> None:
        self._end({'succeed': True, 'fail': False}.get(text))
        if text == 'discard':
            self._discard()
        self._pieces.clear()
        self._is_on = text == 'begin'
        self.begun += self._is_on

    def _discard(self) -> None:
        self._writer.take_back(len(self._pieces))
        self.outside += sum(file.length for file in self._pieces)

    def _end(self, success: bool | None) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        if file.length < _FEWEST:
            self.outside += file.length
            file.discard()
            return
        self._writer.end(file, success)
        self._pieces.append(file)
