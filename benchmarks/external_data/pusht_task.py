# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""gym-pusht: a disc pushes a T in the plane; nobody here can do the task, so this is play."""

from __future__ import annotations

from collections.abc import Iterator

import gym_pusht
import gymnasium
import numpy as np

from benchmarks.external_data.domain import Disturbance, Frame, Robot

_STEPS = 60
# A pixel of the task is called a millimetre.
_M_PER_PIXEL, _SIDE_M = 0.001, 0.512


class PushT:
    """Pushes through the block; see :class:`~benchmarks.external_data.domain.Domain`."""

    def __init__(self) -> None:
        gymnasium.register_envs(gym_pusht)
        self._env = gymnasium.make(
            'gym_pusht/PushT-v0', obs_type='pixels_agent_pos', max_episode_steps=1000
        ).unwrapped
        self.is_success = False
        self.robot = Robot(
            name='pusht',
            description='PushT of gym-pusht; a pixel counts as a millimetre.',
            source='gym-pusht 0.1.8: gym_pusht/envs/pusht.py',
            semantics='position',
            joints=('x', 'y'),
            names=('target_x', 'target_y'),
            lower=(0.0, 0.0),
            upper=(_SIDE_M, _SIDE_M),
            coordinates=('x', 'y'),
            workspace=((0.0, 0.0), (_SIDE_M, _SIDE_M)),
            home=(0.25, 0.25),
            fps=10,
            side=96,
        )

    def close(self) -> None:
        """Free the simulator."""
        self._env.close()

    def episode(self, kind: str, rng: np.random.Generator) -> Iterator[Frame]:
        """Run one episode: a push from one side of the block to the other, then another one."""
        observed, _ = self._env.reset(seed=int(rng.integers(2**31)))
        disturb, goal = Disturbance(kind, rng), observed['agent_pos']
        self.is_success, waypoints = False, list[np.ndarray]()
        for _ in range(_STEPS):
            place = np.asarray(observed['agent_pos'], float)
            if not waypoints:
                block, angle = np.array(self._env.block.position), rng.uniform(0, 2 * np.pi)
                ahead = np.array([np.cos(angle), np.sin(angle)])
                waypoints = [block - 120 * ahead, block + 60 * ahead]
            goal = waypoints[0]
            step = np.clip((goal - place) / 40.0, -1.0, 1.0)
            target = np.clip(place + 40.0 * disturb(step), 0.0, 1000 * _SIDE_M)
            yield Frame(observed['pixels'], place * _M_PER_PIXEL, target * _M_PER_PIXEL)
            observed, _, _, _, facts = self._env.step(target.astype(np.float32))
            self.is_success = self.is_success or bool(facts['is_success'])
            if np.linalg.norm(goal - place) < 25 or rng.uniform() < 0.03:
                waypoints.pop(0)
