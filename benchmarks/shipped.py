# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The shipped bundle against itself without a context: the window computed anew at each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.duel import duel, entry
from hma_ros.runtime.world_model import WorldModel

_HORIZON = 8


def shipped_results(model: WorldModel, frames: np.ndarray, rounds: int) -> list[dict[str, Any]]:
    """
    Time actions and imagined frames of one robot.

    :param frames: ``uint8[N, H, W, 3]``, more than a window of them.
    """
    seen = _Seen(model, frames)
    seen.fill()
    act = duel(seen.act, seen.act_anew, rounds, repeats=20)
    imagine = duel(seen.imagine, seen.imagine_anew, rounds, repeats=3)
    name = model.stem.embodiment
    return [
        entry('shipped_act', act, embodiment=name, act_ms=1e3 * act.ours_s),
        entry(
            'shipped_imagine',
            imagine,
            embodiment=name,
            frames_per_s=_HORIZON / imagine.ours_s,
            baseline_frames_per_s=_HORIZON / imagine.baseline_s,
        ),
    ]


class _Seen:
    """Some frames, and the ways to go on from them."""

    def __init__(self, model: WorldModel, frames: np.ndarray) -> None:
        self._model, self._frames = model, frames
        stem = model.stem
        self._chunk = np.zeros((stem.stride, stem.action_dim), np.float32)
        self._joints = np.zeros(len(stem.measured_names), np.float32)
        self._next = 0

    def fill(self) -> None:
        """See a window."""
        self._model.reset()
        for _ in range(self._model.manifest.window):
            self._see()

    def act(self) -> None:
        """Take in a frame and decide."""
        self._see()
        self._model.act()

    def act_anew(self) -> None:
        """Take in the whole window and decide."""
        self.fill()
        self._model.act()

    def imagine(self) -> None:
        """Imagine some frames."""
        self._model.imagine(None, _HORIZON)

    def imagine_anew(self) -> None:
        """Imagine some frames, one by one, each with the whole window."""
        for _ in range(_HORIZON):
            self.fill()
            self._model.imagine(None, 1)

    def _see(self) -> None:
        frame = self._frames[self._next % len(self._frames)]
        self._model.observe(frame, self._chunk, self._joints)
        self._next += 1
