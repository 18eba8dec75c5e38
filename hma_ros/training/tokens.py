# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frames of a data set as tokens or latents, encoded once and kept in a file."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch

from hma_ros.core.atomic_file import locked, replacing
from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.patches import patchify
from hma_ros.core.numpy_file import UNREADABLE, numpy_fault
from hma_ros.core.pool import SERIAL, Pool
from hma_ros.core.progress import Progress
from hma_ros.data.episodes import Episodes
from hma_ros.data.windows import TokenEpisode
from hma_ros.network.strict_loading import fingerprint
from hma_ros.network.tokenizer import LATENT_SCALE, FrameTokenizer

_LOG = logging.getLogger(__name__)
# Batch of frames for which our own tokenizer is compiled.
_ENCODE_BATCH = 256
# Pixels that any other tokenizer encodes at once. More are no faster on CPUs: four frames of
# 256 x 256 take Open-MAGVIT2 1.3 GB, sixteen 3.7 GB.
_ENCODE_PIXELS = 1 << 18
_KEEP_EVERY_S = 30.0


@dataclass(frozen=True)
class Encoder:
    """
    A frame tokenizer that was made to fit a model.

    :param encode: from ``uint8[B, H, W, 3]`` to factors ``int64[B, S, F]``, or to scaled patches
        ``float32[B, S, E]``.
    :param image_size: height and width that it takes [px].
    :param fingerprint: tells it from others: tokens of one mean nothing to another.
    :param batch: most frames at once; None: by the size of the images.
    """

    encode: Callable[[np.ndarray], np.ndarray]
    image_size: int
    fingerprint: str
    batch: int | None = None


def encoded_once(
    encoder: Encoder, dataset: Episodes, folder: Path, pool: Pool = SERIAL
) -> list[TokenEpisode]:
    """
    Encode every frame and keep the tokens in a file; read it if it is there.

    After an interruption it resumes from what was kept, and repeats about half a minute at most.

    :param folder: of the file, whose name tells the tokenizer and the episodes: with another of
        either they are encoded again.
    :param pool: encodes the frames.
    :raises ConfigError: frames of another size than the tokenizer takes, or a broken file.
    """
    path = folder / f'{encoder.fingerprint}_{dataset.fingerprint}.npy'
    dataset.check_frame_size(encoder.image_size, 'the frame tokenizer')
    if not path.exists() or path.with_suffix('.parts').exists():
        _write(encoder, dataset, pool, path)
    tokens = _read(path)
    if len(tokens) != (frames := _frame_count(dataset)):
        raise ConfigError(
            f'{path}: {len(tokens)} frames, expected {frames} as in the episodes; remove it'
        )
    return _episodes(dataset, tokens)


def _write(encoder: Encoder, dataset: Episodes, pool: Pool, path: Path) -> None:
    """Make a file of tokens, unless another run makes it meanwhile."""
    partly = path.with_suffix('.parts')
    parts = Parts(partly)
    waiting = '%s: another run encodes these frames; waiting for it'
    with locked(partly, lambda: _LOG.warning(waiting, partly)):
        if not path.exists():
            _save(path, _encode(encoder, dataset, pool, parts))
        parts.remove()


def tokens_once(tokenizer: FrameTokenizer, dataset: Episodes, folder: Path) -> list[TokenEpisode]:
    """Encode every frame as factors ``uint8[S, F]``, see :func:`encoded_once`."""
    return encoded_once(_own_encoder(tokenizer, is_rounded=True), dataset, folder)


def latents_once(
    tokenizer: FrameTokenizer, dataset: Episodes, folder: Path, patch: int
) -> list[TokenEpisode]:
    """
    Like :func:`tokens_once`, without rounding: scaled latents, ``float16``, as patches.

    :param patch: latents that a patch spans in each direction.
    """
    side = tokenizer.config.grid

    def patches(latents: np.ndarray) -> np.ndarray:
        pixels = latents.reshape(len(latents), side, side, -1) * np.float16(LATENT_SCALE)
        return patchify(pixels, patch)

    # The file keeps plain latents: it serves every size of patch.
    episodes = encoded_once(_own_encoder(tokenizer, is_rounded=False), dataset, folder)
    return [replace(episode, tokens=patches(episode.tokens)) for episode in episodes]


def _own_encoder(tokenizer: FrameTokenizer, is_rounded: bool) -> Encoder:
    """Return our own tokenizer for training, compiled for one batch size."""
    encode = tokenizer.encode if is_rounded else tokenizer.encode_continuous
    compiled, dtype = torch.compile(encode), np.uint8 if is_rounded else np.float16

    def padded(frames: np.ndarray) -> np.ndarray:
        batch = np.zeros((_ENCODE_BATCH, *frames.shape[1:]), np.uint8)
        batch[: len(frames)] = frames
        return compiled(torch.from_numpy(batch)).numpy()[: len(frames)].astype(dtype)

    name = fingerprint(tokenizer) if is_rounded else f'latents_{fingerprint(tokenizer)}'
    return Encoder(padded, tokenizer.config.image_size, name, _ENCODE_BATCH)


def _save(path: Path, tokens: np.ndarray) -> None:
    with replacing(path) as part, part.open('wb') as file:
        np.save(file, tokens)


def _read(path: Path) -> np.ndarray:
    try:
        # numpy.load would take what is no array for a pickle.
        with path.open('rb') as file:
            tokens: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    except UNREADABLE as error:
        raise ConfigError(
            f'{path}: got {numpy_fault(error)}, expected tokens; remove it to make them'
        ) from error
    return tokens


def _frame_count(dataset: Episodes) -> int:
    return sum(episode.steps + 1 for episode in dataset)


@torch.no_grad()
def _encode(encoder: Encoder, dataset: Episodes, pool: Pool, parts: Parts) -> np.ndarray:
    """Encode every frame, in the smallest type that holds its tokens."""
    batch = encoder.batch or max(1, _ENCODE_PIXELS // encoder.image_size**2)
    total, done = _frame_count(dataset), parts.open()
    rest = pool.map(encoder.encode, _frame_batches(dataset, batch, after=done))
    with Progress(total=total, initial=done, desc=dataset.embodiment, unit='frame') as bar:
        for encoded in rest:
            parts.add(encoded)
            bar.update(len(encoded))
    tokens = parts.joined()
    if tokens.dtype.kind == 'f':
        return tokens.astype(np.float16)
    return tokens.astype(np.min_scalar_type(int(tokens.max())))


class Parts:
    """
    Tokens of the first frames of a data set, kept in files while the rest is encoded.

    Each file is named by the index of its first frame and written atomically.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._files = folder, list[Path]()
        self._waiting, self._kept_s = list[np.ndarray](), time.monotonic()
        self._frames = 0

    def open(self) -> int:
        """
        Find what was kept.

        :returns: number of frames that are encoded already.
        :raises ConfigError: a file is broken.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        while (path := self._next()).exists():
            self._files.append(path)
            self._frames += len(_read(path))
        return self._frames

    def add(self, tokens: np.ndarray) -> None:
        """Append the tokens of some frames; those that wait are written every half minute."""
        self._waiting.append(tokens)
        if time.monotonic() - self._kept_s > _KEEP_EVERY_S:
            self._keep()

    def joined(self) -> np.ndarray:
        """Return the tokens of all frames."""
        return np.concatenate([*map(_read, self._files), *self._waiting])

    def remove(self) -> None:
        """Remove the files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _next(self) -> Path:
        return self._folder / f'{self._frames:08d}.npy'

    def _keep(self) -> None:
        path, tokens = self._next(), np.concatenate(self._waiting)
        _save(path, tokens)
        self._files.append(path)
        self._frames += len(tokens)
        self._waiting, self._kept_s = [], time.monotonic()


def _episodes(dataset: Episodes, tokens: np.ndarray) -> list[TokenEpisode]:
    ends = np.cumsum([episode.steps + 1 for episode in dataset])
    parts = np.split(tokens, ends[:-1])
    return [TokenEpisode.of(episode, part) for episode, part in zip(dataset, parts, strict=True)]


def _frame_batches(dataset: Episodes, batch: int, after: int) -> Iterator[np.ndarray]:
    """Yield frames in batches, without the first ``after`` of the data set."""
    frames = islice(chain.from_iterable(item.frames for item in dataset), after, None)
    while waiting := list(islice(frames, batch)):
        yield np.stack(waiting)
