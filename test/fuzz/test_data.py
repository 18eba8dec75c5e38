# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Folders of episodes and tokens with a few things changed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import fuzz, outcome
from hypothesis import given
from hypothesis import strategies as st
from mutations import trees

from hma_ros.data.episodes import Episode, EpisodeDataset, EpisodeWriter
from hma_ros.data.token_folders import TokenFolder

FRAMES, SIDE = 5, 2
TOKENS: dict[str, Any] = {
    'token_dtype': 'uint32',
    'num_images': FRAMES,
    'h': SIDE,
    'w': SIDE,
    'action_dim': 3,
    'vocab_size': 64,
    'hz': 9,
    'name': 'my_arm',
    'latent_channels': 4,
}
# Shares of a file that are left, and what it holds.
LEFT = st.sampled_from([0.0, 0.5, 0.99, 1.0, 1.0, 1.0, 2.0])
FILLS = st.sampled_from([0, 1, 63, 64, 255])


@pytest.fixture(scope='module')
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('tokens')
    (folder / 'actions').mkdir()
    return folder


def fill(path: Path, size: int, left: float, value: int) -> None:
    path.write_bytes(bytes([value]) * int(size * left))


@fuzz(500)
@given(
    facts=trees(TOKENS) | trees({**TOKENS, 'token_dtype': 'float16'}),
    left=st.tuples(LEFT, LEFT, LEFT),
    value=FILLS,
)
def test_token_folders(
    tokens: Path, facts: Any, left: tuple[float, float, float], value: int
) -> None:
    (tokens / 'metadata.json').write_text(json.dumps(facts))
    size = SIDE * SIDE * FRAMES * (8 if facts.get('token_dtype') == 'float16' else 4)
    fill(tokens / 'video.bin', size, left[0], value)
    fill(tokens / 'segment_ids.bin', 4 * FRAMES, left[1], 0)
    fill(tokens / 'actions' / 'a.bin', 12 * FRAMES, left[2], value)
    outcome('token folders', lambda: read_tokens(tokens))


def read_tokens(path: Path) -> None:
    folder = TokenFolder.open(path)
    assert folder.stride >= 1
    assert np.isfinite(folder.actions).all()
    frames = folder.frames(slice(0, 3))
    assert np.isfinite(frames).all()


def test_the_mutated_tokens_are_valid_before(tokens: Path) -> None:
    (tokens / 'metadata.json').write_text(json.dumps(TOKENS))
    fill(tokens / 'video.bin', SIDE * SIDE * FRAMES * 4, 1.0, 0)
    fill(tokens / 'segment_ids.bin', 4 * FRAMES, 1.0, 0)
    fill(tokens / 'actions' / 'a.bin', 12 * FRAMES, 1.0, 0)
    read_tokens(tokens)


@pytest.fixture(scope='module')
def episodes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp('episodes') / 'shard'
    with EpisodeWriter(folder, 'sim_planar', 20.0, 2, ('x', 'y'), ('a',)) as writer:
        for seed in range(2):
            writer.add(
                Episode(
                    np.zeros((4, 4, 4, 3), np.uint8),
                    np.zeros((3, 2, 2), np.float32),
                    np.zeros((3, 2, 2), np.float32),
                    np.zeros((4, 2), np.float32),
                    np.zeros((4, 1), np.float32),
                    'expert',
                    seed,
                    True,
                )
            )
    return folder, json.loads((folder / 'metadata.json').read_text())


@fuzz(500)
@given(draw=st.data())
def test_episodes(episodes: tuple[Path, dict[str, Any]], draw: Any) -> None:
    folder, valid = episodes
    (folder / 'metadata.json').write_text(json.dumps(draw.draw(trees(valid))))
    outcome('episodes', lambda: read_episodes(folder))


def read_episodes(folder: Path) -> None:
    dataset = EpisodeDataset([folder, folder])
    assert dataset.stride >= 1
    for episode in dataset:
        assert len(episode.frames) == len(episode.joints) == episode.steps + 1
        assert len(episode.actions) == len(episode.labels)


def test_the_mutated_episodes_are_valid_before(episodes: tuple[Path, dict[str, Any]]) -> None:
    folder, valid = episodes
    (folder / 'metadata.json').write_text(json.dumps(valid))
    read_episodes(folder)
