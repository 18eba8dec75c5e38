# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Simulated robots: four tasks in MuJoCo, their scripted experts, and episodes made with them."""

import os

# MuJoCo chooses its OpenGL backend when it is first imported; robots have no display.
os.environ.setdefault('MUJOCO_GL', 'egl')

from hma_ros.sim.tasks import TASK_NAMES, make_task

__all__ = ['TASK_NAMES', 'make_task']
