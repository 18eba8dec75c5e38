# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""SO-101 arm: bring the jaw to a magenta ball on a post; absolute joint targets."""

from __future__ import annotations

import mujoco
import numpy as np

from hma_ros.sim.scene import TableTop, View, add_ball, load_robot
from hma_ros.sim.simulation import Task

_DONE_M = 0.022
_MAX_STEP_RAD = 0.12
# Wrist roll and jaw keep these values while the expert reaches.
_POSTURE = np.array([0, -0.6, 0.6, 0.9, 0, 0.3])
_PAN_AXIS_X_M = 0.0388
_START_SPREAD = np.array([0.7, 0.35, 0.35, 0.35, 0.3, 0.2])
# Wandering stays above the table and in the image.
_LOWEST_TOOL_M, _HIGHEST_TOOL_M = 0.03, 0.28


class So101Reach(Task):
    """Bring the point between the jaws within 2.2 cm of the ball."""

    name = 'sim_so101'
    control_hz = 20.0
    horizon_steps = 40
    joint_names = (
        'shoulder_pan',
        'shoulder_lift',
        'elbow_flex',
        'wrist_flex',
        'wrist_roll',
        'gripper',
    )
    action_names = joint_names
    view = View((0.55, -0.28, 0.36), (0.17, 0, 0.105), 43, (0.75, 0.76, 0.80, 1))
    table = TableTop((0.2, 0), (0.34, 0.30), (0.35, 0.45, 0.38, 1))
    delta = False
    max_step = np.full(6, 0.15)
    limits = np.array(
        [
            [-1.9198, -1.7453, -1.69, -1.6580, -2.7438, -0.1745],
            [1.9198, 1.7453, 1.69, 1.6580, 2.8412, 1.7453],
        ]
    )
    noise = 0.02 * (limits[1] - limits[0]) / 2

    def _build(self) -> mujoco.MjSpec:
        spec = load_robot('so101')
        for actuator in spec.actuators:
            actuator.gainprm[0] = 60
            actuator.biasprm[1:3] = [-60, -2]
            actuator.forcerange = [-10, 10]
        spec.body('gripper').add_site(
            name='tool', pos=[-0.0079, -0.0002, -0.0981], quat=[np.sqrt(0.5), 0, np.sqrt(0.5), 0]
        )
        add_ball(spec, 0.018, (0.9, 0.1, 0.6, 1))
        return spec

    def _place(self, rng: np.random.Generator) -> np.ndarray:
        while True:
            joints = _POSTURE + rng.uniform(-1, 1, 6) * _START_SPREAD
            radius, angle = rng.uniform(0.14, 0.30), rng.uniform(-0.9, 0.9)
            ball = np.array(
                [0.04 + radius * np.cos(angle), radius * np.sin(angle), rng.uniform(0.03, 0.20)]
            )
            tool, _ = self._arm.forward(joints)
            reached, _ = self._arm.forward(self._reach(ball))
            if (
                tool[2] > _LOWEST_TOOL_M
                and np.linalg.norm(tool - ball) > 0.06
                and np.linalg.norm(reached - ball) < 0.006
            ):
                break
        self._data.qpos[self._qpos] = joints
        self._set_goal(ball)
        return joints

    def _actuate(self, command: np.ndarray) -> None:
        self._data.ctrl[:6] = command

    def _reach(self, ball: np.ndarray) -> np.ndarray:
        """Return the one posture that reaches a ball: no local minima on the way to it."""
        start = _POSTURE.copy()
        start[0] = -np.arctan2(ball[1], ball[0] - _PAN_AXIS_X_M)
        joints = self._arm.solve(start, ball, None, 60)
        joints[4:] = _POSTURE[4:]
        return joints

    def _expert_step(self) -> np.ndarray:
        joints = self.joint_positions()
        change = self._reach(self._goal()) - joints
        return joints + change * min(1.0, _MAX_STEP_RAD / (float(np.abs(change).max()) + 1e-9))

    def draw_heading(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a posture with the tool above the table."""
        middle, half = self.limits.mean(axis=0), 0.6 * np.ptp(self.limits, axis=0) / 2
        while True:
            posture = middle + rng.uniform(-1, 1, 6) * half
            if _LOWEST_TOOL_M < self._arm.forward(posture)[0][2] < _HIGHEST_TOOL_M:
                return posture

    def wander(self, heading: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Move towards a posture."""
        return self._command + np.clip(heading - self._command, -0.2, 0.2)

    def success(self) -> bool:
        """Return whether the jaw is at the ball."""
        return bool(np.linalg.norm(self.tool_pose()[0] - self._goal()) < _DONE_M)

    def object_position(self) -> np.ndarray:
        """Return the centre of the ball ``float64[3]`` [m]."""
        return self._goal()

    def goal_position(self) -> np.ndarray:
        """Return the centre of the ball ``float64[3]`` [m]."""
        return self._goal()
