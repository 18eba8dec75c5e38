# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Training of the frame tokenizer on frames of all embodiments together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import Episodes
from hma_ros.data.mapped_frames import mapped_frames
from hma_ros.network.checkpoint import save_tokenizer
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.training.run import TrainingRun
from hma_ros.training.trainer import PRECISIONS, quicker_precision

_FOREGROUND_WEIGHT = 9.0
_FOREGROUND_THRESHOLD = 0.08
# Frames whose median is the still background.
_BACKGROUND_FRAMES = 200


class FrameSampler:
    """
    Random frames, as many of each embodiment, with the embodiment's still background.

    :param embodiments: of each the frames of its episodes, ``uint8[T + 1, H, W, 3]``.
    """

    def __init__(self, embodiments: Sequence[Sequence[np.ndarray]], seed: int = 0) -> None:
        self._embodiments = embodiments
        self._rng = np.random.default_rng(seed)
        self._backgrounds = [background(videos) for videos in embodiments]

    def draw(self, batch: int) -> tuple[Tensor, Tensor]:
        """Frames and backgrounds, both ``float[batch, 3, H, W]`` in [-1, 1]."""
        share = batch // len(self._embodiments)
        frames, behind = [], []
        for videos, still in zip(self._embodiments, self._backgrounds, strict=True):
            for index in self._rng.integers(len(videos), size=share):
                video = videos[int(index)]
                frames.append(video[self._rng.integers(len(video))])
            behind.append(np.repeat(still[None], share, 0))
        return to_unit(np.stack(frames)), to_unit(np.concatenate(behind))


def _checked_sizes(datasets: Sequence[Episodes], sizes: TokenizerConfig | None) -> TokenizerConfig:
    """Take the size of the frames, which all must have, unless sizes are given."""
    side = len(next(iter(next(iter(datasets[0])).frames)))
    sizes = sizes or TokenizerConfig(image_size=side)
    for dataset in datasets:
        dataset.check_frame_size(sizes.image_size, f'the frames of {datasets[0].embodiment}')
    if sizes.image_size % sizes.patch:
        raise ConfigError(
            f'frames of {datasets[0].embodiment}: got {side} pixels, expected a multiple of '
            f'{sizes.patch}; set camera.resize and record or import them again'
        )
    return sizes


def background(videos: Sequence[np.ndarray]) -> np.ndarray:
    """Median frame of an embodiment, ``uint8[H, W, 3]``: what never moves."""
    rng = np.random.default_rng(0)
    picks = [videos[int(i)][0] for i in rng.integers(len(videos), size=_BACKGROUND_FRAMES)]
    return np.median(np.stack(picks), axis=0).astype(np.uint8)


def to_unit(frames_BHWC: np.ndarray) -> Tensor:
    """``uint8[B, H, W, 3]`` to ``float[B, 3, H, W]`` in [-1, 1]."""
    scaled = torch.from_numpy(frames_BHWC).permute(0, 3, 1, 2).float() / 127.5 - 1
    return scaled.contiguous(memory_format=torch.channels_last)


def reconstruction_loss(drawn: Tensor, frames: Tensor, still: Tensor) -> dict[str, Tensor]:
    """
    Compare frames with the weight on what is not background.

    Small objects cover few pixels; without the weight a tokenizer learns to leave them out.
    """
    foreground = ((frames - still).abs().amax(1, keepdim=True) > _FOREGROUND_THRESHOLD).float()
    weight = 1 + (_FOREGROUND_WEIGHT - 1) * F.max_pool2d(foreground, 3, 1, 1)
    weight = weight / weight.mean()
    error = drawn - frames
    edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return {
        'squared': 4 * (weight * error.square()).mean(),
        'absolute': (weight * error.abs()).mean(),
        'edges': 2.0 * edges,
    }


def train_tokenizer(
    datasets: Sequence[Episodes],
    folder: Path,
    steps: int,
    batch: int = 32,
    sizes: TokenizerConfig | None = None,
    precision: torch.dtype | None = None,
) -> FrameTokenizer:
    """
    Train a tokenizer, or go on training one, and save its averaged weights in `folder`.

    :param datasets: one per embodiment; whether the task was done does not matter.
    :param folder: checkpoint, state and log.
    :param steps: optimiser steps of the whole run.
    :param batch: frames in a step, as many of each embodiment.
    :param sizes: of the tokenizer; None for the default ones.
    :param precision: of the products, None for the quicker here; weights stay float32.
    :raises ConfigError: frames of different sizes, not square, or that patches do not divide.
    """
    sizes = _checked_sizes(datasets, sizes)
    precision = precision or getattr(torch, PRECISIONS[quicker_precision(sizes.width)])
    torch.manual_seed(0)
    model = FrameTokenizer(sizes)
    run = TrainingRun(model, folder, steps, 2e-3, ('encoder.blocks', 'decoder.blocks'))
    sampler = FrameSampler([mapped_frames(item, folder) for item in datasets], seed=run.step)
    compiled = torch.compile(model)

    def loss_of(_: int) -> dict[str, Tensor]:
        frames, still = sampler.draw(batch)
        with torch.autocast('cpu', precision, enabled=precision != torch.float32):
            drawn = compiled(frames)
        return reconstruction_loss(drawn.float(), frames, still)

    run.train(loss_of)
    averaged = cast('FrameTokenizer', run.averaged)
    save_tokenizer(averaged, folder)
    return averaged.eval()
