# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Show recorded episodes to a world model, as the robot would have."""

from __future__ import annotations

from collections.abc import Iterator

from hma_ros.data.episodes import Episode
from hma_ros.runtime.world_model import WorldModel


def replay(model: WorldModel, episode: Episode) -> Iterator[int]:
    """
    Observe an episode from its first frame on, with what was executed and the joints measured.

    :yields: each step, when its frame is the newest one observed.
    """
    model.reset()
    for step in range(episode.steps):
        executed = episode.actions[step - 1] if step else None
        model.observe(episode.frames[step], executed, episode.joints[step])
        yield step
