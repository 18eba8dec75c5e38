# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Episodes that no model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hma_ros.core.vision.image import FRAME_PX
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.data.shards import find_shards
from hma_ros.sim.generate import generate

# Another set than those that training, and the choices made while training, have seen.
SEED = 7919


def recorded_episodes(root: str | Path, embodiment: str) -> EpisodeDataset:
    """
    Open the held-out episodes below ``root/embodiment/val``.

    :raises ConfigError: there are none.
    """
    return EpisodeDataset(find_shards(root, embodiment, 'val'))


def check_recorded(root: str | Path, embodiments: Sequence[str]) -> None:
    """Refuse a folder without held-out episodes of one of these: ConfigError."""
    for embodiment in embodiments:
        find_shards(root, embodiment, 'val')


def fresh_episodes(
    folder: str | Path,
    embodiment: str,
    counts: Mapping[str, int],
    image_size: int = FRAME_PX,
) -> EpisodeDataset:
    """
    Make held-out episodes in the simulator: their starts are never those of training episodes.

    :param folder: to write them to, as ``folder/embodiment/val``.
    :param counts: episodes of each kind: ``expert``, ``play``, ``random``.
    :param image_size: height and width of the frames [px].
    :raises ConfigError: not a simulated robot, or the folder is in use.
    """
    home = Path(folder) / embodiment
    generate(
        embodiment,
        home,
        counts,
        SEED,
        workers=1,
        split='val',
        image_size=image_size,
    )
    return recorded_episodes(folder, embodiment)


def kinds(episodes: int) -> dict[str, int]:
    """Mix kinds of episodes: half by the expert, a quarter each play and random."""
    counts = {'play': episodes // 4, 'random': episodes // 4}
    return {'expert': episodes - sum(counts.values()), **counts}
