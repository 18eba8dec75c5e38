# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The parts of HMA as graphs.

`stem_S`, `trunk_S`, `condition_H`, `time_H`, `denoise_H` are those of
:mod:`hma_ros.network.parts`; S is a stem, H is `patch` or `action_S`. The blocks hold
weights of each stem, so every stem has a trunk graph;
:class:`~hma_ros.export.weights.SharedWeights` stores what they share once.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx
import torch
from torch import Tensor, nn

from hma_ros.core.generation.rotary import EMPTY_STEP, rotations
from hma_ros.export.graphs import trace
from hma_ros.network.checkpoint import Hma
from hma_ros.network.config import HmaConfig, TimePositions
from hma_ros.network.continuous import ContinuousHma
from hma_ros.network.diffusion_head import DiffusionHead
from hma_ros.network.parts import (
    ConditionPart,
    DenoisePart,
    StemPart,
    TimePart,
    TrunkPart,
)

_BATCH, _STEPS = 2, 2
# Inputs with an axis for the batch and one for steps.
_BY_STEP = ('tokens', 'previous', 'masked', 'joints', 'measured')


@dataclass(frozen=True)
class ModelPart:
    """
    One graph.

    :param name: file name without ending.
    :param module: takes one dictionary, gives another.
    :param inputs: example inputs by name, a batch of two.
    :param varying: by name, the axes of inputs whose size is not fixed.
    :param heavy: whether its matrix products are worth to be made cheaper.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    varying: dict[str, tuple[int, ...]]
    heavy: bool

    def outputs(self) -> dict[str, Tensor]:
        """Run the part of the network on the example."""
        with torch.no_grad():
            result: dict[str, Tensor] = self.module(self.inputs)
        # A view of a parameter still asks for gradients.
        return {name: value.detach() for name, value in result.items()}

    def graph(self) -> onnx.ModelProto:
        """Export it; raises BundleError if the exporter gave no graph."""
        return trace(self.module, self.inputs, self.varying, list(self.outputs()))


def model_parts(model: Hma, stem: str) -> list[ModelPart]:
    """Split a model into the graphs that one stem needs, those that stems share left out."""
    stem_part = _stem_part(model, stem)
    parts = [stem_part, _trunk_part(model, stem, stem_part.outputs())]
    if isinstance(model, ContinuousHma) and model.config.predict_actions:
        parts += head_parts(model.action_head(stem), f'action_{stem}', model.config.width)
    return parts


def head_parts(head: DiffusionHead, name: str, condition: int) -> list[ModelPart]:
    """Split a diffusion head into what is done per sample, per step, and each time."""
    net = head.net
    z, x = torch.randn(2, condition), torch.randn(2, head.size)
    steps = torch.tensor([3, 999])
    with torch.no_grad():
        each = {'x': x, 'condition': net.cond_embed(z), 'time': net.time_embed(steps[:1])}
    batch = (0,)
    return [
        ModelPart(f'condition_{name}', ConditionPart(net), {'z': z}, {'z': batch}, False),
        ModelPart(f'time_{name}', TimePart(net), {'timestep': steps}, {'timestep': batch}, False),
        ModelPart(
            f'denoise_{name}', DenoisePart(net), each, {'x': batch, 'condition': batch}, True
        ),
    ]


def _stem_part(model: Hma, stem: str) -> ModelPart:
    config, domain = model.config, model.config.domain(stem)
    spread = torch.randn(_BATCH, _STEPS, domain.stride, len(domain.mean))
    chunk = (spread * torch.tensor(domain.std) + torch.tensor(domain.mean)).flatten(2)
    inputs = {
        'chunk': chunk,
        'known': torch.tensor([[True, False], [True, True]]),
        'index': torch.arange(config.window - _STEPS, config.window),
    }
    varying: dict[str, tuple[int, ...]] = {'chunk': (0, 1), 'known': (0, 1), 'index': (0,)}
    if config.anchor and domain.anchor:
        facts = domain.anchor
        normal = torch.randn(_BATCH, _STEPS, len(facts.names))
        inputs['anchor'] = normal * torch.tensor(facts.std) + torch.tensor(facts.mean)
        inputs['anchored'] = torch.tensor([[True, True], [True, False]])
        varying |= {'anchor': (0, 1), 'anchored': (0, 1)}
    return ModelPart(f'stem_{stem}', StemPart(model, stem), inputs, varying, heavy=False)


def _trunk_part(model: Hma, stem: str, given: dict[str, Tensor]) -> ModelPart:
    config = model.config
    slots = config.window - 1
    index = torch.arange(slots - 1, slots - 1 + _STEPS)
    inputs = {
        **_random_tokens(config),
        'index': index,
        'past_index': _past_index(slots),
        **given,
    }
    if config.keypoints:
        joints = config.domain(stem).joints
        count = len(joints.names) if joints else 0
        inputs['joints'] = torch.randn(_BATCH, _STEPS, count)
        inputs['measured'] = torch.tensor([[True, False], [True, True]])
    if config.time is TimePositions.ROTARY:
        turns = rotations(index.numpy(), config.head_width)
        inputs['rotation'] = torch.from_numpy(turns)
    varying: dict[str, tuple[int, ...]] = dict.fromkeys((*_BY_STEP, *given), (0, 1))
    varying |= {'index': (0,), 'rotation': (0,)}
    kept = (_BATCH, config.kept_tokens, config.heads, slots, config.head_width)
    for layer in range(config.layers):
        for what in ('key', 'value'):
            inputs[f'past_{what}_{layer}'] = torch.randn(kept)
            varying[f'past_{what}_{layer}'] = (0,)
    return ModelPart(f'trunk_{stem}', TrunkPart(model, stem), inputs, varying, heavy=True)


def _past_index(slots: int) -> Tensor:
    """Kept steps before the example's steps, the oldest slot empty where there are several."""
    index = torch.arange(slots) - 1
    index[0] = EMPTY_STEP
    return index


def _random_tokens(config: HmaConfig) -> dict[str, Tensor]:
    shape = (_BATCH, _STEPS, config.image_tokens)
    if config.diffusion is None:
        tokens = torch.randint(config.factor_size, (*shape, config.factors))
    else:
        tokens = torch.randn(*shape, config.diffusion.patch**2 * config.diffusion.latent_channels)
    masked = torch.rand(shape) < 0.5
    if not config.previous_frame:
        return {'tokens': tokens, 'masked': masked}
    previous = torch.randint(config.factor_size, tokens.shape)
    return {'tokens': tokens, 'previous': previous, 'masked': masked}
