# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bundles of format 3, with which version 0.1 shipped, as the model of today."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor

from hma_ros.core.embodiment.stem_spec import read_stem
from hma_ros.core.errors import BundleError
from hma_ros.core.json_file import json_fault
from hma_ros.export.bundle import BundleOptions, export_bundle
from hma_ros.export.graph_constants import GraphConstants
from hma_ros.export.graphs import without_metadata
from hma_ros.export.tokenizer_graphs import GraphCodec
from hma_ros.network.config import Domain, HmaConfig, Joints, preset
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.strict_loading import load_strictly
from hma_ros.runtime.manifest_file import FILE_NAME, FORMAT

OLD_FORMAT = 3
# Parameters under new names by those of a block, and matrices in the order of the graph.
_NORMS = {'spatial_norm': 'norm1', 'temporal_norm': 'temporal_norm', 'mlp_norm': 'norm2'}
_BIASES = {
    'spatial.out': 'spatial_attn.proj',
    'temporal.out': 'temporal_attn.proj',
    'mlp.0': 'mlp.fc1',
    'mlp.2': 'mlp.fc2',
}
_MATRICES = (
    'spatial_attn.qkv',
    'spatial_attn.proj',
    'temporal_attn.qkv',
    'temporal_attn.proj',
    'mlp.fc1',
    'mlp.fc2',
)
_HEAD_MATRICES = (
    *('points.look.0', 'points.look.2', 'guess.0', 'guess.2', 'joints.0', 'joints.2'),
    *('chunk.0', 'chunk.2', 'chunk.4', 'chunk.6'),
)
_STEM_MATRICES = ('embed.0', 'embed.3', 'project')


def read_old(folder: Path) -> tuple[DiscreteHma, dict[str, Any]]:
    """
    Read the network out of the graphs of a bundle.

    :returns: the model; the manifest.
    :raises BundleError: no bundle of that format, or its graphs are not as they were written.
    """
    try:
        facts = json.loads((folder / FILE_NAME).read_text())
        if facts['format'] == FORMAT:
            raise BundleError(
                f'{folder}: format: got {FORMAT}, expected {OLD_FORMAT}; this one needs no renewal'
            )
        if facts['format'] != OLD_FORMAT or 'family' in facts:
            raise ValueError(f'format {facts["format"]}')
        config = _config(folder, facts)
        model = DiscreteHma(config)
        tensors = model.state_dict() | _trunk(folder, facts)
        for name in facts['stems']:
            tensors |= _stem(folder, name, facts) | _head(folder, name)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BundleError(
            f'{folder}: got {json_fault(error)}, expected a bundle of format {OLD_FORMAT} as '
            '`hma train` wrote it; export it from its checkpoint with the version that trained it'
        ) from error
    load_strictly(model, tensors, folder)
    return model.eval().requires_grad_(False), facts


def renew(old: Path, new: Path) -> Path:
    """
    Write a bundle of format 3 as one of today, which computes the same.

    :returns: the new folder.
    :raises BundleError: see :func:`read_old`, or the new graphs do not compute what the old did.
    :raises ConfigError: at the new folder there is something that is no bundle.
    """
    model, facts = read_old(old)
    ports = {'levels': 'tokens', 'values': 'tokens'}
    graphs = {name: _renamed(old / f'{name}.onnx', ports) for name in ('encoder', 'decoder')}
    options = BundleOptions(
        precision=facts['precision'],
        mask_steps=facts['mask_steps'],
        drawing='expected',
        stores_half=True,
        codec=GraphCodec('levels', facts['image_size'], 1.0, graphs, facts['parity']),
    )
    return export_bundle(model, new, options)


def _config(folder: Path, facts: Mapping[str, Any]) -> HmaConfig:
    return preset(
        'small',
        [_domain(folder, name, stem) for name, stem in facts['stems'].items()],
        layers=facts['layers'],
        heads=facts['heads'],
        width=facts['heads'] * facts['head_width'],
        window=facts['window'],
        positions=facts['image_tokens'],
        action_tokens=facts['row_tokens'] - facts['image_tokens'],
        factors=facts['factors'],
        factor_size=facts['levels'],
    )


def _domain(folder: Path, name: str, facts: Mapping[str, Any]) -> Domain:
    robot = read_stem(facts)
    stem = GraphConstants(folder / f'stem_{name}.onnx')
    head = GraphConstants(folder / f'head_{name}.onnx')
    joints = Joints(
        names=robot.joint_names,
        mean=_numbers(head['joint_mean']),
        std=_numbers(head['joint_std']),
        motion=robot.joint_motion,
        move_mean=_numbers(head['mean'][: robot.action_dim]),
        move_std=_numbers(head['std'][: robot.action_dim]),
    )
    mean, std = (_numbers(stem[what][: robot.action_dim]) for what in ('mean', 'std'))
    return Domain(name, robot.stride, mean, std, robot, joints)


def _numbers(values: Tensor) -> tuple[float, ...]:
    return tuple(map(float, values))


def _trunk(folder: Path, facts: Mapping[str, Any]) -> dict[str, Tensor]:
    old = GraphConstants(folder / 'trunk.onnx')
    matrices, lags = old.matrices(), _lag_biases(old, facts['window'])
    # The query of an action token is only ever added to its place.
    places = old['trunk.place_embed'].clone()
    places[facts['image_tokens'] :] += old['trunk.action_query']
    tensors = {
        'pos_embed_TSC': places[None, None],
        'token_embed.mask_token_embed': old['trunk.mask_embed'],
        'token_embed.own.weight': old['trunk.token_embed.weight'],
        'token_embed.previous.weight': old['trunk.previous_embed.weight'],
        'copy_logits': old['trunk.copy_logits'],
    }
    for layer in range(facts['layers']):
        before, after = f'trunk.blocks.{layer}', f'decoder.layers.{layer}'
        for name, new in _NORMS.items():
            for part in ('weight', 'bias'):
                tensors[f'{after}.{new}.{part}'] = old[f'{before}.{name}.{part}']
        for name, new in _BIASES.items():
            tensors[f'{after}.{new}.bias'] = old[f'{before}.{name}.bias']
        for new in _MATRICES:
            tensors[f'{after}.{new}.weight'] = next(matrices)
        tensors[f'{after}.temporal_attn.lag_bias'] = next(lags)
    for part in ('weight', 'bias'):
        tensors[f'out_norm.{part}'] = old[f'trunk.norm.{part}']
    tensors['out_x_proj.weight'] = next(matrices)
    tensors['out_x_proj.bias'] = old['trunk.token_head.bias']
    return tensors


def _lag_biases(old: GraphConstants, window: int) -> Iterator[Tensor]:
    """Per layer ``[heads, window]``: the graph has that of the past, oldest first, then of now."""
    slices = iter([value for name, value in old.values.items() if name.startswith('slice_')])
    for past, now in zip(slices, slices, strict=True):
        both = torch.cat([past[:, 0].float(), now[:, 0].float()], -1)
        if both.shape[1] != window:
            raise ValueError(f'{both.shape[1]} lags, expected {window}')
        yield both.flip(1)


def _stem(folder: Path, name: str, facts: Mapping[str, Any]) -> dict[str, Tensor]:
    old, stem = GraphConstants(folder / f'stem_{name}.onnx'), f'action_mlp.{name}'
    matrices = dict(zip(_STEM_MATRICES, old.matrices(), strict=True))
    scale, stride = f'action_preprocessor.{name}', int(facts['stems'][name]['stride'])
    tensors = {
        f'{scale}.mean': old['mean'].chunk(stride)[0].clone(),
        f'{scale}.std': old['std'].chunk(stride)[0].clone(),
        f'{stem}.mask': old['unknown'],
        f'{stem}.model.0.weight': matrices['embed.0'],
        f'{stem}.model.3.weight': matrices['embed.3'],
    }
    for place in ('0.bias', '1.weight', '1.bias', '3.bias'):
        tensors[f'{stem}.model.{place}'] = old[f'embed.{place}']
    weights = matrices['project'].chunk(facts['layers'])
    biases = old['project.bias'].chunk(facts['layers'])
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        place = f'decoder.layers.{layer}.action_projectors.{name}.adaLN_modulation.1'
        tensors |= {f'{place}.weight': weight.contiguous(), f'{place}.bias': bias.contiguous()}
    return tensors


def _head(folder: Path, name: str) -> dict[str, Tensor]:
    old, head = GraphConstants(folder / f'head_{name}.onnx'), f'action_heads.{name}'
    kept = old.below('points.look', 'guess', 'joints.', 'chunk', 'mean', 'std', 'joint_')
    tensors = {f'{head}.{place}': value for place, value in kept.items()}
    for place, weight in zip(_HEAD_MATRICES, old.matrices(), strict=True):
        tensors[f'{head}.{place}.weight'] = weight
    return tensors


def _renamed(path: Path, ports: Mapping[str, str]) -> onnx.ModelProto:
    """Return a graph whose inputs and outputs have other names."""
    model = onnx.load(path)
    for port in (*model.graph.input, *model.graph.output):
        port.name = ports.get(port.name, port.name)
    for node in model.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = ports.get(name, name)
    return without_metadata(model)
