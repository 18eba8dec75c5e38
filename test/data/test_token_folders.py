# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Data sets of the authors: what is read, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from hma_ros.core.errors import ConfigError
from hma_ros.data.token_folders import TokenFolder

FRAMES, HEIGHT, WIDTH = 5, 2, 3
TOKENS = {
    'token_dtype': 'uint32',
    'num_images': FRAMES,
    'h': HEIGHT,
    'w': WIDTH,
    'action_dim': 3,
    'vocab_size': 64,
    'hz': 9,
    'name': 'my_arm',
}
LATENTS = {**TOKENS, 'token_dtype': 'float16', 'vocab_size': None, 'latent_channels': 4}


def write(folder: Path, facts: dict = TOKENS, **changes) -> Path:
    """Write a data set whose numbers count up; two action files, of 1 and 2 dimensions."""
    facts = {**facts, **changes}
    (folder / 'actions').mkdir(parents=True)
    channels = facts.get('latent_channels', 1)
    count = FRAMES * HEIGHT * WIDTH * channels
    np.arange(count).astype(facts['token_dtype']).tofile(folder / 'video.bin')
    np.zeros(FRAMES, np.int32).tofile(folder / 'segment_ids.bin')
    actions = np.arange(FRAMES * 3, dtype=np.float32).reshape(FRAMES, 3)
    actions[:, :1].tofile(folder / 'actions/a.bin')
    actions[:, 1:].tofile(folder / 'actions/b.bin')
    (folder / 'metadata.json').write_text(json.dumps(facts))
    return folder


def test_tokens_and_actions(tmp_path):
    folder = TokenFolder.open(write(tmp_path / 'x'))
    assert folder.domain == 'my_arm'
    frames = folder.frames(slice(0, 3, 2))
    assert frames.dtype == np.int64
    assert frames[:, 0].tolist() == [[0, 1, 2], [12, 13, 14]]
    assert folder.actions[4].tolist() == [12, 13, 14]


def test_latents_are_scaled_with_channels_last(tmp_path):
    folder = TokenFolder.open(write(tmp_path / 'x', LATENTS))
    frames = folder.frames(slice(0, 2))
    assert frames.dtype == np.float32
    assert frames.shape == (2, HEIGHT, WIDTH, 4)
    # Channel 3 of the second frame's first pixel is number 24 + 3 * 6.
    assert frames[1, 0, 0, 3] == pytest.approx(42 * 0.18215)


def test_statistics_are_those_of_each_dimension(tmp_path):
    # 0, 3, 6, 9, 12: mean 6, variance 18.
    mean, std = TokenFolder.open(write(tmp_path / 'x')).action_statistics()
    assert mean.tolist() == [6, 7, 8]
    assert std == pytest.approx(18**0.5)


def test_the_table_of_rates_comes_before_the_metadata(tmp_path):
    folder = write(tmp_path / 'x')
    assert TokenFolder.open(folder).stride == 4  # 9 Hz in the metadata
    assert TokenFolder.open(folder, 'robomimic').stride == 3  # 6 Hz in the table
    assert TokenFolder.open(folder, 'robo_net').stride == 1  # 1 Hz


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'token_dtype': 'int64'},
            r"metadata.json: token_dtype: got 'int64', expected uint32 \(tok",
        ),
        ({'h': 0}, 'metadata.json: h: got 0, expected an integer above 0'),
        ({'hz': None}, 'metadata.json: hz: got None, expected an integer above 0'),
        ({'vocab_size': 'many'}, "vocab_size: got 'many', expected an integer above 0"),
        ({'name': None}, 'metadata.json: name: got None, expected a text'),
        ({'w': 4}, 'video.bin: got 120 bytes, expected 160 for 5 frames'),
        ({'num_images': 4}, 'video.bin: got 120 bytes, expected 96 for 4 frames'),
        (
            {'action_dim': 4},
            'actions: got 3 action dimensions in 2 files, expected 4 as in metadata',
        ),
    ],
)
def test_contradicting_metadata_are_refused(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        TokenFolder.open(write(tmp_path / 'x', **changes))


@pytest.mark.parametrize(
    ('file', 'message'),
    [
        ('metadata.json', 'metadata.json: got no such file, expected a JSON object'),
        ('video.bin', 'video.bin: got no such file, expected 120 for 5 frames'),
        ('segment_ids.bin', 'segment_ids.bin: got no such file, expected 20 for 5 frames'),
        ('actions/a.bin', 'actions: got 2 action dimensions in 1 files, expected 3'),
    ],
)
def test_missing_files_are_named(tmp_path, file, message):
    (write(tmp_path / 'x') / file).unlink()
    with pytest.raises(ConfigError, match=message):
        TokenFolder.open(tmp_path / 'x')


@pytest.mark.parametrize('text', ['[]', '{'])
def test_metadata_that_is_no_object_is_refused(tmp_path, text):
    (write(tmp_path / 'x') / 'metadata.json').write_text(text)
    with pytest.raises(ConfigError, match='metadata.json: .*expected a JSON object'):
        TokenFolder.open(tmp_path / 'x')


def test_an_action_file_of_broken_steps_is_refused(tmp_path):
    with (write(tmp_path / 'x') / 'actions/b.bin').open('ab') as file:
        file.write(b'1234')
    with pytest.raises(ConfigError, match='b.bin: got 44 bytes, expected 40 for 5 frames'):
        TokenFolder.open(tmp_path / 'x')


def test_an_action_that_is_not_finite_is_refused(tmp_path):
    actions = np.array([1, 2, np.nan, 4, 5], np.float32)
    actions.tofile(write(tmp_path / 'x') / 'actions/a.bin')
    with pytest.raises(ConfigError, match=r'a.bin: frame 2: got action \[nan\], expected finite'):
        TokenFolder.open(tmp_path / 'x')


def test_a_token_outside_the_vocabulary_is_refused(tmp_path):
    folder = TokenFolder.open(write(tmp_path / 'x', vocab_size=29))
    folder.frames(slice(0, 4))
    with pytest.raises(ConfigError, match='video.bin: got token 29, expected less than 29'):
        folder.frames(slice(4, 5))


def test_a_latent_that_is_not_finite_is_refused(tmp_path):
    path = write(tmp_path / 'x', LATENTS)
    np.full(FRAMES * HEIGHT * WIDTH * 4, np.inf, np.float16).tofile(path / 'video.bin')
    with pytest.raises(ConfigError, match='video.bin: got a latent of nan or inf'):
        TokenFolder.open(path).frames(slice(0, 1))
