# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Tokenised data sets as HMA's authors keep them on disk.

``{root}/{domain}_magvit_..._{train|val}`` holds tokens, ``{root}/{domain}_vae_...`` latents; all
steps of all episodes lie one after the other:

================  ==================================  ==========================================
file              dtype, shape                        meaning
================  ==================================  ==========================================
video.bin         uint32 ``[N, h, w]``, or            token ids,
                  float16 ``[N, C, h, w]``            or latents, not yet scaled
segment_ids.bin   int32 ``[N]``                       episode of the frame
actions/          float32 ``[N, -1]`` in each file    executed *from* the frame, physical units;
                                                      files join by name on the last axis
metadata.json     object                              sizes, rate, name
================  ==================================  ==========================================

Source: github.com/liruiw/HMA at e3c8908, ``hma/data.py`` and ``datasets/``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hma_ros.core.domains import RATE_HZ, stride_of
from hma_ros.core.errors import ConfigError
from hma_ros.core.json_file import read_json
from hma_ros.core.short_text import quoted, shortened
from hma_ros.data.memory_map import map_array

# Latents of the Stable Video Diffusion autoencoder times this have about unit variance.
LATENT_SCALE = 0.18215

_LATENT_DTYPES = ('float16', 'float32')


@dataclass(frozen=True)
class TokenFolder:
    """
    One data set, its frames memory-mapped.

    :param path: the folder.
    :param domain: name that models and the table of rates know it by.
    :param rate_hz: of the recording, from the table, else from the metadata.
    :param video: ``uint32[N, h, w]`` tokens or ``float16[N, C, h, w]`` latents (or float32).
    :param actions: ``float32[N, A]``, finite, physical units.
    :param segment_ids: ``int32[N]``.
    :param vocabulary: how many ids the tokenizer has; None for latents.
    """

    path: Path
    domain: str
    rate_hz: int
    video: np.ndarray
    actions: np.ndarray
    segment_ids: np.ndarray
    vocabulary: int | None

    @classmethod
    def open(cls, path: str | Path, domain: str | None = None, finite: bool = True) -> TokenFolder:
        """
        Open a folder.

        :param path: the folder.
        :param domain: None takes the name in the metadata.
        :param finite: refuse actions that are not finite; False leaves them to the caller.
        :raises ConfigError: a file is missing, of another size or type than the metadata says, or
            an action is not finite.
        """
        folder = Path(path)
        metadata = folder / 'metadata.json'
        facts = _Facts(metadata, read_json(metadata))
        name = facts.text('name') if domain is None else domain
        frames, latents = facts.positive('num_images'), facts.dtype in _LATENT_DTYPES
        channels = [facts.positive('latent_channels')] if latents else []
        shape = [frames, *channels, facts.positive('h'), facts.positive('w')]
        return cls(
            path=folder,
            domain=name,
            rate_hz=RATE_HZ[name] if name in RATE_HZ else facts.positive('hz'),
            video=map_array(folder / 'video.bin', facts.dtype, shape),
            actions=_read_actions(
                folder / 'actions', frames, facts.positive('action_dim'), finite
            ),
            segment_ids=map_array(folder / 'segment_ids.bin', np.int32, [frames]),
            vocabulary=None if latents else facts.positive('vocab_size'),
        )

    @property
    def stride(self) -> int:
        """Frames, and low-level actions, per step of the model."""
        return stride_of(self.rate_hz)

    def frames(self, indices: np.ndarray | slice) -> np.ndarray:
        """
        Return frames as models take them.

        :param indices: of the frames, ``T`` of them.
        :returns: ``int64[T, h, w]`` tokens, or ``float32[T, h, w, C]`` scaled latents.
        :raises ConfigError: a token is outside the vocabulary, or a latent not finite.
        """
        raw = np.asarray(self.video[indices])
        if self.vocabulary is None:
            return self._scaled(raw)
        if raw.max(initial=0) >= self.vocabulary:
            raise ConfigError(
                f'{self.path / "video.bin"}: got token {raw.max()}, expected less than '
                f'{self.vocabulary}'
            )
        return raw.astype(np.int64)

    def action_statistics(self) -> np.ndarray:
        """
        Return mean and standard deviation of each action dimension, ``float64[2, A]``.

        Summed in float64; the research code sums in float32, which loses digits on long data.
        """
        actions = self.actions
        return np.stack([actions.mean(0, dtype=np.float64), actions.std(0, dtype=np.float64)])

    def _scaled(self, raw: np.ndarray) -> np.ndarray:
        latents = np.moveaxis(raw, 1, -1).astype(np.float32, order='C') * np.float32(LATENT_SCALE)
        if not np.isfinite(latents).all():
            raise ConfigError(
                f'{self.path / "video.bin"}: got a latent of nan or inf, expected finite ones'
            )
        return latents


@dataclass(frozen=True)
class _Facts:
    """What ``metadata.json`` says, read strictly."""

    path: Path
    content: Mapping[str, Any]

    @property
    def dtype(self) -> str:
        name = self.text('token_dtype')
        if name not in ('uint32', *_LATENT_DTYPES):
            raise ConfigError(
                f'{self.path}: token_dtype: got {shortened(name)!r}, expected uint32 (tokens) or '
                f'{" or ".join(_LATENT_DTYPES)} (latents)'
            )
        return name

    def text(self, key: str) -> str:
        value = self.content.get(key)
        if not isinstance(value, str) or not value:
            raise ConfigError(f'{self.path}: {key}: got {quoted(value)}, expected a text')
        return value

    def positive(self, key: str) -> int:
        value = self.content.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(
                f'{self.path}: {key}: got {quoted(value)}, expected an integer above 0'
            )
        return value


def _read_actions(folder: Path, frames: int, dimensions: int, finite: bool) -> np.ndarray:
    """Return ``float32[frames, dimensions]`` from all files in the folder, in order of name."""
    paths = sorted(folder.glob('*.bin'))
    parts = [_map_actions(path, frames, finite) for path in paths]
    width = sum(part.shape[1] for part in parts)
    if width != dimensions:
        raise ConfigError(
            f'{folder}: got {width} action dimensions in {len(paths)} files, expected '
            f'{dimensions} as in metadata.json'
        )
    return np.concatenate(parts, axis=1)


def _map_actions(path: Path, frames: int, finite: bool) -> np.ndarray:
    """Return ``float32[frames, any]``; the size of the file says how many."""
    width = path.stat().st_size // (frames * np.dtype(np.float32).itemsize)
    actions = map_array(path, np.float32, [frames, width])
    broken = np.flatnonzero(~np.isfinite(actions).all(1)) if finite else np.empty(0)
    if broken.size:
        step = int(broken[0])
        raise ConfigError(
            f'{path}: frame {step}: got action {shortened(actions[step])}, expected finite numbers'
        )
    return actions
