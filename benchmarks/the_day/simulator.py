# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A Sawyer of metaworld that presses a button: a process of its own, in the simulators' environment.

It reads requests from its input, a line of JSON each, and answers with a line of JSON and, where
the request asks for one, an image of 128 x 128 x 3 bytes.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

os.environ.setdefault('MUJOCO_GL', 'egl')

import metaworld
import mujoco
import numpy as np
from metaworld.policies import ENV_POLICY_MAP

from benchmarks.external_data.domain import Camera

TASK = 'button-press-topdown-v3'
# metaworld steps at 80 Hz and moves at most 0.01 m in a step; demonstrations are slower.
_STEPS, _SCALE_M, _PACE = 4, 0.01, 0.25
# How unsteady the hand of the expert is, as a share of the pace.
_UNSTEADY = 0.25
_JOINTS = tuple(f'right_j{index}' for index in range(7))
_CLOSED = 1.0
# Starts from here on belong to another seed of metaworld: no demonstration has them.
HELD_OUT = 1000


class Simulator:
    """The arm, its camera, and an expert who demonstrates."""

    def __init__(self) -> None:
        self._benchmarks = [metaworld.MT1(TASK, seed=seed) for seed in range(2)]
        self._env = self._benchmarks[0].train_classes[TASK]()
        self._env.max_path_length = sys.maxsize
        self._policy = ENV_POLICY_MAP[TASK]()
        self._observed = self._reset(0)
        view = mujoco.MjvCamera()
        view.distance, view.azimuth, view.elevation = 1.15, 130, -35
        view.lookat[:] = (0.0, 0.7, 0.1)
        self._camera = Camera(self._env.model, view)
        self._is_success = False
        self._rng, self._drift = np.random.default_rng(0), np.zeros(3)

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """
        Reset or advance by a tick.

        :param request: ``reset``, a number; or ``target``, a place of the tool in m, null for
            none, and ``demonstrate``; and whether an ``image`` is wanted.
        """
        if 'reset' in request:
            self._observed = self._reset(int(request['reset']))
            self._is_success = False
        else:
            for _ in range(_STEPS):
                self._step(request.get('target'), bool(request.get('demonstrate')))
        data = self._env.data
        image = self._camera(data).tobytes() if request.get('image') else b''
        state = {
            'joints': [float(data.joint(name).qpos[0]) for name in _JOINTS],
            'tool': self._env.get_endeff_pos().tolist(),
            'success': self._is_success,
        }
        return state, image

    def _reset(self, start: int) -> np.ndarray:
        tasks = self._benchmarks[start >= HELD_OUT].train_tasks
        self._env.set_task(tasks[start % HELD_OUT % len(tasks)])
        observed: np.ndarray = self._env.reset()[0]
        return observed

    def _step(self, target: list[float] | None, demonstrate: bool) -> None:
        move = np.zeros(3)
        if demonstrate:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                move = np.clip(self._policy.get_action(self._observed)[:3], -_PACE, _PACE)
            # Mistakes, and how they are made good, are part of demonstrations.
            self._drift = 0.97 * self._drift + 0.24 * self._rng.normal(size=3)
            move = move + _UNSTEADY * _PACE * self._drift
        elif target is not None:
            move = np.clip((np.array(target) - self._env.data.mocap_pos[0]) / _SCALE_M, -1, 1)
        action = np.array([*move, _CLOSED], np.float32)
        self._observed, _, _, _, facts = self._env.step(action)
        self._is_success = self._is_success or bool(facts['success'])


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), 'wb')
    # Whatever a simulator prints must not reach the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    simulator = Simulator()
    for line in sys.stdin.buffer:
        state, image = simulator.answer(json.loads(line))
        answers.write(json.dumps(state).encode() + b'\n' + image)
        answers.flush()


if __name__ == '__main__':
    main()
