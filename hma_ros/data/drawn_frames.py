# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How well a frame tokenizer reconstructs the frames of a data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np

from hma_ros.core.spread import evenly_spread
from hma_ros.core.vision.metrics import SquaredError, changed_pixels, squared_error

# Below, small things such as a gripper or the object in it may be missing in every frame.
LEAST_DB = 25.0
# A thin arm is few pixels: where something moves, a frame must beat one without what moves. 6 dB
# are half of the contrast.
LEAST_GAIN_DB = 6.0
_EPISODES, _FRAMES = 8, 4

# Frames ``uint8[N, H, W, 3]`` to their reconstructions by encoder and decoder.
Draw = Callable[[np.ndarray], np.ndarray]


class Reconstruction(NamedTuple):
    """
    How well frames are reconstructed, PSNR in dB.

    :param whole_db: of all pixels, in practice an upper bound for imagined frames.
    :param moving_db: of the pixels that differ from the median frame of their episode; NaN
        without any.
    :param still_db: of the median frame on those pixels, so of a picture without what moves.
    """

    whole_db: float
    moving_db: float
    still_db: float


def reconstruction(draw: Draw, episodes: Sequence[Collection[np.ndarray]]) -> Reconstruction:
    """
    Compare some frames with their reconstructions.

    :param episodes: frames ``uint8[H, W, 3]`` of each; up to 4 of up to 8 episodes are compared,
        and no others kept.
    """
    whole, moving, still = SquaredError(), SquaredError(), SquaredError()
    for index in evenly_spread(len(episodes), _EPISODES):
        frames = np.stack(_some(episodes[index]))
        median = np.median(frames, 0).astype(np.uint8)
        for frame in frames:
            drawn, mask = draw(frame[None])[0], changed_pixels(median, frame)
            whole += squared_error(frame, drawn)
            moving += squared_error(frame, drawn, mask)
            still += squared_error(frame, median, mask)
    return Reconstruction(whole.psnr_db, moving.psnr_db, still.psnr_db)


def summary(found: Reconstruction) -> str:
    """Say in a line what :func:`reconstruction` found."""
    moving = (
        ''
        if math.isnan(found.moving_db)
        else f' ({found.moving_db:.1f} dB where something moves; a picture without it has '
        f'{found.still_db:.1f} dB there)'
    )
    return (
        f'frame tokenizer: reconstructs these frames at {found.whole_db:.1f} dB PSNR{moving}; '
        'what the model sees and imagines is hardly better'
    )


def findings(found: Reconstruction) -> list[str]:
    """Return what to do where that is low; nothing where it is not."""
    if found.whole_db < LEAST_DB:
        got = f'got {found.whole_db:.1f} dB, expected {LEAST_DB:g} or more'
    elif found.moving_db < found.still_db + LEAST_GAIN_DB:
        got = (
            f'got {found.moving_db:.1f} dB where something moves, expected '
            f'{found.still_db + LEAST_GAIN_DB:.1f} or more, {LEAST_GAIN_DB:g} above a picture '
            'without it'
        )
    else:
        return []
    return [
        f'frame tokenizer: {got}: the arm or small things may be missing in every frame; set '
        'camera.crop to little more than the scene and import again, or train a tokenizer and a '
        'model on your own frames (docs/how-to/train-again.md)'
    ]


def _some(frames: Collection[np.ndarray]) -> list[np.ndarray]:
    chosen = set(evenly_spread(len(frames), _FRAMES))
    return [frame for index, frame in enumerate(frames) if index in chosen]
