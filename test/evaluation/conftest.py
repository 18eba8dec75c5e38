# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A tiny untrained bundle and episodes with a square that goes where it is sent."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hma_ros.core.embodiment.stem_spec import StemSpec
from hma_ros.data.episodes import Episode, EpisodeDataset, EpisodeWriter
from hma_ros.data.shards import find_shards
from hma_ros.export.bundle import export_bundle, own_options
from hma_ros.network.config import Domain, Joints, preset
from hma_ros.network.initial import initialised
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig

EMBODIMENT, STRIDE = 'sim_planar', 1


def make_episode(steps: int, seed: int) -> Episode:
    """Let an 8 pixel square jump to where each action says, in pixels / 100."""
    places = np.random.default_rng(seed).integers(0, 56, (steps + 1, 2))
    frames = np.full((steps + 1, 64, 64, 3), 90, np.uint8)
    for frame, (x, y) in zip(frames, places, strict=True):
        frame[y : y + 8, x : x + 8] = (220, 40, 40)
    actions = (places[1:, None] / 100).astype(np.float32)
    joints = places.astype(np.float32)
    return Episode(frames, actions, actions, joints, joints, 'expert', seed, True)


@pytest.fixture(scope='session')
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three held-out episodes."""
    root = tmp_path_factory.mktemp('data')
    folder = root / EMBODIMENT / 'val' / 'shard_00'
    with EpisodeWriter(folder, EMBODIMENT, 10.0, STRIDE, ('x', 'y'), ('x', 'y')) as writer:
        for seed, steps in enumerate((3, 5, 4)):
            writer.add(make_episode(steps, seed))
    return root


@pytest.fixture(scope='session')
def episodes(data_root: Path) -> EpisodeDataset:
    """Return the held-out episodes."""
    return EpisodeDataset(find_shards(data_root, EMBODIMENT, 'val'))


@pytest.fixture(scope='session')
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle with random weights."""
    torch.manual_seed(0)
    sizes = TokenizerConfig(
        image_size=64, patch=8, width=16, detail_width=16, encoder_blocks=1, decoder_blocks=1
    )
    robot = StemSpec(
        action_names=('x', 'y'),
        stride=STRIDE,
        frame_hz=10.0,
        embodiment=EMBODIMENT,
        trained_on='simulation',
        lower=(0.0, 0.0),
        upper=(1.0, 1.0),
        joint_names=('joint_x', 'joint_y'),
        joint_motion='last',
    )
    joints = Joints(robot.joint_names, (28.0, 28.0), (16.0, 16.0), 'last', (0.0, 0.0), (0.1, 0.1))
    stem = Domain('planar_push', STRIDE, (0.28, 0.28), (0.16, 0.16), robot, joints)
    model = initialised(preset('small', [stem], width=32, layers=1, heads=2))
    tokenizer = FrameTokenizer(sizes).eval()
    return export_bundle(
        model.requires_grad_(False),
        tmp_path_factory.mktemp('run') / 'bundle',
        own_options(tokenizer, model.config),
    )
