# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frames of a data set as tokens or latents, encoded once and kept in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.patches import patchify
from hma_ros.core.progress import Progress
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.data.windows import TokenEpisode
from hma_ros.network.tokenizer import LATENT_SCALE, FrameTokenizer

_ENCODE_BATCH = 256


def tokens_once(
    tokenizer: FrameTokenizer, dataset: EpisodeDataset, cache: Path
) -> list[TokenEpisode]:
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
    tokenizer: FrameTokenizer, dataset: EpisodeDataset, cache: Path, patch: int
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


def fingerprint(tokenizer: FrameTokenizer) -> str:
    """Tell tokenizers apart by their weights: tokens of one mean nothing to another."""
    digest = hashlib.sha256()
    for tensor in tokenizer.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:12]


def _encoded_once(
    tokenizer: FrameTokenizer,
    encode: Callable[[Tensor], Tensor],
    dtype: type[np.generic],
    dataset: EpisodeDataset,
    path: Path,
) -> np.ndarray:
    dataset.check_frame_size(tokenizer.config.image_size, 'the frame tokenizer')
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix('.partial.npy')
        np.save(partial, _encode(encode, dataset).astype(dtype))
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
def _encode(encode: Callable[[Tensor], Tensor], dataset: EpisodeDataset) -> np.ndarray:
    """Encode every frame, always as many at once, with a progress bar."""
    encode, parts = torch.compile(encode), []
    for chunk in Progress(list(_frame_batches(dataset)), dataset.embodiment, unit='batch'):
        padded = np.zeros((_ENCODE_BATCH, *chunk.shape[1:]), np.uint8)
        padded[: len(chunk)] = chunk
        parts.append(encode(torch.from_numpy(padded)).numpy()[: len(chunk)])
    return np.concatenate(parts)


def _episodes(dataset: EpisodeDataset, tokens: np.ndarray) -> list[TokenEpisode]:
    ends = np.cumsum([episode.steps + 1 for episode in dataset])
    parts = np.split(tokens, ends[:-1])
    return [TokenEpisode.of(episode, part) for episode, part in zip(dataset, parts, strict=True)]


def _frame_batches(dataset: EpisodeDataset) -> Iterator[np.ndarray]:
    waiting: list[np.ndarray] = []
    for episode in dataset:
        waiting.extend(episode.frames)
        while len(waiting) >= _ENCODE_BATCH:
            yield np.stack(waiting[:_ENCODE_BATCH])
            del waiting[:_ENCODE_BATCH]
    if waiting:
        yield np.stack(waiting)
