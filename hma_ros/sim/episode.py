# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Run one episode and record it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from hma_ros.core.vision.image import FRAME_PX
from hma_ros.data.episodes import Episode
from hma_ros.sim.exploration import Explorer, Kind
from hma_ros.sim.simulation import Task

# Steps recorded after the task is done, so that "done" is seen as a state to stay in.
_STEPS_AFTER_SUCCESS = 4


class Actor(Protocol):
    """Whoever chooses the chunks of an episode."""

    def act(self, frame: np.ndarray, label: np.ndarray) -> np.ndarray:
        """
        Choose the chunk of a step.

        :param frame: ``uint8[H, W, 3]`` what the camera sees.
        :param label: ``float32[stride, A]`` what the expert would do.
        :returns: ``float32[stride, A]``, feasible.
        """


class _Exploration:
    """The expert with the noise and the detours of a kind of episode."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def act(self, frame: np.ndarray, label: np.ndarray) -> np.ndarray:
        return self._explorer.act(label)


def run_episode(
    task: Task, kind: Kind, seed: int, frame_size: int = FRAME_PX, steps: int | None = None
) -> Episode:
    """
    Run one episode of the noisy expert, of play or of random motion.

    :param task: the robot; its state is lost.
    :param kind: who acts.
    :param seed: fixes the start and the noise: the same seed gives the same episode.
    :param frame_size: height and width of the frames [px].
    :param steps: to record, whatever becomes of the task; None ends it a few steps after success,
        or at the task's horizon.
    """
    task.reset(seed)
    explorer = Explorer(task, kind, np.random.default_rng([seed, 1]))
    return _record(task, _Exploration(explorer), kind, seed, frame_size, steps)


def run_actor(task: Task, actor: Actor, seed: int, frame_size: int = FRAME_PX) -> Episode:
    """Run one episode of any actor, from the start that ``seed`` gives; kind ``policy``."""
    task.reset(seed)
    return _record(task, actor, 'policy', seed, frame_size)


def _record(
    task: Task, actor: Actor, kind: str, seed: int, frame_size: int, steps: int | None = None
) -> Episode:
    """Record so many steps, or to a few steps after success, or to the task's horizon."""
    frames, joints, states = [], [], []
    actions: list[np.ndarray] = []
    labels: list[np.ndarray] = []

    def look() -> None:
        frames.append(task.frame(frame_size, frame_size))
        joints.append(task.joint_positions())
        states.append(task.state())

    look()
    steps_left = task.horizon_steps if steps is None else steps
    while steps_left > 0:
        labels.append(task.expert())
        actions.append(actor.act(frames[-1], labels[-1]))
        task.step(actions[-1])
        look()
        steps_left -= 1
        if steps is None and task.success():
            steps_left = min(steps_left, _STEPS_AFTER_SUCCESS)
    return Episode(
        np.stack(frames),
        np.stack(actions),
        np.stack(labels),
        np.stack(joints).astype(np.float32),
        np.stack(states),
        kind,
        seed,
        task.success(),
    )
