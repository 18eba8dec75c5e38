# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frames of a data set as tokens or latents, encoded once and kept in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.patches import patchify
from hma_ros.core.pool import SERIAL, Pool
from hma_ros.core.progress import Progress
from hma_ros.data.episodes import Episodes
from hma_ros.data.windows import TokenEpisode
from hma_ros.network.strict_loading import fingerprint
from hma_ros.network.tokenizer import LATENT_SCALE, FrameTokenizer

_ENCODE_BATCH = 256
# Pixels that any other tokenizer encodes at once: frames of 256 x 256 by the dozen.
_ENCODE_PIXELS = 1 << 20


@dataclass(frozen=True)
class Encoder:
    """
    A frame tokenizer that was made to fit a model.

    :param encode: from ``uint8[B, H, W, 3]`` to factors ``int64[B, S, F]``, or to scaled patches
        ``float32[B, S, E]``.
    :param image_size: height and width that it takes [px].
    :param fingerprint: tells it from others: tokens of one mean nothing to another.
    """

    encode: Callable[[np.ndarray], np.ndarray]
    image_size: int
    fingerprint: str


def encoded_once(
    encoder: Encoder, dataset: Episodes, folder: Path, pool: Pool = SERIAL
) -> list[TokenEpisode]:
    """
    Encode every frame and keep the tokens in a file; read it if it is there.

    :param folder: of the file, whose name tells the tokenizer and the episodes: with another of
        either they are encoded again.
    :param pool: encodes the frames.
    :raises ConfigError: frames of another size than the tokenizer takes, or a broken file.
    """
    path = folder / f'{encoder.fingerprint}_{dataset.fingerprint}.npy'
    dataset.check_frame_size(encoder.image_size, 'the frame tokenizer')
    return _episodes(
        dataset, _once(path, dataset, lambda: _encode_plainly(encoder, dataset, pool))
    )


def tokens_once(tokenizer: FrameTokenizer, dataset: Episodes, cache: Path) -> list[TokenEpisode]:
    """
    Encode every frame as factors, ``uint8``, and keep them in a file; read it if it is there.

    :param cache: start of the file's name; the rest tells the tokenizer that made it.
    :raises ConfigError: the file does not hold the frames of this data set, or those are of
        another size than the tokenizer takes.
    """
    path = cache.with_name(f'{cache.name}_{fingerprint(tokenizer)}.npy')
    factors = _encoded_once(tokenizer, tokenizer.encode, np.uint8, dataset, path)
    return _episodes(dataset, factors)


def latents_once(
    tokenizer: FrameTokenizer, dataset: Episodes, cache: Path, patch: int
) -> list[TokenEpisode]:
    """
    Like :func:`tokens_once`, without rounding: scaled latents, ``float16``, as patches.

    :param patch: latents that a patch spans in each direction.
    """
    path = cache.with_name(f'{cache.name}_latents_{fingerprint(tokenizer)}.npy')
    latents = _encoded_once(tokenizer, tokenizer.encode_continuous, np.float16, dataset, path)
    side = tokenizer.config.grid
    pixels = latents.reshape(len(latents), side, side, -1) * np.float16(LATENT_SCALE)
    return _episodes(dataset, patchify(pixels, patch))


def _encoded_once(
    tokenizer: FrameTokenizer,
    encode: Callable[[Tensor], Tensor],
    dtype: type[np.generic],
    dataset: Episodes,
    path: Path,
) -> np.ndarray:
    dataset.check_frame_size(tokenizer.config.image_size, 'the frame tokenizer')
    return _once(path, dataset, lambda: _encode(encode, dataset).astype(dtype))


def _once(path: Path, dataset: Episodes, encode: Callable[[], np.ndarray]) -> np.ndarray:
    """Read a file of tokens, which is made if it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix('.partial.npy')
        np.save(partial, encode())
        partial.replace(path)
    try:
        tokens: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f'{path}: {error}; expected tokens, remove it to make them') from error
    if len(tokens) != (frames := sum(episode.steps + 1 for episode in dataset)):
        raise ConfigError(
            f'{path}: {len(tokens)} frames, expected {frames} as in the episodes; remove it'
        )
    return tokens


@torch.no_grad()
def _encode(encode: Callable[[Tensor], Tensor], dataset: Episodes) -> np.ndarray:
    """Encode every frame, always as many at once, with a progress bar."""
    encode, parts = torch.compile(encode), []
    for chunk in Progress(list(_frame_batches(dataset)), dataset.embodiment, unit='batch'):
        padded = np.zeros((_ENCODE_BATCH, *chunk.shape[1:]), np.uint8)
        padded[: len(chunk)] = chunk
        parts.append(encode(torch.from_numpy(padded)).numpy()[: len(chunk)])
    return np.concatenate(parts)


@torch.no_grad()
def _encode_plainly(encoder: Encoder, dataset: Episodes, pool: Pool) -> np.ndarray:
    """Encode every frame with any tokenizer, in the smallest type that holds its tokens."""
    batch = max(1, _ENCODE_PIXELS // encoder.image_size**2)
    done = pool.map(encoder.encode, _frame_batches(dataset, batch))
    tokens = np.concatenate(list(Progress(done, dataset.embodiment, unit='batch')))
    if tokens.dtype.kind == 'f':
        return tokens.astype(np.float16)
    return tokens.astype(np.min_scalar_type(int(tokens.max())))


def _episodes(dataset: Episodes, tokens: np.ndarray) -> list[TokenEpisode]:
    ends = np.cumsum([episode.steps + 1 for episode in dataset])
    parts = np.split(tokens, ends[:-1])
    return [TokenEpisode.of(episode, part) for episode, part in zip(dataset, parts, strict=True)]


def _frame_batches(dataset: Episodes, batch: int = _ENCODE_BATCH) -> Iterator[np.ndarray]:
    waiting: list[np.ndarray] = []
    for episode in dataset:
        for frame in episode.frames:
            waiting.append(frame)
            if len(waiting) == batch:
                yield np.stack(waiting)
                waiting.clear()
    if waiting:
        yield np.stack(waiting)
