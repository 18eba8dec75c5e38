# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Draws what a bundle imagines of imported episodes.

``python -m benchmarks.external_data.contact_sheet DATA BUNDLE OUT --episode 1 --step 40``

For each episode: frames of the camera, the frame tokenizer's reconstruction of them, and a rollout
that saw the frames up to the step and then only the recorded actions.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hma_ros.core.vision.metrics import SquaredError, squared_error
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.steps import Step
from hma_ros.evaluation.images import INK, PAPER, SOFT, centred_text, font, paste_frame
from hma_ros.runtime.frames import BundleCodec
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel

Frames = NDArray[np.uint8]
_LANES = ('camera', 'tokenizer', 'imagined')
_LEFT, _TOP, _GAP = 84, 46, 4


@dataclass(frozen=True)
class Strip:
    """
    One rollout.

    :param last: ``uint8[2, H, W, 3]``, the last frame the model saw, and its reconstruction.
    :param lanes: ``uint8[N, H, W, 3]`` each, the frames after it by :data:`_LANES`.
    """

    title: str
    hz: float
    last: Frames
    lanes: tuple[Frames, Frames, Frames]

    def errors(self) -> dict[str, SquaredError]:
        """Return errors of the rollout and of copying, against the camera and the tokenizer."""
        camera, tokenizer, imagined = self.lanes
        seen, redrawn = (np.broadcast_to(frame, camera.shape) for frame in self.last)
        return {
            'tokenizer': squared_error(camera, tokenizer),
            'imagined': squared_error(camera, imagined),
            'copied': squared_error(camera, seen),
            'imagined, tokenizer as truth': squared_error(tokenizer, imagined),
            'copied, tokenizer as truth': squared_error(tokenizer, redrawn),
        }


def imagine(
    model: WorldModel, codec: BundleCodec, steps: list[Step], step: int, horizon: int, title: str
) -> Strip:
    """Observe the steps up to one, then imagine on with the recorded actions."""
    model.reset()
    for index in range(step + 1):
        executed = steps[index - 1].actions if index else None
        model.observe(steps[index].frame, executed, steps[index].joints)
    ahead = steps[step + 1 : step + 1 + horizon]
    actions = np.stack([item.actions for item in steps[step : step + len(ahead)]])
    imagined = model.imagine(actions, len(ahead)).frames
    camera = np.stack([item.frame for item in ahead])
    seen = steps[step].frame
    redrawn, *tokenizer = (codec.decode(codec.encode(frame)) for frame in (seen, *camera))
    lanes = camera, np.stack(tokenizer), imagined
    return Strip(title, model.stem.frame_hz, np.stack([seen, redrawn]), lanes)


def reconstruction_db(codec: BundleCodec, data: LeRobotData, every: int) -> tuple[int, float]:
    """Tokenise every Nth frame of all episodes; return how many, and their pooled PSNR."""
    total, count, number = SquaredError(), 0, 0
    for episode in range(len(data)):
        for step in data.steps(episode):
            if number % every == 0:
                total += squared_error(step.frame, codec.decode(codec.encode(step.frame)))
                count += 1
            number += 1
    return count, total.psnr_db


def draw(strip: Strip) -> Image.Image:
    """Draw the lanes below each other, with the last frame seen before the first."""
    height, width = strip.last.shape[1:3]
    count = len(strip.lanes[0])
    size = _LEFT + (count + 1) * (width + _GAP), _TOP + 3 * (height + _GAP) + 6
    image = Image.new('RGB', size, PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((4, 4), strip.title, INK, font(15))
    paste_frame(image, strip.last[0], (_LEFT, _TOP), 1)
    centred_text(pen, _LEFT + width // 2, _TOP - 9, 'last seen', SOFT)
    for lane, (name, frames) in enumerate(zip(_LANES, strip.lanes, strict=True)):
        top = _TOP + lane * (height + _GAP)
        pen.text((4, top + height // 2), name, INK, font(14), anchor='lm')
        for index, frame in enumerate(frames):
            left = _LEFT + (index + 1) * (width + _GAP)
            paste_frame(image, frame, (left, top), 1)
            if lane == 0:
                ahead = f'+{(index + 1) / strip.hz:.1f} s'
                centred_text(pen, left + width // 2, _TOP - 9, ahead, SOFT)
    return image


def main() -> int:
    """Draw each episode named, and print the PSNR."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('data', type=Path, metavar='DATA')
    parser.add_argument('bundle', type=Path, metavar='BUNDLE')
    parser.add_argument('out', type=Path, metavar='OUT')
    parser.add_argument('--episode', type=int, action='append', required=True)
    parser.add_argument('--step', type=int, action='append', required=True)
    parser.add_argument('--title', action='append', default=[])
    parser.add_argument('--horizon', type=int, default=6)
    parser.add_argument('--every', type=int, help='measure the tokenizer on every Nth frame')
    args = parser.parse_args()
    data, manifest, execution = LeRobotData(args.data), Manifest.read(args.bundle), Execution()
    model = WorldModel(args.bundle, data.spec.stem, execution)
    codec, images = BundleCodec(manifest, execution), []
    if args.every:
        count, decibels = reconstruction_db(codec, data, args.every)
        print(f'tokenizer: {decibels:.1f} dB over {count} frames')
    total: dict[str, SquaredError] = {}
    for place, (episode, step) in enumerate(zip(args.episode, args.step, strict=True)):
        title = args.title[place] if place < len(args.title) else f'episode {episode}'
        steps = list(data.steps(episode))
        strip = imagine(model, codec, steps, step, args.horizon, title)
        errors = strip.errors()
        total = {name: total.get(name, SquaredError()) + errors[name] for name in errors}
        print(f'episode {episode}, step {step}: {_decibels(errors)}')
        images.append(draw(strip))
    print(f'all: {_decibels(total)}')
    args.out.parent.mkdir(parents=True, exist_ok=True)
    _below(images).save(args.out, quality=85)
    return 0


def _decibels(errors: dict[str, SquaredError]) -> str:
    return '; '.join(f'{name} {error.psnr_db:.1f} dB' for name, error in errors.items())


def _below(images: list[Image.Image]) -> Image.Image:
    size = max(item.width for item in images), sum(item.height for item in images)
    sheet, top = Image.new('RGB', size, PAPER), 0
    for item in images:
        sheet.paste(item, (0, top))
        top += item.height
    return sheet


if __name__ == '__main__':
    raise SystemExit(main())
