# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The frame tokenizer out of the graphs of a bundle, such as the shipped one.

As with the network (:mod:`hma_ros.export.bundle_weights`), graphs keep the names of most
parameters, and the weights of linear layers are constants in the order of the products.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.core.short_text import shortened
from hma_ros.export.graph_constants import GraphConstants
from hma_ros.network.strict_loading import load_strictly
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.runtime.manifest import Manifest

_BEGINNING = 'tokenizer.tokenizer.'
_UNREADABLE = (OSError, ValueError, LookupError, AttributeError, StopIteration, ConfigError)


def read_bundle_tokenizer(folder: Path) -> FrameTokenizer:
    """
    Read the frame tokenizer of a bundle whose tokens are levels.

    :returns: one that makes the same tokens, and their latents before rounding.
    :raises BundleError: another tokenizer or none, or unexpected graphs.
    """
    manifest = Manifest.read(folder)
    frames = manifest.frames
    if frames is None or frames.tokenizer != 'levels' or manifest.kind != 'discrete':
        raise BundleError(
            f'{folder}: frame tokenizer: got {frames and frames.tokenizer}, {manifest.kind}, '
            'expected levels, discrete; choose such a bundle, or the folder `tokenizer` of a '
            'training run'
        )
    try:
        return _read(folder, manifest, frames.image_size)
    except _UNREADABLE as error:
        raise BundleError(
            f'{folder}: got {shortened(repr(error))}, expected encoder.onnx and decoder.onnx as '
            '`hma export` writes them; choose the folder `tokenizer` of a training run'
        ) from error


def _read(folder: Path, manifest: Manifest, image_size: int) -> FrameTokenizer:
    tensors: dict[str, Tensor] = {}
    for part in ('encoder', 'decoder'):
        graph = GraphConstants(folder / f'{part}.onnx')
        for name, value in graph.below(_BEGINNING).items():
            tensors[name.removeprefix(_BEGINNING)] = value
        matrices, blocks = graph.matrices('val_'), _count(tensors, f'{part}.blocks.{{}}.mix.bias')
        within = [
            f'blocks.{block}.{layer}' for block in range(blocks) for layer in ('expand', 'reduce')
        ]
        last = 'out' if part == 'encoder' else 'expand'
        for layer in ('embed', *within, last):
            tensors[f'{part}.{layer}.weight'] = next(matrices)
    tokenizer = FrameTokenizer(_config(tensors, manifest, image_size))
    load_strictly(tokenizer, tensors, folder)
    return tokenizer.eval()


def _config(tensors: dict[str, Tensor], manifest: Manifest, image_size: int) -> TokenizerConfig:
    """Read the sizes off the shapes."""
    return TokenizerConfig(
        image_size=image_size,
        patch=image_size // round(manifest.image_tokens**0.5),
        factors=manifest.factors,
        levels=manifest.factor_size,
        width=len(tensors['encoder.embed.bias']),
        detail_width=len(tensors['encoder.detail.bias']),
        detail_stages=1 + _count(tensors, 'encoder.finer.{}.bias'),
        encoder_blocks=_count(tensors, 'encoder.blocks.{}.mix.bias'),
        decoder_blocks=_count(tensors, 'decoder.blocks.{}.mix.bias'),
    )


def _count(tensors: dict[str, Tensor], name: str) -> int:
    """Count the modules of a sequence by a parameter that each of them has."""
    count = 0
    while name.format(count) in tensors:
        count += 1
    return count
