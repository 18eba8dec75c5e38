# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The person beside the robot: starts demonstrations, and marks episodes."""

from __future__ import annotations

from typing import Any

from lifecycle_msgs.msg import State
from std_srvs.srv import SetBool

from hma_ros.core.errors import ConfigError
from hma_ros.msg import ActionChunk
from hma_ros.ros.episode_client import EpisodeClient
from hma_ros.ros.qos import REPORT


class Operator(EpisodeClient):
    """Runs demonstrations; use it as a context manager."""

    def __init__(self) -> None:
        super().__init__(nodes=())
        self._chunks: list[Any] = []

    def activate(self, names: tuple[str, ...]) -> None:
        """Bring lifecycle nodes to life."""
        for name in names:
            self._bring(name, State.PRIMARY_STATE_INACTIVE)
        for name in names:
            self._bring(name, State.PRIMARY_STATE_ACTIVE)

    def count_chunks(self) -> list[Any]:
        """Return a list that grows by each chunk of the policy."""
        topic = 'world_model/action_chunk'
        self.node.create_subscription(ActionChunk, topic, self._chunks.append, REPORT)
        return self._chunks

    def demonstrate(self, start: int, longest_s: float, marks: bool = False) -> bool:
        """Demonstrate once, and tell the recorder if ``marks``; returns whether it succeeded."""
        self._success = None
        self._reset(start)
        self._until(lambda: self._success is False, 'sim_robot/success: expected a message')
        if marks:
            self._mark('begin')
        self._demonstrate(True)
        result = self._watch(start, longest_s)
        self._demonstrate(False)
        if marks:
            self._mark('succeed' if result.success else 'fail')
        return result.success

    def _demonstrate(self, wanted: bool) -> None:
        self.call(SetBool, 'sim_robot/demonstrate', SetBool.Request(data=wanted))

    def _mark(self, mark: str) -> None:
        is_done, text = self.trigger(f'bag_recorder/{mark}')
        if not is_done:
            raise ConfigError(f'bag_recorder/{mark}: got {text}, expected success')
