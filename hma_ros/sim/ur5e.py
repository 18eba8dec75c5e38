# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""UR5e with a stick: push a blue block on to an orange disc; joint deltas."""

from __future__ import annotations

import mujoco
import numpy as np

from hma_ros.sim.experts import Pusher
from hma_ros.sim.kinematics import TOOL_DOWN
from hma_ros.sim.scene import (
    OBJECT_BIT,
    TOOL_BIT,
    TableTop,
    View,
    add_block,
    add_disc,
    load_robot,
    set_lag,
)
from hma_ros.sim.simulation import Task

# Elbow up, tool down, above the middle of the table.
_HOME = np.array([0.2713, -1.8755, -2.1314, -0.7055, 1.5708, -1.2995])
_TOOL_Z_M = 0.03
# Up to here the stick pushes the block; so much higher it passes over it.
_BESIDE_BLOCK_M, _LIFT_M = 0.048, 0.014
_DONE_M = 0.035
_MAX_STEP_RAD = 0.15
# The stick is round: where it points matters, not how it is turned.
_DOWN = TOOL_DOWN[:, 2]
# Tangent of the largest tilt about either axis while wandering.
_MAX_TILT = 0.35
_PUSHER = Pusher(contact_m=0.052, max_step_m=0.05)


class Ur5ePush(Task):
    """Push the block until its centre is within 3.5 cm of the disc's."""

    name = 'sim_ur5e'
    control_hz = 10.0
    horizon_steps = 60
    joint_names = (
        'shoulder_pan_joint',
        'shoulder_lift_joint',
        'elbow_joint',
        'wrist_1_joint',
        'wrist_2_joint',
        'wrist_3_joint',
    )
    action_names = tuple(f'd_{name}' for name in joint_names)
    view = View((1.10, 0, 0.80), (0.50, 0, 0.04), 34, (0.08, 0.16, 0.26, 1))
    table = TableTop((0.5, 0), (0.42, 0.5), (0.62, 0.66, 0.70, 1))
    max_step = np.full(6, 0.075)
    limits = np.array(
        [[-6.28, -6.28, -3.14, -6.28, -6.28, -6.28], [6.28, 6.28, 3.14, 6.28, 6.28, 6.28]]
    )
    noise = np.full(6, 0.015)

    def _build(self) -> mujoco.MjSpec:
        spec = load_robot('ur5e')
        wrist = spec.body('wrist_3_link')
        wrist.add_geom(
            name='stick',
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[0, 0.1, 0, 0, 0.23, 0],
            size=[0.012, 0, 0],
            rgba=[0.95, 0.80, 0.05, 1],
            contype=TOOL_BIT,
            conaffinity=OBJECT_BIT,
            mass=0.05,
            friction=[0.3, 0.01, 0.001],
        )
        # The tool's z points along the stick.
        wrist.add_site(name='tool', pos=[0, 0.235, 0], quat=[np.sqrt(0.5), -np.sqrt(0.5), 0, 0])
        set_lag(spec.actuators, 0.05)
        add_block(spec, (0.035, 0.035, 0.025), (0.08, 0.20, 0.85, 1), mass=0.08, friction=0.5)
        add_disc(spec, 0.055, (1.0, 0.45, 0.0, 1))
        return spec

    def _place(self, rng: np.random.Generator) -> np.ndarray:
        block, goal, tool = _draw_layout(rng)
        joints = self._arm.solve(_HOME, np.array([*tool, _TOOL_Z_M]), _DOWN, 200)
        self._data.qpos[self._qpos] = joints
        self._set_block(block, rng.uniform(-np.pi, np.pi))
        self._set_goal(np.array([*goal, 0.002]))
        return joints

    def _actuate(self, command: np.ndarray) -> None:
        self._data.ctrl[:6] = command

    def _expert_step(self) -> np.ndarray:
        joints = self.joint_positions()
        tool, _ = self._arm.forward(joints)
        block, goal = self._block()[:2], self._goal()[:2]
        start = _PUSHER.behind(block, goal) - tool[:2]
        away = float(np.linalg.norm(start))
        lifted = float(np.clip((tool[2] - _BESIDE_BLOCK_M) / _LIFT_M, 0.0, 1.0))
        move = (1.0 - lifted) * _PUSHER.push(tool[:2], block, goal)
        move += lifted * start * min(1.0, 0.05 / (away + 1e-9))
        # Lifted, it comes down only behind the block.
        keep = lifted * float(np.clip(away / 0.02 - 1.0, 0.0, 1.0))
        height = keep * tool[2] + (1.0 - keep) * _TOOL_Z_M
        place = np.clip(tool[:2] + move, [0.30, -0.28], [0.72, 0.28])
        drop = np.clip(height - tool[2], -0.05, 0.05)
        return self._way(joints, np.array([*place, tool[2] + drop]), _DOWN)

    def _way(self, joints: np.ndarray, position: np.ndarray, direction: np.ndarray) -> np.ndarray:
        change = self._arm.solve(joints, position, direction, 12) - joints
        return change * min(1.0, _MAX_STEP_RAD / (float(np.abs(change).max()) + 1e-9))

    def draw_heading(self, rng: np.random.Generator) -> np.ndarray:
        """
        Draw a velocity of the tool and a tilt, which the expert then has to undo.

        :returns: ``float64[5]``: shares of 6, 6 and 2 cm in a step, tangents of the tilt.
        """
        tilt = rng.uniform(-_MAX_TILT, _MAX_TILT, 2)
        return np.concatenate([rng.uniform(-0.8, 0.8, 3), tilt])

    def wander(self, heading: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Drift with the tool near the table."""
        tool, _ = self._arm.forward(self._command)
        place = tool + heading[:3] * [0.06, 0.06, 0.02]
        direction = np.array([*heading[3:], -1.0])
        direction /= np.linalg.norm(direction)
        place = np.clip(place, [0.36, -0.20, 0.03], [0.66, 0.20, 0.15])
        return self._way(self._command, place, direction) + rng.normal(0, 0.0075, 6)

    def success(self) -> bool:
        """Return whether the block is on the disc."""
        return bool(np.linalg.norm(self._block()[:2] - self._goal()[:2]) < _DONE_M)

    def object_position(self) -> np.ndarray:
        """Return the centre of the block ``float64[3]`` [m]."""
        return self._block()

    def goal_position(self) -> np.ndarray:
        """Return the centre of the disc ``float64[3]`` [m]."""
        return self._goal()


def _draw_layout(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw block, goal and tool places ``float64[2]`` that leave room to push."""
    while True:
        block = rng.uniform([0.40, -0.18], [0.60, 0.18])
        goal = rng.uniform([0.40, -0.18], [0.62, 0.18])
        tool = rng.uniform([0.36, -0.20], [0.64, 0.20])
        if 0.12 < np.linalg.norm(block - goal) < 0.30 and np.linalg.norm(tool - block) > 0.10:
            return block, goal, tool
