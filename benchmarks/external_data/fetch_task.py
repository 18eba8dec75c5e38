# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""gymnasium-robotics: the Fetch arm reaches, pushes, and picks and places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import gymnasium_robotics
import mujoco
import numpy as np

from benchmarks.external_data.domain import Camera, Disturbance, Frame, Robot

_HZ, _STEPS, _SCALE_M = 25, 60, 0.05
_JOINTS = tuple(
    f'{name}_joint'
    for name in (
        *('shoulder_pan', 'shoulder_lift', 'upperarm_roll', 'elbow_flex'),
        *('forearm_roll', 'wrist_flex', 'wrist_roll'),
    )
)


class FetchTask:
    """
    One task; see :class:`~benchmarks.external_data.domain.Domain`.

    :param task: ``Reach``, ``Push`` or ``PickAndPlace``.
    """

    def __init__(self, task: str) -> None:
        gymnasium.register_envs(gymnasium_robotics)
        self._env = gymnasium.make(f'Fetch{task}-v4', max_episode_steps=1000).unwrapped
        self._env.reset(seed=0)
        self._task, self.is_success, self._is_held = task, False, False
        view = mujoco.MjvCamera()
        view.distance, view.azimuth, view.elevation = 1.5, 140, -30
        view.lookat[:] = (1.3, 0.75, 0.5)
        self._camera = Camera(self._env.model, view)
        has_gripper = task == 'PickAndPlace'
        count = 3 + has_gripper
        upper = (*(_SCALE_M,) * 3, 1.0)[:count]
        self.robot = Robot(
            name=f'fetch_{task.lower()}',
            description=f'Fetch of gymnasium-robotics, task {task}.',
            source='gymnasium-robotics 1.4.2: envs/fetch/fetch_env.py',
            semantics='ee_delta',
            joints=_JOINTS,
            names=('dx', 'dy', 'dz', 'gripper')[:count],
            lower=tuple(-value for value in upper),
            upper=upper,
            coordinates=('x', 'y', 'z'),
            workspace=((0.9, 0.3, 0.3), (1.7, 1.2, 1.1)),
            home=tuple(self._positions()),
            fps=_HZ,
            gripper=(1.0, -1.0) if has_gripper else None,
            stride=2,
        )

    def close(self) -> None:
        """Free the graphics context."""
        self._camera.close()

    def episode(self, kind: str, rng: np.random.Generator) -> Iterator[Frame]:
        """Run one episode."""
        observed, _ = self._env.reset(seed=int(rng.integers(2**31)))
        disturb, after = Disturbance(kind, rng), 0
        self.is_success = self._is_held = False
        count = len(self.robot.names)
        for _ in range(_STEPS):
            advised = getattr(self, f'_act_{self._task.lower()}')(observed)
            action = disturb(advised[:count])
            scaled = action * np.array(self.robot.upper)
            yield Frame(self._camera(self._env.data), self._positions(), scaled)
            full = np.zeros(4, np.float32)
            full[:count] = action
            observed, _, _, _, facts = self._env.step(full)
            self.is_success = bool(facts['is_success'])
            after += self.is_success
            if after > 7:
                return

    def _act_reach(self, observed: dict[str, Any]) -> np.ndarray:
        return _towards(observed['desired_goal'] - observed['achieved_goal'], 0.0)

    def _act_push(self, observed: dict[str, Any]) -> np.ndarray:
        """Get behind the block, as seen from the goal, then push."""
        tool, block = observed['observation'][:3], observed['observation'][3:6]
        way = (observed['desired_goal'] - block) * [1.0, 1.0, 0.0]
        ahead = way / (np.linalg.norm(way) + 1e-6)
        behind = block - 0.07 * ahead
        offset = tool - block
        along = float(offset @ ahead)
        aside = float(np.linalg.norm(offset[:2] - along * ahead[:2]))
        if along < -0.02 and aside < 0.02 and tool[2] < block[2] + 0.03:
            return _towards(block + 0.02 * ahead - tool, -1.0, 4.0)
        if np.linalg.norm((behind - tool)[:2]) > 0.02:
            return _towards(behind + np.array([0.0, 0.0, 0.08]) - tool, -1.0)
        return _towards(behind - tool, -1.0)

    def _act_pickandplace(self, observed: dict[str, Any]) -> np.ndarray:
        tool, block = observed['observation'][:3], observed['observation'][3:6]
        fingers = observed['observation'][9:11].sum()
        offset = block - tool
        near = np.linalg.norm(offset) < 0.02
        self._is_held = np.linalg.norm(offset) < 0.03 and (self._is_held or fingers < 0.055)
        if self._is_held:
            return _towards(observed['desired_goal'] - block, -1.0)
        if near:
            return _towards(offset, -1.0)
        above = 0.0 if np.linalg.norm(offset[:2]) < 0.015 else 0.08
        return _towards(offset + np.array([0.0, 0.0, above]), 1.0)

    def _positions(self) -> np.ndarray:
        return np.array(
            [float(self._env.data.joint(f'robot0:{name}').qpos[0]) for name in _JOINTS]
        )


def _towards(offset: np.ndarray, grip: float, gain: float = 8.0) -> np.ndarray:
    return np.array([*np.clip(gain * offset, -1.0, 1.0), grip])
