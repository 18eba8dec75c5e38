# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Training of the frame tokenizer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import Episode, EpisodeDataset, EpisodeWriter
from hma_ros.network.checkpoint import load_tokenizer
from hma_ros.network.tokenizer import TokenizerConfig
from hma_ros.training.tokenizer import train_tokenizer

SIZES = TokenizerConfig(
    image_size=32,
    patch=16,
    width=16,
    detail_width=8,
    detail_stages=2,
    encoder_blocks=1,
    decoder_blocks=1,
)


@pytest.fixture
def dataset(tmp_path: Path) -> EpisodeDataset:
    """Return one episode of four steps whose frames are of one colour each."""
    folder = tmp_path / 'episodes'
    frames = np.broadcast_to(
        np.arange(0, 250, 50, dtype=np.uint8)[:, None, None, None], (5, 32, 32, 3)
    )
    actions = np.zeros((4, 1, 2), np.float32)
    joints = np.zeros((5, 2), np.float32)
    with EpisodeWriter(folder, 'sim_planar', 10.0, 1, ('x', 'y'), ('x', 'y')) as writer:
        writer.add(Episode(frames, actions, actions, joints, joints, 'random', 0, False))
    return EpisodeDataset([folder])


@pytest.mark.parametrize('precision', [torch.float32, torch.bfloat16])
def test_a_run_goes_on_and_leaves_a_checkpoint_of_its_sizes(
    dataset: EpisodeDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: torch.dtype,
) -> None:
    monkeypatch.setattr(torch, 'compile', lambda module: module)
    out = tmp_path / 'tokenizer'
    train_tokenizer([dataset], out, 2, 4, SIZES, precision)
    trained = train_tokenizer([dataset], out, 3, 4, SIZES, precision)
    assert trained.config == SIZES
    loaded = load_tokenizer(out)
    assert loaded.config == SIZES
    # Weights stay float32 whatever the products are.
    for name, tensor in trained.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, loaded.state_dict()[name])


def test_sizes_of_other_frames_are_refused(dataset: EpisodeDataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'frames: got \[32, 32\], expected \[64, 64\]'):
        train_tokenizer([dataset], tmp_path, 1, 4, replace(SIZES, image_size=64))
