# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the paper's models learn from: our episodes, or the authors' token folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import EpisodeDataset
from hma_ros.data.row_windows import (
    EpisodeRows,
    FolderRows,
    RowEpisode,
    RowSource,
    factors_of,
    patches_of,
)
from hma_ros.data.token_folders import TokenFolder
from hma_ros.data.token_windows import TokenWindows
from hma_ros.network.config import Domain, HmaConfig
from hma_ros.network.tokenizer import FrameTokenizer
from hma_ros.training.hma import encode_frames, fingerprint, tokenise_once

# A constant action is divided by this, not by nothing.
_LEAST_STD = 1e-6


@dataclass(frozen=True)
class EpisodeRecordings:
    """
    Our episodes of one embodiment.

    :param dataset: pictures and actions.
    :param tokenizer: of the pictures.
    :param cache: start of the name of the file that keeps tokens or latents.
    """

    dataset: EpisodeDataset
    tokenizer: FrameTokenizer
    cache: Path

    @property
    def domain(self) -> Domain:
        """Its action space, by the name of its stem."""
        size = len(self.dataset.metadata['action_names'])
        actions = np.concatenate([episode.actions.reshape(-1, size) for episode in self.dataset])
        name = load_embodiment(self.dataset.embodiment).stem
        return _domain(name, self.dataset.stride, actions.mean(0), actions.std(0))

    @property
    def image_pixels(self) -> int:
        """Tokens or latent pixels of a frame."""
        return self.tokenizer.config.image_tokens

    @property
    def channels(self) -> int:
        """Numbers of a latent pixel."""
        return self.tokenizer.config.factors

    def source(self, config: HmaConfig, rows: int, seed: int) -> RowSource:
        """Return windows of the kind of a model."""
        if config.diffusion is None:
            episodes = tokenise_once(self.tokenizer, self.dataset, self.cache)
            return EpisodeRows([RowEpisode.of_levels(item) for item in episodes], rows, seed)
        return EpisodeRows(latents_once(self.tokenizer, self.dataset, self.cache), rows, seed)


@dataclass(frozen=True)
class FolderRecordings:
    """
    A data set of the authors.

    :param folder: tokens for a discrete model, latents for a continuous one.
    """

    folder: TokenFolder

    @property
    def domain(self) -> Domain:
        """Its action space, by the name of the folder's domain."""
        return _domain(self.folder.domain, self.folder.stride, *self.folder.action_statistics())

    @property
    def image_pixels(self) -> int:
        """Tokens or latent pixels of a frame."""
        return int(np.prod(self.folder.video.shape[-2:]))

    @property
    def channels(self) -> int:
        """Numbers of a latent pixel; one of tokens."""
        return 1 if self.folder.vocabulary is not None else int(self.folder.video.shape[1])

    def source(self, config: HmaConfig, rows: int, seed: int) -> RowSource:
        """
        Return windows of the kind of a model.

        :raises ConfigError: latents for a discrete model, tokens for a continuous one.
        """
        is_latent, is_continuous = self.folder.vocabulary is None, config.diffusion is not None
        if is_latent != is_continuous:
            found, wanted = (
                'latents' if latent else 'tokens' for latent in (is_latent, is_continuous)
            )
            raise ConfigError(f'{self.folder.path}: {found}, expected {wanted} for this kind')
        windows = TokenWindows(self.folder, rows)
        if config.diffusion is None:
            return FolderRows(windows, factors_of(config.factors, config.factor_size), seed)
        return FolderRows(windows, patches_of(config.diffusion.patch), seed)


Recordings = EpisodeRecordings | FolderRecordings


def sources_of(
    recordings: Sequence[Recordings], config: HmaConfig, rows: int, seed: int
) -> Mapping[str, RowSource]:
    """Open windows of every embodiment of a model."""
    domains = (domain.name for domain in config.domains)
    return {
        name: item.source(config, rows, seed)
        for name, item in zip(domains, recordings, strict=True)
    }


def latents_once(
    tokenizer: FrameTokenizer, dataset: EpisodeDataset, cache: Path
) -> list[RowEpisode]:
    """
    Encode every frame without rounding, and keep the latents in a file; read it if it is there.

    :param cache: start of the file's name; the rest tells the tokenizer that made it.
    :raises ConfigError: the file does not hold the frames of this data set, or those are of
        another size than the tokenizer takes.
    """
    dataset.check_frame_size(tokenizer.config.image_size, 'the frame tokenizer')
    path = cache.with_name(f'{cache.name}_latents_{fingerprint(tokenizer)}.npy')
    if not path.exists():
        latents = encode_frames(tokenizer.encode_continuous, dataset).astype(np.float16)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix('.partial.npy')
        np.save(partial, latents)
        partial.replace(path)
    ends = np.cumsum([episode.rows + 1 for episode in dataset])
    try:
        latents = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f'{path}: {error}; expected latents, remove it to make them') from error
    if len(latents) != ends[-1]:
        raise ConfigError(
            f'{path}: {len(latents)} frames, expected {ends[-1]} as in the episodes; remove it'
        )
    return [
        RowEpisode.of_latents(part, np.asarray(episode.actions))
        for episode, part in zip(dataset, np.split(latents, ends[:-1]), strict=True)
    ]


def _domain(name: str, stride: int, mean: np.ndarray, std: np.ndarray) -> Domain:
    floor = np.maximum(std, _LEAST_STD)
    return Domain(name, stride, tuple(map(float, mean)), tuple(map(float, floor)))
