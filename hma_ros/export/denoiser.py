# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What diffusion heads do at every step, for the compiled library.

`denoise_H.json` says where the weights are; H is a head.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import cast

from torch import nn

from hma_ros.export.matrices import place_matrix, place_norm
from hma_ros.export.model_graphs import ModelPart
from hma_ros.export.parity import Parity
from hma_ros.export.weights import SharedWeights
from hma_ros.network.diffusion_head import Denoiser, ResidualBlock
from hma_ros.runtime.denoiser import CompiledDenoiser, DenoiserShape


def shape_of(net: Denoiser) -> DenoiserShape:
    """Return the sizes of a denoiser."""
    enter = net.input_proj
    return DenoiserShape(enter.in_features, enter.out_features, len(net.res_blocks))


def write_denoiser(net: Denoiser, is_whole: bool, weights: SharedWeights, path: Path) -> None:
    """
    Write the weights of a denoiser, and where they are.

    :param is_whole: whether as whole numbers all but the way in and the readout, which are next
        to nothing to compute.
    """
    blocks = [cast('ResidualBlock', block) for block in net.res_blocks]
    inner = [linear for block in blocks for linear in _matrices(block)]
    inner.append(cast('nn.Linear', net.final_layer.adaLN_modulation[-1]))
    facts = {
        'weights': weights.path.name,
        'shape': asdict(shape_of(net)),
        'matrices': [
            place_matrix(net.input_proj, weights),
            *(place_matrix(linear, weights, is_whole) for linear in inner),
            place_matrix(net.final_layer.linear, weights),
        ],
        'norms': [place_norm(block.in_ln, weights) for block in blocks],
    }
    path.write_text(json.dumps(facts) + '\n')


def check_denoiser(part: ModelPart, path: Path, tolerated: Parity) -> Parity:
    """
    Run a part `denoise_H` of the network, and what is compiled of it, on the same random inputs.

    :param path: of `denoise_H.json`.
    :returns: what was found.
    :raises BundleError: out of tolerance.
    """
    inputs = {name: value.numpy() for name, value in part.inputs.items()}
    found = CompiledDenoiser(path, threads=2)(inputs)
    expected = [value.numpy() for value in part.outputs().values()]
    return Parity.of(zip(found, expected, strict=True)).check(tolerated, path)


def _matrices(block: ResidualBlock) -> list[nn.Linear]:
    """In the order in which they are used."""
    places = (block.adaLN_modulation[-1], block.mlp[0], block.mlp[-1])
    return [cast('nn.Linear', place) for place in places]
