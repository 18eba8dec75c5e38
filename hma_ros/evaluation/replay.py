# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Show recorded episodes to a world model, as the robot would have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hma_ros.core.embodiment.stem_spec import StemSpec
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
        observed = measured(model.stem, episode.joints[step], episode.states[step, :3])
        model.observe(episode.frames[step], executed, observed)
        yield step


def measured(stem: StemSpec, joints: np.ndarray, tool_xyz: np.ndarray) -> np.ndarray:
    """
    Put together what a model reads of the robot in a frame.

    :param joints: ``float[J]`` measured, rad or m.
    :param tool_xyz: ``float[3]`` position of the tool [m].
    :returns: ``float32``, in the order of the stem's ``measured_names``.
    """
    parts = [joints, tool_xyz] if stem.reads_tool else [joints]
    return np.concatenate(parts).astype(np.float32)
