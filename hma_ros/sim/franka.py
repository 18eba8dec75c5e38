# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Franka arm: grasp a red cube and lift it; end-effector deltas and a gripper."""

from __future__ import annotations

from functools import cached_property

import mujoco
import numpy as np

from hma_ros.sim.kinematics import TOOL_DOWN
from hma_ros.sim.scene import OBJECT_BIT, TOOL_BIT, TableTop, View, add_block, load_robot, set_lag
from hma_ros.sim.simulation import Task

_REST = np.array([0, 0.25, 0, -2.3, 0, 2.55, 0.785])
_FINGERS = ('fer_finger_joint1', 'fer_finger_joint2')
_HALF_M = 0.027
_LIFTED_M = 0.10
_CARRY_M = 0.24
_HOVER_M = 0.10
_NEAR_M = 0.02
# The fingers hold the cube (5.4 cm) below this opening, or, when it stands askew, once they no
# longer close; above the last opening they are not closing yet.
_GRASPED_M = 0.060
_OPEN_M = 0.068
_TOUCHING_M = 0.0785
_STALLED_M_S = 0.004
_GRIP_STIFFENING = 4.0


class FrankaPick(Task):
    """Grasp the cube and lift it above 10 cm."""

    name = 'sim_franka'
    control_hz = 20.0
    horizon_steps = 60
    action_names = ('dx', 'dy', 'dz', 'gripper')
    joint_names = tuple(f'fer_joint{i}' for i in range(1, 8))
    view = View((1.02, 0, 0.66), (0.45, 0, 0.145), 39, (0.16, 0.17, 0.22, 1))
    table = TableTop((0.5, 0), (0.42, 0.5), (0.55, 0.42, 0.30, 1))
    gripper = True
    max_step = np.full(3, 0.015)
    limits = np.array([[0.33, -0.21, 0.018], [0.62, 0.21, 0.32]])
    noise = np.array([0.0045, 0.0045, 0.0045, 0.0])

    def _build(self) -> mujoco.MjSpec:
        spec = load_robot('panda')
        for geom in spec.geoms:
            if geom.classname and 'fingertip' in geom.classname.name:
                geom.contype, geom.conaffinity = TOOL_BIT, OBJECT_BIT
                geom.friction, geom.condim = [1.5, 0.05, 0.001], 4
        spec.body('hand').add_site(name='tool', pos=[0, 0, 0.1034])
        set_lag(spec.actuators[:7], 0.04)
        hand = spec.actuators[7]
        hand.gainprm[0] *= _GRIP_STIFFENING
        hand.biasprm[1:3] *= _GRIP_STIFFENING
        add_block(spec, (_HALF_M,) * 3, (0.85, 0.08, 0.08, 1), mass=0.08, friction=1.0)
        return spec

    @cached_property
    def _fingers(self) -> list[int]:
        return [self._model.joint(name).qposadr[0] for name in _FINGERS]

    @cached_property
    def _finger_dofs(self) -> list[int]:
        return [self._model.joint(name).dofadr[0] for name in _FINGERS]

    def _place(self, rng: np.random.Generator) -> np.ndarray:
        tool = np.array([0.45, 0, 0.22]) + rng.uniform([-0.08, -0.12, -0.04], [0.08, 0.12, 0.06])
        self._joint_command = self._arm.solve(_REST, tool, TOOL_DOWN, 60, _REST)
        self._data.qpos[self._qpos] = self._joint_command
        self._data.qpos[self._fingers] = 0.04
        self._set_block(rng.uniform([0.36, -0.18], [0.58, 0.18]), rng.uniform(-0.2, 0.2))
        return tool

    def _actuate(self, command: np.ndarray) -> None:
        self._joint_command = self._arm.solve(self._joint_command, command, TOOL_DOWN, 20, _REST)
        self._data.ctrl[:7] = self._joint_command
        self._data.ctrl[7] = 255 * self._opening_m / 0.08

    def opening(self) -> float:
        """Return the measured width between the fingers [m]."""
        return float(self._data.qpos[self._fingers].sum())

    def gripper_state(self) -> tuple[float, float]:
        """Return the width between the fingers [m] and its velocity [m/s]."""
        return self.opening(), float(self._data.qvel[self._finger_dofs].sum())

    def _grasped(self) -> bool:
        opening, velocity_m_s = self.gripper_state()
        stalled = opening < _TOUCHING_M and -velocity_m_s < _STALLED_M_S
        return opening < _GRASPED_M or stalled

    def _expert_step(self) -> np.ndarray:
        """Decide from where the block is between or below the fingers, and their opening."""
        block, tool = self._block(), self.tool_pose()[0]
        offset = block - tool
        aside = float(np.linalg.norm(offset[:2]))
        slack = 0.022 if self._grasped() else 0.014
        hand = 1.0
        target = np.array([*block[:2], block[2] + _HOVER_M])
        if aside < _NEAR_M and abs(offset[2]) < slack:
            hand = -1.0
            target = self._command.copy()
            if self._grasped():
                target[2] = _CARRY_M
        elif aside < _NEAR_M and self.opening() > _OPEN_M:
            target[2] = max(block[2], 0.02)
        move = np.clip(target - self._command, -0.03, 0.03)
        if tool[2] < block[2] + 0.05 and aside > 0.03:
            move[:2] *= 0.3
        return np.array([*move, hand])

    def draw_heading(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a velocity and a gripper command."""
        return rng.uniform(-1, 1, 4)

    def wander(self, heading: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Drift at a constant velocity with the gripper open or closed."""
        drift = 0.024 * heading[:3] + rng.normal(0, 0.006, 3)
        return np.array([*drift, 1.0 if heading[3] > 0 else -1.0])

    def success(self) -> bool:
        """Return whether the cube is lifted."""
        return bool(self._block()[2] > _LIFTED_M)

    def object_position(self) -> np.ndarray:
        """Return the centre of the cube ``float64[3]`` [m]."""
        return self._block()

    def goal_position(self) -> np.ndarray:
        """Return the lifting height above where the cube is ``float64[3]`` [m]."""
        return np.array([*self._block()[:2], _LIFTED_M])

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of what :meth:`state` returns."""
        return (*super().state_names, 'opening')

    def state(self) -> np.ndarray:
        """Return the privileged state ``float32[D]``; the last entry is the opening [m]."""
        return np.append(super().state(), np.float32(self.opening()))
