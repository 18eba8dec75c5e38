# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Released HMA-Base with MAGVIT2, random weights: its tokenizer in each precision, and a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from benchmarks.duel import duel, entry, seconds
from benchmarks.random_models import discrete_config, random_discrete
from hma_ros.bringup.places import bundle_folder
from hma_ros.cli.export import read_bundle
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import BundleError
from hma_ros.core.settings import TOKENIZER_PRECISIONS
from hma_ros.core.vision.image import FRAME_PX
from hma_ros.export.bundle import BundleOptions, export_bundle
from hma_ros.export.robot import robot_of
from hma_ros.network.config import Domain
from hma_ros.network.frames import IdCodec
from hma_ros.network.magvit2 import Magvit2, Magvit2Config
from hma_ros.runtime.frames import BundleCodec
from hma_ros.runtime.manifest import INT8_DECODER, Manifest
from hma_ros.runtime.providers import Execution
from hma_ros.runtime.world_model import WorldModel

_IMAGE = Path('docs/images/demo_strip.png')
_CROP, _SIZE = 128, 256
_COMPARED = 4
_SPEC = load_embodiment('franka_droid')


def tokenizer_results(scratch: Path, threads: int, rounds: int) -> Iterator[dict[str, Any]]:
    """
    Compare encoder and decoder in each precision, then time a step of DROID's clock.

    The decoder of the shipped bundle, which is trained, says what int8 costs its images.

    :param scratch: where the bundle is made, once.
    """
    folder = _bundle(scratch / 'droid_int8')
    executions = [
        Execution('cpu', threads=threads, tokenizer_precision=name)
        for name in TOKENIZER_PRECISIONS
    ]
    yield from _duels('magvit2', Manifest.read(folder), executions, rounds)
    shipped = Manifest.read(_shipped(scratch / 'hma_sim_int8_decoder'))
    yield from _duels('hma_sim', shipped, executions, rounds)
    for execution in reversed(executions):
        yield _step(folder, execution, rounds)


def _duels(
    name: str, manifest: Manifest, executions: list[Execution], rounds: int
) -> Iterator[dict[str, Any]]:
    exact, *quick = (BundleCodec(manifest, execution) for execution in executions)
    frames = [_frame(index, manifest.image_size) for index in range(_COMPARED)]
    tokens = [exact.encode(frame) for frame in frames]
    for codec, execution in zip(quick, executions[1:], strict=True):
        precision = execution.tokenizer_precision
        for kind, items in (('encoder', frames), ('decoder', tokens)):
            if (kind, precision) == ('encoder', 'int8'):
                continue  # in bf16
            ours, baseline = (_call(each, kind, items[0]) for each in (codec, exact))
            quality = _quality(kind, codec, exact, items)
            result = entry(f'{name}_{kind}', duel(ours, baseline, rounds), **quality)
            yield {**result, 'section': 'tokenizers', 'precision': precision}


def _quality(
    kind: str, codec: BundleCodec, exact: BundleCodec, items: list[np.ndarray]
) -> dict[str, float]:
    pairs = [[_call(each, kind, item)() for each in (codec, exact)] for item in items]
    found, expected = (np.stack(side) for side in zip(*pairs, strict=True))
    if kind == 'encoder':
        return {'equal_tokens': float((found == expected).mean())}
    error = np.square(found.astype(float) - expected).mean()
    return {'psnr_db': float(10 * np.log10(255**2 / error))}


def _call(codec: BundleCodec, kind: str, argument: np.ndarray) -> Callable[[], np.ndarray]:
    run = codec.encode if kind == 'encoder' else codec.decode
    return lambda: run(argument)


def _step(folder: Path, execution: Execution, rounds: int) -> dict[str, Any]:
    """Time steps after the first window, over more than a window, with one imagined frame each."""
    model = WorldModel(folder, _SPEC.stem, execution)
    executed = np.zeros((_SPEC.rates.stride, len(_SPEC.action.names)), np.float32)
    executed[:] = (np.array(_SPEC.action.lower) + _SPEC.action.upper) / 2
    for step in range(model.manifest.window):
        model.observe(_frame(step), executed)
    times = [
        (
            seconds(partial(model.observe, _frame(step), executed)),
            seconds(partial(model.imagine, None, 1)),
        )
        for step in range(max(rounds, model.manifest.window) + 1)
    ]
    observe_s, imagine_s = np.median(times[1:], 0)
    longest_s, _ = np.max(times[1:], 0)
    return {
        'name': f'step_{execution.tokenizer_precision}',
        'section': 'tokenizer_steps',
        'tokenizer_precision': execution.tokenizer_precision,
        'observe_s': float(observe_s),
        'longest_observe_s': float(longest_s),
        'imagine_s': float(imagine_s),
        'interval_s': _SPEC.rates.frame_dt_s,
        'rounds': rounds,
    }


def _bundle(folder: Path) -> Path:
    """Export once; a bundle that is there is used again."""
    if _is_there(folder):
        return folder
    actions = len(_SPEC.action.names)
    domain = Domain(_SPEC.stem, _SPEC.rates.stride, (0.0,) * actions, (1.0,) * actions)
    config = replace(discrete_config(), domains=(domain,))
    options = BundleOptions(
        precision='int8',
        mask_steps=2,
        codec=IdCodec(_random_magvit2(), config.factors, config.factor_size),
        frames=_scaling_frames(_SIZE),
        robots={_SPEC.stem: robot_of(_SPEC, is_released=True)},
    )
    return export_bundle(random_discrete(config), folder, options)


def _shipped(folder: Path) -> Path:
    """Export the shipped bundle once more, with a decoder in int8."""
    if not _is_there(folder):
        model, options = read_bundle(bundle_folder('hma_sim'), 'fp32')
        export_bundle(model, folder, replace(options, frames=_scaling_frames(FRAME_PX)))
    return folder


def _is_there(folder: Path) -> bool:
    try:
        manifest = Manifest.read(folder)
        manifest.verify()
    except BundleError:
        return False
    return f'{INT8_DECODER}.onnx' in manifest.files


def _scaling_frames(size: int) -> np.ndarray:
    """Crop other frames than those compared."""
    return np.stack([_frame(index, size) for index in range(_COMPARED, _COMPARED + 8)])


@torch.no_grad()
def _random_magvit2() -> Magvit2:
    """Build a tokenizer with random norms, whose images do not saturate."""
    torch.manual_seed(0)
    model = Magvit2(Magvit2Config()).eval()
    for module in model.modules():
        if isinstance(module, nn.GroupNorm):
            module.weight.normal_(1.0, 0.2)
            module.bias.normal_(0.0, 0.1)
    bits = torch.randint(2, (1, model.config.bits, model.config.grid, model.config.grid)) * 2.0 - 1
    gain = 0.4 / model.decoder(bits).std()
    for parameter in model.decoder.conv_out.parameters():
        parameter.mul_(gain)
    return model


def _frame(index: int, size: int = _SIZE) -> np.ndarray:
    """Crop a simulated robot: ``uint8[size, size, 3]`` RGB, another crop at each step."""
    image = Image.open(_IMAGE).convert('RGB')
    left = 16 * index % (image.width - _CROP)
    crop = image.crop((left, 0, left + _CROP, _CROP))
    return np.array(crop.resize((size, size), Image.Resampling.BICUBIC))
