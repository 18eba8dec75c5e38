# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The network out of the graphs of a bundle of preset ``small``, such as the shipped one.

Graphs keep the names of most parameters. Matrices that something is multiplied with are constants
without a name, in an order that is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from hma_ros.core.embodiment.stem_facts import StemFacts
from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.core.short_text import shortened
from hma_ros.export.graph_constants import GraphConstants
from hma_ros.network.config import Anchor, Domain, HmaConfig, Joints, preset
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.strict_loading import load_strictly
from hma_ros.runtime.manifest import Manifest

_MODEL = 'model.'
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)
_OUT = ('spatial_attn.proj', 'temporal_attn.proj', 'mlp.fc1', 'mlp.fc2')
_HEAD = (
    *('points.look.0', 'points.look.2', 'guess.0', 'guess.2', 'joints.0', 'joints.2'),
    *('chunk.0', 'chunk.2', 'chunk.4', 'chunk.6'),
)


def read_bundle_model(folder: Path) -> DiscreteHma:
    """
    Read the network.

    :returns: a model that computes what the bundle does; its action heads have no output of the
        simulator's state, which bundles do not hold.
    :raises BundleError: no discrete fp32 bundle of preset ``small``, or unexpected graphs.
    """
    manifest = Manifest.read(folder)
    if not (manifest.reads_joints and manifest.previous_frame and manifest.precision == 'fp32'):
        raise BundleError(
            f'{folder}: got a bundle without its network, expected one with it or a discrete fp32 '
            'bundle of preset small; choose the folder that `hma train --out` wrote, or write '
            'the bundle again with --torch'
        )
    try:
        model = _read(folder, manifest)
    # Constants that are not there end an iterator.
    except (*_UNREADABLE, StopIteration) as error:
        raise BundleError(
            f'{folder}: got {shortened(repr(error))}, expected graphs as `hma export` writes '
            'them; choose the folder that `hma train --out` wrote'
        ) from error
    except ConfigError as error:
        if 'missing' not in str(error):
            raise BundleError(str(error)) from error
        raise BundleError(
            f'{error}; the exporter folds small matrices into others, so graphs of a model much '
            'smaller than preset small do not tell its weights; choose the folder that `hma train '
            '--out` wrote, or write the bundle again with --torch'
        ) from error
    return model.eval()


def _read(folder: Path, manifest: Manifest) -> DiscreteHma:
    graphs = {name: GraphConstants(folder / f'trunk_{name}.onnx') for name in manifest.stems}
    stems = {name: GraphConstants(folder / f'stem_{name}.onnx') for name in manifest.stems}
    domains = [
        _domain(name, facts, graphs[name], stems[name]) for name, facts in manifest.stems.items()
    ]
    config = preset(
        'small',
        domains,
        layers=manifest.layers,
        heads=manifest.heads,
        width=manifest.heads * manifest.head_width,
        window=manifest.window,
        positions=manifest.image_tokens,
        action_tokens=manifest.kept_tokens - manifest.image_tokens,
        factors=manifest.factors,
        factor_size=manifest.factor_size,
        anchor=any(domain.anchor for domain in domains),
    )
    tensors: dict[str, Tensor] = {}
    for name in manifest.stems:
        tensors |= _trunk(graphs[name], name, config) | _stem(stems[name], name, config)
    model = DiscreteHma(config)
    load_strictly(model, tensors, folder)
    return model


def _named(graph: GraphConstants) -> dict[str, Tensor]:
    """Return parameters by the names that they have in the network."""
    return {
        name.removeprefix(_MODEL): value
        for name, value in graph.below(_MODEL).items()
        if not name.endswith(('.grid', '.waves'))
    }


def _like(graph: GraphConstants, beginning: str, shape: tuple[int, ...]) -> Iterator[Tensor]:
    """Yield constants without a name of a parameter whose shape is so."""
    for name, value in graph.values.items():
        if name.startswith(beginning) and value.shape == shape:
            yield value.float()


def _domain(name: str, facts: StemFacts, trunk: GraphConstants, stem: GraphConstants) -> Domain:
    if facts.robot is None:
        raise ValueError(f'stem {name} without a robot')
    head = {
        what: tuple(map(float, trunk.values[f'{_MODEL}action_heads.{name}.{what}']))
        for what in ('mean', 'std', 'joint_mean', 'joint_std')
    }
    size, robot = facts.width, facts.robot
    joints = Joints(
        names=robot.joint_names,
        mean=head['joint_mean'],
        std=head['joint_std'],
        motion=robot.joint_motion,
        move_mean=head['mean'][:size],
        move_std=head['std'][:size],
    )
    anchor = None
    if robot.anchor:
        scale = f'{_MODEL}action_preprocessor.{name}.anchor_'
        mean, std = (tuple(map(float, stem.values[scale + what])) for what in ('mean', 'std'))
        anchor = Anchor(robot.anchor, mean, std)
    return Domain(name, facts.stride, facts.mean, facts.std, robot, joints, anchor)


def _trunk(graph: GraphConstants, stem: str, config: HmaConfig) -> dict[str, Tensor]:
    matrices, tensors = graph.matrices('val_'), _named(graph)
    lags = _like(graph, 'permute', (config.window, config.heads))
    for layer in range(config.layers):
        block = f'decoder.layers.{layer}'
        for name in _OUT:
            tensors[f'{block}.{name}.weight'] = next(matrices)
        tensors[f'{block}.temporal_attn.lag_bias'] = next(lags).T.contiguous()
    tensors['out_x_proj.weight'] = next(matrices)
    tensors |= {f'action_heads.{stem}.{name}.weight': next(matrices) for name in _HEAD}
    return tensors


def _stem(graph: GraphConstants, stem: str, config: HmaConfig) -> dict[str, Tensor]:
    matrices, tensors = graph.matrices('val_'), _named(graph)
    encoder, scale = f'action_mlp.{stem}.model', f'action_preprocessor.{stem}'
    tensors |= {f'{encoder}.{place}.weight': next(matrices) for place in (0, 3)}
    if config.domain(stem).anchor:
        anchor = f'action_mlp.{stem}.anchor'
        tensors |= {f'{anchor}.{layer}.weight': next(matrices) for layer in ('hidden', 'out')}
    for layer in range(config.layers):
        block = f'decoder.layers.{layer}.action_projectors.{stem}.adaLN_modulation.1'
        tensors[f'{block}.weight'] = next(matrices)
    # The graph divides by the deviation with something added that float32 does not hold.
    tensors[f'{scale}.std'] = torch.tensor(config.domain(stem).std)
    (asked,) = _like(graph, 'select', (1, config.width))
    tensors['action_mask_tokens'] = asked[None, None]
    return tensors
