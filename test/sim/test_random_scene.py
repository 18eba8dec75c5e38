# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Random scenes look different in each episode, and physics stays what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hma_ros.cli.main import main
from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.data.shards import find_shards
from hma_ros.sim import TASK_NAMES, make_task


@pytest.mark.parametrize('name', TASK_NAMES)
def test_the_scene_changes_what_is_seen_and_nothing_that_moves(name: str) -> None:
    fixed, varied = make_task(name), make_task(name, 'random')
    for task in (fixed, varied):
        task.reset(3)
    assert np.abs(fixed.frame(32, 32).astype(int) - varied.frame(32, 32)).mean() > 5
    for _ in range(3):
        chunk = fixed.expert()
        np.testing.assert_array_equal(varied.expert(), chunk)
        for task in (fixed, varied):
            task.step(chunk)
    np.testing.assert_array_equal(varied.state(), fixed.state())
    for task in (fixed, varied):
        task.close()


def test_a_seed_has_its_scene_whatever_was_before() -> None:
    task = make_task('sim_planar', 'random')
    frames = []
    for seed in (1, 2, 1):
        task.reset(seed)
        frames.append(task.frame(32, 32))
    task.close()
    np.testing.assert_array_equal(frames[0], frames[2])
    assert (frames[0] != frames[1]).mean() > 0.5


def test_episodes_are_made_in_random_scenes(tmp_path: Path) -> None:
    what = ['generate', 'sim_planar', '--expert', '2', '--image-size', '32', '--workers', '1']
    assert main([*what, '--out', str(tmp_path / 'sim_planar'), '--scene', 'random']) == 0
    first, second = EpisodeDataset(find_shards(tmp_path, 'sim_planar', 'train'))
    corners = [episode.frames[0, :4, :4].mean((0, 1)) for episode in (first, second)]
    assert np.abs(corners[0] - corners[1]).max() > 5


def test_another_scene_is_refused() -> None:
    with pytest.raises(ConfigError, match="scene: got 'dark', expected fixed or random"):
        make_task('sim_planar', 'dark')  # type: ignore[arg-type]
