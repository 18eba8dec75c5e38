# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""robosuite: five arms lift a cube, with three controllers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
import robosuite
from robosuite.controllers import load_composite_controller_config, load_part_controller_config

from benchmarks.external_data.domain import Camera, Disturbance, Frame, Robot

_HZ, _STEPS = 10, 60
_MOVE_M, _TURN_RAD, _JOINT_RAD = 0.05, 0.5, 0.05
# Steps until the fingers hold.
_CLOSING = 6
_SITE = 'gripper0_right_grip_site'


class Lift:
    """
    An arm that lifts a cube.

    :param arm: such as ``Panda``.
    :param controller: ``OSC_POSE``, ``OSC_POSITION`` or ``JOINT_POSITION``.
    """

    def __init__(self, arm: str, controller: str = 'OSC_POSE') -> None:
        settings = load_composite_controller_config(controller='BASIC', robot=arm)
        part = load_part_controller_config(default_controller=controller)
        settings['body_parts']['right'] = {**part, 'gripper': {'type': 'GRIP'}}
        self._env = robosuite.make(
            'Lift',
            robots=arm,
            controller_configs=settings,
            has_renderer=False,
            has_offscreen_renderer=False,
            use_camera_obs=False,
            control_freq=_HZ,
            hard_reset=False,
            ignore_done=True,
        )
        self._controller, self.is_success = controller, False
        observed = self._env.reset()
        model = self._env.sim.model._model
        self._joints = tuple(self._env.robots[0].robot_joints)
        self._camera = Camera(model, 'agentview', hidden=(0,))
        self.robot = _robot(arm, controller, self._joints, observed, model)

    def close(self) -> None:
        """Free the graphics context."""
        self._camera.close()

    def episode(self, kind: str, rng: np.random.Generator) -> Iterator[Frame]:
        """Run one episode; see :class:`~benchmarks.external_data.domain.Domain`."""
        self._env.rng = rng
        observed, disturb = self._env.reset(), Disturbance(kind, rng)
        expert, self.is_success, after = _Expert(), False, 0
        scale = np.array(self.robot.upper)
        while after < 5:
            action = disturb(self._normalised(*expert.act(observed)))
            image = self._camera(self._env.sim.data._data)
            yield Frame(image, observed['robot0_joint_pos'], action * scale)
            observed = self._env.step(action)[0]
            self.is_success = self.is_success or bool(self._env._check_success())
            expert.count += 1
            after += self.is_success or expert.count >= _STEPS

    def _normalised(self, move: np.ndarray, grip: float) -> np.ndarray:
        """Return an increment of the tool in m, and a gripper, as the controller takes it."""
        if self._controller == 'JOINT_POSITION':
            turns = self._inverse(move) / _JOINT_RAD
            return np.array([*turns / max(1.0, np.abs(turns).max()), grip])
        rest = [0.0] * (3 if self._controller == 'OSC_POSE' else 0)
        return np.array([*np.clip(move / _MOVE_M, -1, 1), *rest, grip])

    def _inverse(self, move: np.ndarray) -> np.ndarray:
        """Return increments of the joints that move the tool and do not turn it."""
        model, data = self._env.sim.model._model, self._env.sim.data._data
        jacobian = np.zeros((6, model.nv))
        site = model.site(_SITE).id
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], site)
        places = [int(model.joint(name).dofadr[0]) for name in self._joints]
        part = jacobian[:, places]
        wanted = np.array([*np.clip(move, -_MOVE_M, _MOVE_M), 0, 0, 0])
        found: np.ndarray = part.T @ np.linalg.solve(part @ part.T + 1e-3 * np.eye(6), wanted)
        return found


class _Expert:
    """Above the cube, down, close, up."""

    def __init__(self) -> None:
        self.count, self._closing = 0, 0

    def act(self, observed: dict[str, Any]) -> tuple[np.ndarray, float]:
        """Return an increment of the tool in m, and what the gripper does (1 closes)."""
        to_cube = observed['cube_pos'] - observed['robot0_eef_pos']
        if self._closing and np.abs(to_cube).max() > 0.05:
            self._closing = 0  # It slipped away: once more.
        if self._closing >= _CLOSING:
            return np.array([0.0, 0.0, _MOVE_M]), 1.0
        if np.abs(to_cube).max() < 0.015 or self._closing:
            self._closing += 1
            return 0.5 * to_cube, 1.0
        is_above = np.abs(to_cube[:2]).max() < 0.015
        height = 0.0 if is_above else 0.08
        return to_cube + np.array([0.0, 0.0, height]), -1.0


def _robot(
    arm: str, controller: str, joints: tuple[str, ...], observed: dict[str, Any], model: Any
) -> Robot:
    move, turn = ('dx', 'dy', 'dz'), ('rx', 'ry', 'rz')
    bounds = {'OSC_POSE': (_MOVE_M,) * 3 + (_TURN_RAD,) * 3, 'OSC_POSITION': (_MOVE_M,) * 3}
    upper = (*bounds.get(controller, (_JOINT_RAD,) * len(joints)), 1.0)
    plain = tuple(name.removeprefix('robot0_') for name in joints)
    names = {'OSC_POSE': (*move, *turn), 'OSC_POSITION': move}
    semantics = {'OSC_POSE': 'ee_pose_delta', 'OSC_POSITION': 'ee_delta'}
    workspace = ((-0.5, -0.5, 0.7), (0.5, 0.5, 1.5))
    if controller == 'JOINT_POSITION':
        ranges = np.array([model.joint(name).range for name in joints])
        workspace = tuple(map(float, ranges[:, 0])), tuple(map(float, ranges[:, 1]))
    return Robot(
        name=f'robosuite_{arm.lower()}_lift_{controller.lower()}',
        description=f'{arm} of robosuite lifts a cube, commanded through {controller}.',
        source='robosuite 1.5.2: environments/manipulation/lift.py, controllers/config',
        semantics=semantics.get(controller, 'joint_delta'),
        joints=plain,
        names=(*names.get(controller, tuple(f'd_{name}' for name in plain)), 'gripper'),
        lower=tuple(-value for value in upper),
        upper=upper,
        coordinates=('x', 'y', 'z') if controller in semantics else plain,
        workspace=workspace,
        home=tuple(observed['robot0_joint_pos']),
        fps=_HZ,
        gripper=(-1.0, 1.0),
    )
