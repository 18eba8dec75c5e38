# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The trunk of one stem for the compiled library.

`layers_S.json` says where the weights are, the graphs `enter_S` and `leave_S` are what goes around
the layers; S is a stem.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from hma_ros.export.matrices import place_array, place_matrix, place_norm
from hma_ros.export.model_graphs import ModelPart
from hma_ros.export.parity import Parity
from hma_ros.export.weights import SharedWeights
from hma_ros.network.checkpoint import Hma
from hma_ros.network.conditioning import Modulation
from hma_ros.network.config import HmaConfig, Injection
from hma_ros.network.parts import EnterPart, LeavePart
from hma_ros.network.trunk import Block
from hma_ros.runtime.engine import BEHIND
from hma_ros.runtime.layer_file import Shape
from hma_ros.runtime.layers import Layers, kept_dtype

_ENTER = ('tokens', 'previous', 'masked', 'index', 'action')


def has_layers(config: HmaConfig) -> bool:
    """Whether the library can compute a trunk: not with cross-attention."""
    return config.injection is not Injection.CROSS_ATTENTION and _shape(config).is_computable


def edge_parts(model: Hma, trunk: ModelPart) -> list[ModelPart]:
    """
    Return what goes before and behind the layers.

    :param trunk: the whole of it, whose example inputs they share.
    """
    stem = trunk.name.removeprefix('trunk_')
    inputs = {name: trunk.inputs[name] for name in _ENTER if name in trunk.inputs}
    enter = ModelPart(f'enter_{stem}', EnterPart(model), inputs, trunk.varying, heavy=False)
    also = {name: trunk.inputs[name] for name in BEHIND if name in trunk.inputs}
    behind = {'x': enter.outputs()['x'], 'index': inputs['index'], **also}
    varying = {**trunk.varying, 'x': (0, 1)}
    leave = ModelPart(f'leave_{stem}', LeavePart(model, stem), behind, varying, heavy=False)
    return [enter, leave]


def write_layers(
    model: Hma,
    stem: str,
    is_whole: bool,
    weights: SharedWeights,
    path: Path,
    is_half: bool = False,
) -> None:
    """
    Write the weights of all layers, and where they are.

    :param is_whole: whether as whole numbers: all of them, since each token has a scale of its
        own; in graphs, where all tokens share one, the end of the last layer stays float32.
    :param is_half: whether reals are stored in half precision, where the graphs have them so.
    """
    layers = [
        {
            'matrices': {
                # The trunk's graph turns all but what it cuts.
                name: place_matrix(linear, weights, is_whole, name.endswith('_made'), is_half)
                for name, linear in _matrices(block, stem).items()
            },
            'norms': {name: place_norm(norm, weights) for name, norm in _norms(block).items()},
            **_lag_bias(block, weights),
        }
        for block in model.blocks
    ]
    facts = {
        'weights': weights.path.name,
        'shape': asdict(_shape(model.config)),
        'modulates': model.config.injection is Injection.MODULATE,
        'layers': layers,
    }
    path.write_text(json.dumps(facts) + '\n')


def check_layers(
    model: Hma, trunk: ModelPart, path: Path, precision: str, tolerated: Parity
) -> Parity:
    """
    Run the trunk of the network, and its compiled layers, on the same random inputs.

    :param path: of `layers_S.json`.
    :param precision: of the bundle.
    :returns: what was found.
    :raises BundleError: out of tolerance.
    """
    dtype = kept_dtype(precision)
    layers = Layers(path, model.config.window, threads=2, dtype=dtype)
    feeds = {name: value.numpy() for name, value in trunk.inputs.items()}
    names = [name for name in feeds if name.startswith(('past_key', 'past_value'))]
    enter, leave = edge_parts(model, trunk)
    past = joined([feeds[name].astype(dtype) for name in names])
    x, kept = layers(enter.outputs()['x'].numpy(), feeds, past)
    index = leave.inputs['index'][-1:]
    with torch.no_grad():
        last = {name: leave.inputs[name][:, -1:] for name in BEHIND if name in leave.inputs}
        said = leave.module({**last, 'index': index, 'x': torch.from_numpy(x)})
    found = {name: value.numpy() for name, value in said.items()}
    kept_names = [name.replace('past', 'kept') for name in names]
    found |= dict(zip(kept_names, parted(kept), strict=True))
    pairs = [
        (found[name], (value if name in kept_names else value[:, -1:]).numpy())
        for name, value in trunk.outputs().items()
    ]
    return Parity.of(pairs).check(tolerated, path)


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """
    Put kept steps as layers take them.

    :param parts: keys and values of every layer in turn, ``[B, N, H, slots, D]``.
    :returns: ``[B, slots, layers, 2, N, H, D]``.
    """
    steps_BPLNHD = np.moveaxis(np.stack(parts), (0, 4), (2, 1))
    batch, slots, count, *inner = steps_BPLNHD.shape
    return np.ascontiguousarray(steps_BPLNHD).reshape(batch, slots, count // 2, 2, *inner)


def parted(steps: np.ndarray) -> list[np.ndarray]:
    """
    Take apart what layers keep.

    :param steps: ``[B, R, layers, 2, N, H, D]``.
    :returns: keys and values of every layer in turn, ``[B, R, N, H, D]``.
    """
    return [steps[:, :, layer, what] for layer in range(steps.shape[2]) for what in range(2)]


def _shape(config: HmaConfig) -> Shape:
    hidden = int(config.width * config.mlp_ratio)
    scale = config.attention_scale
    return Shape(config.width, config.heads, hidden, config.step_tokens, scale)


def _matrices(block: Block, stem: str) -> dict[str, nn.Linear]:
    matrices = {
        'space_made': block.spatial_attn.qkv,
        'space_out': block.spatial_attn.proj,
        'time_made': block.temporal_attn.qkv,
        'time_out': block.temporal_attn.proj,
        'channels_in': block.mlp.fc1,
        'channels_out': block.mlp.fc2,
    }
    if stem in block.action_projectors:
        projector = cast('Modulation', block.action_projectors[stem])
        if projector.linear_out is not None:
            matrices['inject'] = projector.linear_out
    return matrices


def _lag_bias(block: Block, weights: SharedWeights) -> dict[str, Any]:
    bias = block.temporal_attn.lag_bias
    return {} if bias is None else {'lag_bias': place_array(bias, weights)}


def _norms(block: Block) -> dict[str, nn.LayerNorm]:
    norms = {
        'before_space': block.norm1,
        'in_space': block.spatial_attn.norm,
        'before_time': block.temporal_norm,
        'in_time': block.temporal_attn.norm,
        'before_channels': block.norm2,
    }
    return {name: norm for name, norm in norms.items() if isinstance(norm, nn.LayerNorm)}
