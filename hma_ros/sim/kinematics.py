# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Forward and inverse kinematics of an arm in a MuJoCo model."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

TOOL_DOWN = np.diag([1.0, -1.0, -1.0])
_ROTATION_WEIGHT = 0.35
_DAMPING = 1e-4
_MAX_CHANGE_RAD = 0.3
_TOLERANCE = 2e-4
_REST_GAIN = 0.1


class Kinematics:
    """
    Damped least squares on a private copy of the state.

    :param model: the compiled scene.
    :param joint_names: joints of the arm, base first.
    :param site: name of the tool site.
    """

    def __init__(self, model: mujoco.MjModel, joint_names: Sequence[str], site: str) -> None:
        self._model = model
        self._data = mujoco.MjData(model)
        self._site = model.site(site).id
        joints = [model.joint(name).id for name in joint_names]
        self._qpos = model.jnt_qposadr[joints]
        self._dofs = model.jnt_dofadr[joints]
        self.lower, self.upper = model.jnt_range[joints].T
        self._jacobian = np.zeros((6, model.nv))

    def forward(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the tool position ``float64[3]`` and rotation ``float64[3, 3]``."""
        self._data.qpos[self._qpos] = joints
        mujoco.mj_kinematics(self._model, self._data)
        return (
            self._data.site_xpos[self._site].copy(),
            self._data.site_xmat[self._site].reshape(3, 3).copy(),
        )

    def solve(
        self,
        start: np.ndarray,
        position: np.ndarray,
        rotation: np.ndarray | None = None,
        iterations: int = 10,
        rest: np.ndarray | None = None,
    ) -> np.ndarray:
        """
        Find joints near ``start`` that bring the tool to a pose, as far as limits allow.

        :param start: joints to begin from ``float64[J]``.
        :param position: wanted tool position ``float64[3]`` [m].
        :param rotation: wanted tool rotation ``float64[3, 3]``, or only where its z shall
            point, a unit vector ``float64[3]``; None leaves it free.
        :param iterations: at most so many steps of damped least squares.
        :param rest: posture a redundant arm drifts to without moving its tool ``float64[J]``.
        """
        joints = np.array(start, np.float64)
        for _ in range(iterations):
            error = self._error(joints, position, rotation)
            if np.linalg.norm(error) < _TOLERANCE:
                break
            change = self._change(error, joints, rotation, rest)
            change = np.clip(change, -_MAX_CHANGE_RAD, _MAX_CHANGE_RAD)
            joints = np.clip(joints + change, self.lower, self.upper)
        return joints

    def _error(
        self, joints: np.ndarray, position: np.ndarray, rotation: np.ndarray | None
    ) -> np.ndarray:
        at, now = self.forward(joints)
        error = np.asarray(position) - at
        if rotation is None:
            return error
        if rotation.ndim == 1:
            turn = np.cross(now[:, 2], rotation)
        else:
            turn = 0.5 * np.cross(now.T, rotation.T).sum(axis=0)
        return np.concatenate([error, _ROTATION_WEIGHT * turn])

    def _change(
        self,
        error: np.ndarray,
        joints: np.ndarray,
        rotation: np.ndarray | None,
        rest: np.ndarray | None,
    ) -> np.ndarray:
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_jacSite(
            self._model, self._data, self._jacobian[:3], self._jacobian[3:], self._site
        )
        jacobian = self._jacobian[: len(error), self._dofs]
        jacobian[3:] *= _ROTATION_WEIGHT
        if rotation is not None and rotation.ndim == 1:
            jacobian[3:] -= np.outer(rotation, rotation @ jacobian[3:])
        inverse = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + _DAMPING * np.eye(len(error)))
        change = inverse @ error
        if rest is None:
            return change
        drift = _REST_GAIN * (rest - joints)
        return change + drift - inverse @ (jacobian @ drift)
