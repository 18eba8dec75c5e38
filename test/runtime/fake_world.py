# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A model that takes as long as it is told, and remembers what it was asked."""

from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from hma_ros.core.errors import InferenceError
from hma_ros.runtime.rollout import Rollout
from hma_ros.runtime.step_queue import CameraStep

DT_NS = 200_000_000
FRAME = np.zeros((8, 8, 3), np.uint8)


class FakeWorld:
    """
    Two actions, stride 1, at most 8 frames ahead; each call takes its time on ``now_s``.

    :param policy_refusal: why it has no policy; empty if it has one.
    :param hides_actions: whether it can do without the action of a step.
    """

    def __init__(
        self, policy_refusal: str = '', frame_s: float = 0.0, hides_actions: bool = True
    ) -> None:
        self.manifest: Any = SimpleNamespace(
            max_horizon=8,
            window=9,
            time='learned',
            policy_refusal=policy_refusal,
            hides_actions=hides_actions,
        )
        self.stem: Any = SimpleNamespace(stride=1, action_dim=2)
        self.provider, self.can_imagine, self.steps = 'cpu', True, 0
        self.now_s, self.frame_s, self.observe_s = 0.0, frame_s, 0.0
        self.observed: list[np.ndarray | None] = []
        self.asked: list[tuple[np.ndarray | None, int]] = []
        self.passive: list[bool] = []
        self.resets = 0
        self.fails = False

    def clock(self) -> float:
        return self.now_s

    def reset(self) -> None:
        self.steps, self.resets = 0, self.resets + 1

    def observe(
        self, frame: np.ndarray, executed: np.ndarray | None, joints: np.ndarray | None = None
    ) -> None:
        if self.fails:
            raise InferenceError('graph: it failed')
        self.now_s += self.observe_s
        self.steps += 1
        self.observed.append(executed)

    def act(self) -> np.ndarray:
        return np.ones((1, 2), np.float32)

    def imagine(
        self,
        chunks: np.ndarray | None,
        horizon: int,
        is_enough: Callable[[], bool] = lambda: False,
        decided: Callable[[np.ndarray], bool] = lambda _: False,
        *,
        is_passive: bool = False,
    ) -> Rollout:
        self.passive.append(is_passive)
        self.asked.append((chunks, horizon))
        frames = 0
        while frames < horizon:
            if chunks is None and decided(np.full((1, 2), frames + 1, np.float32)):
                break
            self.now_s += self.frame_s
            frames += 1
            if is_enough():
                break
        actions = np.zeros((frames, 1, 2), np.float32) if chunks is None else chunks[:frames]
        return Rollout(np.zeros((frames, 8, 8, 3), np.uint8), actions)

    def reconstruct(self, frame: np.ndarray) -> np.ndarray:
        return frame


class FakeQueue:
    """Steps that a test puts there."""

    def __init__(self) -> None:
        self.steps: deque[CameraStep] = deque()
        self.lost = 0

    def __len__(self) -> int:
        return len(self.steps)

    def add(self, index: int, *, after: int | None = None) -> None:
        """Add the step of an index, after another one or in a new context."""
        before = None if after is None else after * DT_NS
        executed = np.full((1, 2), index, np.float32)
        self.steps.append(
            CameraStep(index * DT_NS, f'image {index}', 0.0, before, executed, 'reported', None)
        )

    def take(self) -> CameraStep | None:
        return self.steps.popleft() if self.steps else None

    def dropped(self) -> int:
        lost, self.lost = self.lost, 0
        return lost

    def has_next(self) -> bool:
        return bool(self.steps)
