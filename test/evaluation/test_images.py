# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Images show the frames they are given, at the size and pace they promise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.evaluation.images import (
    OpenLoopRollout,
    heat_map,
    imagine_episode,
    rollout_strip,
    write_animation,
    write_strip,
)
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel


@pytest.fixture
def rollout() -> OpenLoopRollout:
    frames = np.random.default_rng(0).integers(0, 256, (7, 64, 64, 3), dtype=np.uint8)
    return OpenLoopRollout('made up', 10.0, frames[0], frames[1:4], frames[4:])


def _contains(image: Image.Image, frame: np.ndarray, scale: int) -> bool:
    pixels = np.asarray(image.convert('RGB'))
    large = frame.repeat(scale, 0).repeat(scale, 1)
    first = np.argwhere((pixels == large[0, 0]).all(-1))
    height, width = large.shape[:2]
    return any(
        np.array_equal(pixels[y : y + height, x : x + width], large) for y, x in first.tolist()
    )


def test_the_strip_shows_every_frame_without_blur(rollout: OpenLoopRollout) -> None:
    strip = rollout_strip(rollout)
    heat = heat_map(rollout.observed, rollout.imagined)
    for frame in (rollout.last, *rollout.observed, *rollout.imagined, *heat):
        assert _contains(strip, frame, 3)


def test_a_long_rollout_keeps_its_first_and_last_moment(rollout: OpenLoopRollout) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (16, 64, 64, 3), dtype=np.uint8)
    strip = rollout_strip(replace(rollout, observed=frames[:8], imagined=frames[8:]))
    shown = [_contains(strip, frame, 3) for frame in frames[8:]]
    assert (shown[0], sum(shown), shown[-1]) == (True, 6, True)


def test_heat_rises_with_the_difference() -> None:
    observed = np.zeros((1, 256, 3), np.uint8)
    imagined = np.zeros_like(observed)
    imagined[0, :, 1] = np.arange(256)
    brightness = heat_map(observed, imagined)[0].astype(int).sum(-1)
    assert (np.diff(brightness[:129]) >= 0).all()
    assert (brightness[128:] == brightness[128]).all()


@pytest.mark.parametrize('suffix', ['.gif', '.webp'])
def test_the_animation_has_one_image_for_each_moment(
    rollout: OpenLoopRollout, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / 'new' / f'rollout{suffix}'
    write_animation(rollout, path)
    with Image.open(path) as animation:
        assert animation.n_frames == 4
        animation.seek(1)
        animation.load()
        assert animation.info['duration'] == 200
        assert animation.info['loop'] == 0


def test_a_strip_of_a_real_model(bundle: Path, episodes: EpisodeDataset, tmp_path: Path) -> None:
    model = WorldModel(bundle, 'planar_push', Execution(threads=1))
    rollout = imagine_episode(model, episodes[1], step=2, horizon=20)
    assert rollout.imagined.shape == rollout.observed.shape == (3, 64, 64, 3)
    np.testing.assert_array_equal(rollout.last, episodes[1].frames[2])
    np.testing.assert_array_equal(rollout.observed, episodes[1].frames[3:6])
    assert rollout.title.startswith('sim_planar: 3 frames observed')
    assert [rollout.caption(moment) for moment in range(2)] == ['+0.1 s', '+0.2 s']
    write_strip(rollout, tmp_path / 'strip.png')
    with Image.open(tmp_path / 'strip.png') as image:
        assert image.size == rollout_strip(rollout).size


def test_a_step_outside_the_episode_is_refused(bundle: Path, episodes: EpisodeDataset) -> None:
    model = WorldModel(bundle, 'planar_push', Execution(threads=1))
    with pytest.raises(ConfigError, match='step 5: expected 0 to 4'):
        imagine_episode(model, episodes[1], step=5, horizon=1)
