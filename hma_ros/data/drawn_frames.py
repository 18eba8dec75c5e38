# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How well a frame tokenizer reconstructs the frames of a data set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from hma_ros.core.vision.metrics import psnr

# Below, small things such as a gripper or the object in it may be missing in every frame.
LEAST_DB = 25.0
_EPISODES, _FRAMES = 8, 4

# Frames ``uint8[N, H, W, 3]`` to their reconstructions by encoder and decoder.
Draw = Callable[[np.ndarray], np.ndarray]


def tokenizer_psnr_db(draw: Draw, episodes: Sequence[Collection[np.ndarray]]) -> float:
    """
    Compare some frames with their reconstructions.

    :param episodes: frames ``uint8[H, W, 3]`` of each; up to 4 of up to 8 episodes are compared,
        and no others kept.
    :returns: PSNR in dB over all their pixels, in practice an upper bound for imagined frames.
    """
    chosen = [episodes[index] for index in _spread(len(episodes), _EPISODES)]
    frames = np.stack([frame for episode in chosen for frame in _some(episode)])
    return psnr(frames, np.concatenate([draw(frame[None]) for frame in frames]))


def summary(quality_db: float) -> str:
    """Say in a line what :func:`tokenizer_psnr_db` found."""
    return (
        f'frame tokenizer: reconstructs these frames at {quality_db:.1f} dB PSNR; what the model '
        'sees and imagines is hardly better'
    )


def findings(quality_db: float) -> list[str]:
    """Return what to do where that is low; nothing where it is not."""
    if quality_db >= LEAST_DB:
        return []
    return [
        f'frame tokenizer: got {quality_db:.1f} dB, expected {LEAST_DB:g} or more: the arm or '
        'small things may be missing in every frame; set camera.crop to little more than the '
        'scene and import again, or train a tokenizer and a model on your own frames '
        '(docs/how-to/train-again.md)'
    ]


def _some(frames: Collection[np.ndarray]) -> list[np.ndarray]:
    chosen = set(_spread(len(frames), _FRAMES))
    return [frame for index, frame in enumerate(frames) if index in chosen]


def _spread(count: int, most: int) -> list[int]:
    """Return up to so many of the first `count` numbers, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()
