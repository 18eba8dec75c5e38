# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the compiled library computes of a model: trunks, and the steps of diffusion heads."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from hma_ros.export.denoiser import check_denoiser, shape_of, write_denoiser
from hma_ros.export.layers import check_layers, edge_parts, has_layers, write_layers
from hma_ros.export.model_graphs import ModelPart
from hma_ros.export.parity import Parity
from hma_ros.export.weights import SharedWeights
from hma_ros.network.checkpoint import Hma
from hma_ros.network.config import HmaConfig
from hma_ros.network.parts import DenoisePart, TrunkPart
from hma_ros.runtime.compiled import library, why_not
from hma_ros.runtime.manifest import Manifest

_LOG = logging.getLogger(__name__)


def compiled_parts(
    parts: Sequence[ModelPart], config: HmaConfig, precision: str
) -> list[ModelPart]:
    """
    Return those parts that the compiled library can compute.

    :param precision: of the bundle: ``fp16`` is for GPUs, and has none of them.
    """
    if not has_layers(config) or precision == 'fp16':
        return []
    if library() is None:
        _LOG.warning('without compiled layers, which cannot be checked here: %s', why_not())
        return []
    return [
        part
        for part in parts
        if isinstance(part.module, TrunkPart)
        or (isinstance(part.module, DenoisePart) and shape_of(part.module.net).is_computable)
    ]


def graphs_around(model: Hma, part: ModelPart) -> list[ModelPart]:
    """Return what goes before and behind what the library computes of a part."""
    return edge_parts(model, part) if isinstance(part.module, TrunkPart) else []


def write_compiled(
    model: Hma,
    part: ModelPart,
    precision: str,
    is_half: bool,
    weights: SharedWeights,
    folder: Path,
) -> None:
    """
    Describe a part to the library.

    :param is_half: whether matrices of a trunk are stored in half precision, as in its graph.
    """
    path, is_whole = _path(part, folder), precision == 'int8'
    if isinstance(part.module, DenoisePart):
        write_denoiser(part.module.net, is_whole, weights, path)
    else:
        write_layers(model, _name(part), is_whole, weights, path, is_half)


def check_compiled(
    model: Hma, part: ModelPart, precision: str, folder: Path, tolerated: Parity
) -> Parity:
    """
    Run a part of the network, and what the library makes of it, on the same random inputs.

    :returns: what was found.
    :raises BundleError: out of tolerance.
    """
    path = _path(part, folder)
    if isinstance(part.module, DenoisePart):
        return check_denoiser(part, path, tolerated)
    return check_layers(model, part, path, precision, tolerated)


def _path(part: ModelPart, folder: Path) -> Path:
    is_step = isinstance(part.module, DenoisePart)
    name = Manifest.denoiser_file if is_step else Manifest.layers_file
    return folder / name(_name(part))


def _name(part: ModelPart) -> str:
    """Of the stem, or of the head."""
    return part.name.partition('_')[2]
