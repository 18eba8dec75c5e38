# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The tasks by name."""

from hma_ros.core.errors import ConfigError
from hma_ros.core.settings import SCENES, Scene
from hma_ros.sim.franka import FrankaPick
from hma_ros.sim.planar import PlanarPush
from hma_ros.sim.simulation import Task
from hma_ros.sim.so101 import So101Reach
from hma_ros.sim.ur5e import Ur5ePush

_TASKS: dict[str, type[Task]] = {
    task.name: task for task in (FrankaPick, Ur5ePush, So101Reach, PlanarPush)
}
TASK_NAMES = tuple(_TASKS)


def make_task(name: str, scene: Scene = 'fixed') -> Task:
    """
    Build a simulated robot with its task; call :meth:`Task.close` when done.

    :param name: one of ``TASK_NAMES``.
    :param scene: one of ``SCENES``; in ``random`` ones light, colours and sheets on the table
        differ from episode to episode.
    :raises ConfigError: unknown name or scene.
    """
    if name not in _TASKS:
        raise ConfigError(f"simulated robot '{name}': unknown, expected one of {TASK_NAMES}")
    if scene not in SCENES:
        raise ConfigError(f'scene: got {scene!r}, expected {" or ".join(SCENES)}')
    return _TASKS[name](scene)
