# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Simulated robots: four tasks in MuJoCo, their scripted experts, and episodes made with them."""

from hma_ros.sim.opengl import load_mujoco

# MuJoCo chooses its OpenGL backend when it is first imported; robots have no display.
load_mujoco()

from hma_ros.sim.tasks import TASK_NAMES, make_task  # noqa: E402 - imports MuJoCo

__all__ = ['TASK_NAMES', 'make_task']
