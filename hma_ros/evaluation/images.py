# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Images of what happened beside what was imagined, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hma_ros.core.errors import ConfigError
from hma_ros.core.spread import evenly_spread
from hma_ros.core.vision.metrics import psnr
from hma_ros.data.episodes import Episode
from hma_ros.evaluation.replay import replay
from hma_ros.runtime.world_model import WorldModel

PAPER, INK, SOFT = (255, 255, 255), (32, 33, 36), (112, 117, 122)
_LANES = ('observed', 'imagined', 'difference')
_FULL_DIFFERENCE = 128
# Dark where both agree; brightness rises evenly, so that it also reads without colour.
_HEAT = np.array([(12, 8, 38), (104, 22, 110), (214, 62, 79), (252, 165, 48), (252, 255, 200)])
_MARGIN, _GAP, _TITLE_SIZE, _TEXT_SIZE = 16, 6, 19, 15
_LABEL_WIDTH = 92
# Moments of a strip.
_COLUMNS = 6
# How many times slower than real time.
_SLOWER = 2


@dataclass(frozen=True)
class OpenLoopRollout:
    """
    An open-loop rollout beside what really happened.

    :param title: what the image shows, in words.
    :param frame_hz: frames per second.
    :param last: ``uint8[H, W, 3]``, the last frame the model saw.
    :param observed: ``uint8[N, H, W, 3]``, the frames after it.
    :param imagined: likewise.
    """

    title: str
    frame_hz: float
    last: np.ndarray
    observed: np.ndarray
    imagined: np.ndarray

    def caption(self, ahead: int) -> str:
        """Say how far ahead a frame is, counted from 0 for the first imagined one."""
        return f'+{(ahead + 1) / self.frame_hz:.1f} s'


def imagine_episode(
    model: WorldModel, episode: Episode, step: int, horizon: int
) -> OpenLoopRollout:
    """
    Observe an episode up to a step, then imagine on with the actions that were executed.

    :param step: whose frame is the last one observed.
    :param horizon: steps to imagine; fewer where the episode or the bundle ends before.
    :raises ConfigError: the episode has no such step.
    """
    if not 0 <= step < episode.steps:
        raise ConfigError(
            f'step {step}: expected 0 to {episode.steps - 1}, the steps of the episode'
        )
    ahead = min(horizon, episode.steps - step, model.manifest.max_horizon)
    for observed in replay(model, episode):
        if observed == step:
            break
    rollout = model.imagine(episode.actions[step : step + ahead], ahead)
    title = (
        f'{model.stem.embodiment}: {step + 1} frames observed, then imagined from actions alone'
    )
    return OpenLoopRollout(
        title,
        model.stem.frame_hz,
        episode.frames[step],
        episode.frames[step + 1 : step + ahead + 1],
        rollout.frames,
    )


def heat_map(observed: np.ndarray, imagined: np.ndarray) -> np.ndarray:
    """
    Colour the largest channel difference of every pixel.

    :param observed: ``uint8[..., H, W, 3]``.
    :returns: ``uint8[..., H, W, 3]``; the brightest colour stands for 128 of 255 and more.
    """
    largest = np.abs(observed.astype(np.int16) - imagined).max(-1) / _FULL_DIFFERENCE
    places = np.linspace(0, 1, len(_HEAT))
    channels = [np.interp(largest, places, _HEAT[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).astype(np.uint8)


def rollout_strip(rollout: OpenLoopRollout) -> Image.Image:
    """Draw observed, imagined and difference as three lanes, at moments evenly spread."""
    scale = _scale_of(rollout, 192)
    moments = evenly_spread(len(rollout.imagined), _COLUMNS)
    side = rollout.last.shape[0] * scale
    left, top = _MARGIN + _LABEL_WIDTH, _MARGIN + _TITLE_SIZE + 40
    lanes = [top + lane * (side + _GAP) for lane in range(3)]
    width = left + (len(moments) + 1) * (side + _GAP) + _GAP + _MARGIN
    image = Image.new('RGB', (width, lanes[2] + side + 62 + _MARGIN), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((_MARGIN, _MARGIN), rollout.title, INK, font(_TITLE_SIZE))
    for name, y in zip(_LANES, lanes, strict=True):
        draw.text((_MARGIN, y + side // 2), name, INK, font(_TEXT_SIZE), anchor='lm')
    paste_frame(image, rollout.last, (left, lanes[0]), scale)
    centred_text(draw, left + side // 2, top - 10, 'last seen', SOFT)
    for column, moment in enumerate(moments, 1):
        x = left + column * (side + _GAP) + _GAP
        observed, imagined = rollout.observed[moment], rollout.imagined[moment]
        cells = (observed, imagined, heat_map(observed, imagined))
        for frame, y in zip(cells, lanes, strict=True):
            paste_frame(image, frame, (x, y), scale)
        centred_text(draw, x + side // 2, top - 10, rollout.caption(moment), SOFT)
        centred_text(
            draw, x + side // 2, lanes[2] + side + 14, f'{psnr(observed, imagined):.1f} dB', SOFT
        )
    _legend(image, (left, lanes[2] + side + 38))
    return image


def write_strip(rollout: OpenLoopRollout, path: Path) -> None:
    """Write :func:`rollout_strip` as the kind of file that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rollout_strip(rollout).save(path)


def animation_frames(rollout: OpenLoopRollout) -> list[Image.Image]:
    """Draw each moment of a rollout: observed, imagined and difference side by side."""
    scale = _scale_of(rollout, 256)
    return [_moment(rollout, moment, scale) for moment in range(-1, len(rollout.imagined))]


def write_animation(rollout: OpenLoopRollout, path: Path) -> None:
    """
    Write a looping animation at half speed.

    :param path: ending in ``.gif`` or ``.webp``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    images = animation_frames(rollout)
    each_ms = round(1000 * _SLOWER / rollout.frame_hz)
    # Each format takes its own option and ignores the other.
    save_animation(images, path, each_ms, lossless=True, optimize=True)


def save_animation(
    images: Sequence[Image.Image], target: Path | BinaryIO, each_ms: int, **options: Any
) -> None:
    """
    Save images as a loop that rests on the first and on the last one.

    :param options: of the format, see :meth:`PIL.Image.Image.save`.
    """
    durations = [4 * each_ms] + [each_ms] * (len(images) - 2) + [6 * each_ms]
    images[0].save(
        target, save_all=True, append_images=images[1:], loop=0, duration=durations, **options
    )


def _moment(rollout: OpenLoopRollout, moment: int, scale: int) -> Image.Image:
    side = rollout.last.shape[0] * scale
    top = _MARGIN + _TITLE_SIZE + 36
    width = 2 * _MARGIN + 3 * side + 2 * _GAP
    image = Image.new('RGB', (width, top + side + 58), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((_MARGIN, _MARGIN), rollout.title, INK, font(_TITLE_SIZE))
    is_seen = moment < 0
    observed = rollout.last if is_seen else rollout.observed[moment]
    imagined = rollout.last if is_seen else rollout.imagined[moment]
    cells = (observed, imagined, heat_map(observed, imagined))
    for column, (name, frame) in enumerate(zip(_LANES, cells, strict=True)):
        x = _MARGIN + column * (side + _GAP)
        centred_text(draw, x + side // 2, top - 10, name, INK)
        paste_frame(image, frame, (x, top), scale)
    when = 'last seen' if is_seen else rollout.caption(moment)
    draw.text((_MARGIN, top + side + 12), when, SOFT, font(_TEXT_SIZE))
    done = (moment + 1) / len(rollout.imagined)
    bar = (_MARGIN, top + side + 4, width - _MARGIN, top + side + 7)
    draw.rectangle(bar, (228, 230, 233))
    draw.rectangle((*bar[:2], bar[0] + done * (bar[2] - bar[0]), bar[3]), (66, 103, 178))
    _legend(image, (_MARGIN + 2 * (side + _GAP), top + side + 16))
    return image


def _scale_of(rollout: OpenLoopRollout, pixels: int) -> int:
    """Return the integer scale that makes a frame about so many pixels wide."""
    return max(1, round(pixels / rollout.last.shape[0]))


def paste_frame(
    image: Image.Image, frame: np.ndarray, corner: tuple[int, int], scale: int
) -> None:
    """Paste ``uint8[H, W, 3]``, each pixel as large as `scale`, with its corner [px] there."""
    large = frame.repeat(scale, 0).repeat(scale, 1)
    image.paste(Image.fromarray(np.ascontiguousarray(large)), corner)


def centred_text(
    draw: ImageDraw.ImageDraw, x: int, y: int, text: str, colour: tuple[int, int, int]
) -> None:
    """Write a small text around a place [px]."""
    draw.text((x, y), text, colour, font(_TEXT_SIZE), anchor='mm')


def _legend(image: Image.Image, corner: tuple[int, int]) -> None:
    x, y = corner
    levels = np.linspace(0, _FULL_DIFFERENCE, 96, dtype=np.uint8)
    bar = np.broadcast_to(levels[None, :, None], (10, 96, 3))
    image.paste(Image.fromarray(heat_map(bar, np.zeros_like(bar))), (x, y))
    draw = ImageDraw.Draw(image)
    text = f'difference 0 to {_FULL_DIFFERENCE}+ of 255'
    draw.text((x, y + 14), text, SOFT, font(13))


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font of images in a size [px]."""
    return ImageFont.load_default(size)
