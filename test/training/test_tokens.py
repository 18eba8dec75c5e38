# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frames become tokens once, also if that was stopped half-way."""

import time
from threading import Thread

import numpy as np
import pytest
import torch

from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import Episode, EpisodeDataset, EpisodeWriter
from hma_ros.network.tokenizer import LATENT_SCALE, FrameTokenizer, TokenizerConfig
from hma_ros.training import tokens
from hma_ros.training.tokens import Encoder, encoded_once, latents_once, tokens_once

SIDE, STEPS, EPISODES = 8, 4, 3


@pytest.fixture
def dataset(tmp_path):
    rng = np.random.default_rng(0)
    with EpisodeWriter(tmp_path / 'a', 'sim_planar', 10.0, 1, ('x', 'y'), ('s', 't')) as writer:
        for _ in range(EPISODES):
            frames = rng.integers(256, size=(STEPS + 1, SIDE, SIDE, 3)).astype(np.uint8)
            zeros = np.zeros((STEPS, 1, 2), np.float32)
            joints = np.zeros((STEPS + 1, 2), np.float32)
            writer.add(Episode(frames, zeros, zeros, joints, joints, 'expert', 0, True))
    return EpisodeDataset([tmp_path / 'a'])


@pytest.fixture(autouse=True)
def _kept_often(monkeypatch):
    """Write after every batch of two frames."""
    monkeypatch.setattr(tokens, '_KEEP_EVERY_S', -1.0)
    monkeypatch.setattr(tokens, '_ENCODE_PIXELS', 2 * SIDE**2)


class Tokenizer:
    """Its tokens are the first pixels; it may be stopped after some frames."""

    def __init__(self, stop_after=10**9):
        self.frames, self._stop_after = 0, stop_after

    def encode(self, frames):
        if self.frames >= self._stop_after:
            raise KeyboardInterrupt
        self.frames += len(frames)
        return frames[:, 0].astype(np.int64)


def encode(tokenizer, dataset, folder):
    return encoded_once(Encoder(tokenizer.encode, SIDE, 'mine'), dataset, folder)


def test_encoding_that_was_stopped_goes_on_with_the_frames_that_are_missing(dataset, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        encode(Tokenizer(stop_after=6), dataset, tmp_path / 'tokens')
    second = Tokenizer()
    found = encode(second, dataset, tmp_path / 'tokens')
    assert second.frames == EPISODES * (STEPS + 1) - 6
    for episode, made in zip(dataset, found, strict=True):
        np.testing.assert_array_equal(made.tokens, episode.frames[:, 0])
    # Nothing but the file is left.
    assert len(list((tmp_path / 'tokens').iterdir())) == 1


def test_tokens_are_read_the_second_time(dataset, tmp_path):
    encode(Tokenizer(), dataset, tmp_path)
    encode(Tokenizer(stop_after=0), dataset, tmp_path)


def test_a_second_run_waits_for_the_first_and_reads_its_file(dataset, tmp_path, caplog):
    folder, first, second = tmp_path / 'tokens', Tokenizer(), Tokenizer(stop_after=0)
    plain, runs = first.encode, []

    def encode_and_start_another(frames):
        if not runs:
            runs.append(Thread(target=encode, args=(second, dataset, folder)))
            runs[0].start()
            while 'waiting for it' not in caplog.text:
                time.sleep(0.01)
        return plain(frames)

    first.encode = encode_and_start_another
    encode(first, dataset, folder)
    runs[0].join()
    assert first.frames == EPISODES * (STEPS + 1)
    assert [path.suffix for path in folder.iterdir()] == ['.npy']


def test_a_broken_part_is_named(dataset, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        encode(Tokenizer(stop_after=6), dataset, tmp_path / 'tokens')
    (folder,) = (tmp_path / 'tokens').iterdir()
    (folder / '00000002.npy').write_bytes(b'')
    with pytest.raises(ConfigError, match=r'00000002.npy: .* expected tokens; remove it'):
        encode(Tokenizer(), dataset, tmp_path / 'tokens')


def own_tokenizer():
    torch.manual_seed(0)
    config = TokenizerConfig(image_size=SIDE, patch=4, width=8, detail_width=8)
    return FrameTokenizer(config).requires_grad_(False).eval()


def test_our_own_tokens_also_go_on_after_a_stop(dataset, tmp_path, monkeypatch):
    tokenizer, batches = own_tokenizer(), []

    def stopping(encode):
        def encode_three(frames):
            batches.append(len(frames))
            if len(batches) == 4:
                raise KeyboardInterrupt
            return encode(frames)

        return encode_three

    monkeypatch.setattr(torch, 'compile', stopping)
    monkeypatch.setattr(tokens, '_ENCODE_BATCH', 2)
    with pytest.raises(KeyboardInterrupt):
        tokens_once(tokenizer, dataset, tmp_path / 'tokens')
    found = tokens_once(tokenizer, dataset, tmp_path / 'tokens')
    # Three batches, the one that was stopped, and the rest; the last one is padded.
    assert batches == [2] * (4 + 5)
    for episode, made in zip(dataset, found, strict=True):
        expected = tokenizer.encode(torch.from_numpy(np.array(episode.frames)))
        assert made.tokens.dtype == np.uint8
        np.testing.assert_array_equal(made.tokens, expected.numpy())


def test_latents_of_one_file_are_cut_into_patches_of_any_size(dataset, tmp_path, monkeypatch):
    tokenizer = own_tokenizer()
    monkeypatch.setattr(torch, 'compile', lambda encode: encode)
    pixels = [latents_once(tokenizer, dataset, tmp_path, patch) for patch in (1, 2)]
    assert len(list(tmp_path.glob('*.npy'))) == 1
    for episode, small, large in zip(dataset, *pixels, strict=True):
        latents = tokenizer.encode_continuous(torch.from_numpy(np.array(episode.frames)))
        assert (small.tokens.shape[1:], large.tokens.shape[1:]) == ((4, 12), (1, 48))
        np.testing.assert_allclose(small.tokens, LATENT_SCALE * latents.numpy(), rtol=2e-3)
        np.testing.assert_array_equal(small.tokens.reshape(large.tokens.shape), large.tokens)
