# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Planar pusher seen from above: push a block on to a disc; absolute positions."""

from __future__ import annotations

import mujoco
import numpy as np

from hma_ros.sim.experts import Pusher
from hma_ros.sim.scene import OBJECT_BIT, TOOL_BIT, TableTop, View, add_block, add_disc
from hma_ros.sim.simulation import Task

_REACH_M = 0.24
_DONE_M = 0.03
_MAX_STEP_M = 0.05
_PUSHER = Pusher(contact_m=0.070, max_step_m=0.032)


class PlanarPush(Task):
    """Push the block until its centre is within 3 cm of the disc's."""

    name = 'sim_planar'
    control_hz = 10.0
    stride = 1
    horizon_steps = 80
    joint_names = ('joint_x', 'joint_y')
    action_names = ('x', 'y')
    view = View((0, 0, 1.2), (0, 1e-6, 0), 24.5, (0.80, 0.78, 0.70, 1))
    table = TableTop((0, 0), (0.3, 0.3), (0.80, 0.78, 0.70, 1))
    delta = False
    max_step = np.full(2, _MAX_STEP_M)
    limits = np.array([[-_REACH_M] * 2, [_REACH_M] * 2])
    noise = np.full(2, 0.0072)

    def _build(self) -> mujoco.MjSpec:
        spec = mujoco.MjSpec()
        body = spec.worldbody.add_body(name='pusher', pos=[0, 0, 0.02])
        for name, axis in zip(self.joint_names, ([1, 0, 0], [0, 1, 0]), strict=True):
            joint = body.add_joint(
                name=name,
                type=mujoco.mjtJoint.mjJNT_SLIDE,
                axis=axis,
                range=[-_REACH_M, _REACH_M],
                limited=1,
                armature=0.2,
            )
            joint.damping = 5.0 if np.ndim(joint.damping) == 0 else [5.0, 0, 0]
        body.add_geom(
            name='pusher',
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[0.023, 0.018, 0],
            rgba=[0.10, 0.25, 0.90, 1],
            mass=0.3,
            contype=TOOL_BIT,
            conaffinity=OBJECT_BIT,
            friction=[0.3, 0.01, 0.001],
        )
        body.add_site(name='tool')
        self._add_motors(spec)
        add_block(spec, (0.04, 0.04, 0.02), (0.75, 0.12, 0.12, 1), mass=0.1, friction=0.5)
        add_disc(spec, 0.06, (0.10, 0.55, 0.20, 1))
        return spec

    def _add_motors(self, spec: mujoco.MjSpec) -> None:
        for name in self.joint_names:
            motor = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
            motor.gainprm[0] = 800
            motor.biastype = mujoco.mjtBias.mjBIAS_AFFINE
            motor.biasprm[1:3] = [-800, -35]
            motor.forcelimited, motor.forcerange = 1, [-40, 40]

    def _place(self, rng: np.random.Generator) -> np.ndarray:
        while True:
            block, goal = rng.uniform(-0.15, 0.15, 2), rng.uniform(-0.16, 0.16, 2)
            tool = rng.uniform(-0.20, 0.20, 2)
            if 0.10 < np.linalg.norm(block - goal) < 0.28 and np.linalg.norm(tool - block) > 0.09:
                break
        self._data.qpos[self._qpos] = tool
        self._set_block(block, rng.uniform(-np.pi, np.pi))
        self._set_goal(np.array([*goal, 0.002]))
        return tool

    def _actuate(self, command: np.ndarray) -> None:
        self._data.ctrl[:2] = command

    def _slowed(self, change: np.ndarray) -> np.ndarray:
        return change * min(1.0, _MAX_STEP_M / (float(np.linalg.norm(change)) + 1e-12))

    def _expert_step(self) -> np.ndarray:
        tool = self.joint_positions()
        return tool + _PUSHER.push(tool, self._block()[:2], self._goal()[:2])

    def draw_heading(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a place on the table."""
        return rng.uniform(-0.9, 0.9, 2) * _REACH_M

    def wander(self, heading: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Move towards a place."""
        change = heading - self._command
        return self._command + change * min(1.0, 0.036 / (float(np.linalg.norm(change)) + 1e-9))

    def success(self) -> bool:
        """Return whether the block is on the disc."""
        return bool(np.linalg.norm(self._block()[:2] - self._goal()[:2]) < _DONE_M)

    def object_position(self) -> np.ndarray:
        """Return the centre of the block ``float64[3]`` [m]."""
        return self._block()

    def goal_position(self) -> np.ndarray:
        """Return the centre of the disc ``float64[3]`` [m]."""
        return self._goal()
