# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""metaworld: a Sawyer arm in one task, with the policies that come with it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import metaworld
import numpy as np
from metaworld.policies import ENV_POLICY_MAP

from benchmarks.external_data.domain import Camera, Disturbance, Frame, Robot

# Increments of the tool at 80 Hz; so many become one action.
_REPEAT, _SCALE_M, _STEPS = 8, 0.01, 62
_JOINTS = tuple(f'right_j{index}' for index in range(7))


class MetaworldTask:
    """One task; see :class:`~benchmarks.external_data.domain.Domain`."""

    def __init__(self, task: str) -> None:
        benchmark = metaworld.MT1(task, seed=0)
        self._env = benchmark.train_classes[task]()
        self._tasks, self._policy = benchmark.train_tasks, ENV_POLICY_MAP[task]
        self._env.set_task(self._tasks[0])
        self._env.reset()
        self._camera = Camera(self._env.model, 'corner2', upside_down=True)
        self.is_success = False
        self.robot = Robot(
            name=f'metaworld_{task.removesuffix("-v3").replace("-", "_")}',
            description=f'Sawyer of metaworld, task {task}; increments of eight control steps.',
            source='metaworld 3.1.1: sawyer_xyz_env.py, policies',
            semantics='ee_delta',
            joints=_JOINTS,
            names=('dx', 'dy', 'dz', 'gripper'),
            lower=(*(-_REPEAT * _SCALE_M,) * 3, -1.0),
            upper=(*(_REPEAT * _SCALE_M,) * 3, 1.0),
            coordinates=('x', 'y', 'z'),
            workspace=((-0.6, 0.2, 0.0), (0.6, 1.1, 0.7)),
            home=tuple(self._positions()),
            fps=10,
            gripper=(-1.0, 1.0),
        )

    def close(self) -> None:
        """Free the graphics context."""
        self._camera.close()

    def episode(self, kind: str, rng: np.random.Generator) -> Iterator[Frame]:
        """Run one episode."""
        self._env.set_task(self._tasks[rng.integers(len(self._tasks))])
        observed, _ = self._env.reset()
        policy, disturb = self._policy(), Disturbance(kind, rng)
        self.is_success, after = False, 0
        for _ in range(_STEPS):
            image, joints = self._camera(self._env.data), self._positions()
            moved, grip = np.zeros(3), 0.0
            bias = disturb(np.zeros(4))
            for _ in range(_REPEAT):
                action = bias if kind == 'random' else self._advised(policy, observed) + bias
                action = np.clip(action, -1.0, 1.0).astype(np.float32)
                observed, _, _, _, facts = self._env.step(action)
                moved, grip = moved + action[:3] * _SCALE_M, float(action[3])
                self.is_success = self.is_success or bool(facts['success'])
            yield Frame(image, joints, np.array([*moved, grip]))
            after += self.is_success
            if after > 4:
                return

    def _advised(self, policy: object, observed: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return np.clip(policy.get_action(observed), -1.0, 1.0)  # type: ignore[attr-defined]

    def _positions(self) -> np.ndarray:
        return np.array([float(self._env.data.joint(name).qpos[0]) for name in _JOINTS])
