# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Run one episode and record it."""

from __future__ import annotations

import numpy as np

from hma_ros.data.episodes import Episode
from hma_ros.sim.exploration import Explorer, Kind
from hma_ros.sim.simulation import Task

# Rows recorded after the task is done, so that "done" is seen as a state to stay in.
_ROWS_AFTER_SUCCESS = 4


def run_episode(task: Task, kind: Kind, seed: int, picture_size: int = 64) -> Episode:
    """
    Run one episode from its reset to a few rows after success, or to the task's horizon.

    :param task: the robot; its state is lost.
    :param kind: who acts.
    :param seed: fixes the start and the noise: the same seed gives the same episode.
    :param picture_size: height and width of the frames.
    """
    task.reset(seed)
    explorer = Explorer(task, kind, np.random.default_rng([seed, 1]))
    frames, joints, states = [task.frame(picture_size, picture_size)], [], []
    joints.append(task.joint_positions())
    states.append(task.state())
    actions: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    rows_left = task.horizon_rows
    while rows_left > 0:
        labels.append(task.expert())
        actions.append(explorer.act(labels[-1]))
        task.step(actions[-1])
        frames.append(task.frame(picture_size, picture_size))
        joints.append(task.joint_positions())
        states.append(task.state())
        rows_left -= 1
        if task.success():
            rows_left = min(rows_left, _ROWS_AFTER_SUCCESS)
    return Episode(
        np.stack(frames), np.stack(actions), np.stack(labels),
        np.stack(joints).astype(np.float32), np.stack(states), kind, seed, task.success())
