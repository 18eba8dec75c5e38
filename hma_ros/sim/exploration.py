# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Who acts in an episode: the noisy expert, an expert with detours, or nobody with a plan."""

from __future__ import annotations

from typing import Literal

import numpy as np

from hma_ros.sim.simulation import Task

Kind = Literal['expert', 'play', 'random']
KINDS: tuple[Kind, ...] = ('expert', 'play', 'random')
_DETOUR_CHANCE = 0.45
_MIN_STEPS, _MAX_STEPS = 4, 14
_PLAY_NOISE = 0.15


class Explorer:
    """
    Turns the expert's chunk into the one that is executed.

    ``expert``: Gaussian noise on the step action, its size drawn per episode, so that the data
    hold the states around the expert's path with the right way back as the label. ``play``: the
    expert, interrupted by wandering for some steps. ``random``: wandering all the time.
    """

    def __init__(self, task: Task, kind: Kind, rng: np.random.Generator) -> None:
        self._task, self._kind, self._rng = task, kind, rng
        self._noise = task.noise * (rng.uniform(0.5, 1.5) if kind == 'expert' else _PLAY_NOISE)
        self._steps_left = 0
        self._wandering = False
        self._heading = task.draw_heading(rng)

    def act(self, label: np.ndarray) -> np.ndarray:
        """
        Return the executed chunk ``float32[stride, A]``.

        :param label: the expert's chunk ``float32[stride, A]``.
        """
        if self._kind != 'expert':
            self._continue_segment()
        step = self._task.step_from(label)
        if self._wandering:
            step = self._task.wander(self._heading, self._rng)
        else:
            step = step + self._rng.normal(0.0, 1.0, step.shape) * self._noise
        return self._task.feasible(self._task.chunk_from(step))

    def _continue_segment(self) -> None:
        self._steps_left -= 1
        if self._steps_left > 0:
            return
        self._steps_left = int(self._rng.integers(_MIN_STEPS, _MAX_STEPS))
        self._heading = self._task.draw_heading(self._rng)
        self._wandering = self._kind == 'random' or bool(self._rng.random() < _DETOUR_CHANCE)
