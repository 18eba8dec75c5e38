# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The parts of a model of the paper as graphs.

| graph | in | out |
|---|---|---|
| `stem_S` | `chunk`, `known`, `index` | what the trunk takes of actions: `action`, `injected`, `shift_scale` |
| `trunk_S` | rows: `tokens`, `masked`, `index`, `rotation`, those; kept rows: `past_*` | `best`, `confidence`, `logits`, `chunk`, or `z`, `z_action`; `kept_*` |
| `condition_H`, `time_H`, `denoise_H` | `z`; `timestep`; `x` with both | parts of a diffusion head |

S is a stem, H is `patch` or `action_S`. The blocks hold weights of each stem, so every stem has a
trunk graph; :class:`~hma_ros.export.weights.SharedWeights` stores what they share once.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from hma_ros.core.rotary import rotations
from hma_ros.network.paper.attention import KeyValue, Rows
from hma_ros.network.paper.conditioning import Conditioning
from hma_ros.network.paper.config import Meaning, PaperConfig, TimePositions
from hma_ros.network.paper.continuous import ContinuousHma
from hma_ros.network.paper.diffusion_head import Denoiser, DiffusionHead
from hma_ros.network.paper.discrete import DiscreteHma

_BATCH, _ROWS = 2, 2
PaperModel = DiscreteHma | ContinuousHma

# Inputs of the trunk by their name as outputs of the stem.
_GIVEN = {'action': 'tokens_BRC', 'injected': 'injected_BRC', 'shift_scale': 'shift_scale_BRL2C'}


@dataclass(frozen=True)
class PaperPart:
    """
    One graph.

    :param name: file name without ending.
    :param module: takes one dictionary, gives another.
    :param inputs: example inputs by name, a batch of two.
    :param fixed: axes of inputs that are not the batch and yet may vary, beside axis 0.
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
        return result


def paper_parts(model: PaperModel, stem: str) -> list[PaperPart]:
    """Split a model into the graphs that one stem needs, those that stems share left out."""
    stem_part = _stem_part(model, stem)
    parts = [stem_part, _trunk_part(model, stem, stem_part.outputs())]
    if isinstance(model, ContinuousHma) and model.config.predict_actions:
        parts += head_parts(model.action_head(stem), f'action_{stem}', model.config.width)
    return parts


def head_parts(head: DiffusionHead, name: str, condition: int) -> list[PaperPart]:
    """Split a diffusion head into what is done per sample, per step, and each time."""
    net = head.net
    z, x = torch.randn(2, condition), torch.randn(2, head.size)
    steps = torch.tensor([3, 999])
    with torch.no_grad():
        each = {'x': x, 'condition': net.cond_embed(z), 'time': net.time_embed(steps[:1])}
    batch = (0,)
    return [
        PaperPart(f'condition_{name}', _Condition(net), {'z': z}, {'z': batch}, False),
        PaperPart(f'time_{name}', _Time(net), {'timestep': steps}, {'timestep': batch}, False),
        PaperPart(f'denoise_{name}', _Denoise(net), each, {'x': batch, 'condition': batch}, True),
    ]


class _Stem(nn.Module):
    def __init__(self, model: PaperModel, stem: str) -> None:
        super().__init__()
        self.model, self.stem = model, stem

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        rows = Rows(feeds['index'])
        # Upstream's models see every action, and the runtime refuses to hide one from them.
        is_corrected = self.model.config.meaning is Meaning.CORRECTED
        masked = ~feeds['known'] if is_corrected else None
        given = self.model.condition(self.stem, feeds['chunk'], rows, masked)
        parts = {name: getattr(given, field) for name, field in _GIVEN.items()}
        result = {name: value for name, value in parts.items() if value is not None}
        if not is_corrected:
            # An input that nothing reads would not be one of the graph.
            first = next(iter(result))
            result[first] = result[first] + 0 * feeds['known'].sum()
        return result


class _Trunk(nn.Module):
    def __init__(self, model: PaperModel, stem: str) -> None:
        super().__init__()
        self.model, self.stem = model, stem

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        model, layers = self.model, range(self.model.config.layers)
        past = (KeyValue(feeds[f'past_key_{i}'], feeds[f'past_value_{i}']) for i in layers)
        rows = Rows(feeds['index'], feeds.get('rotation'), feeds['past_index'], tuple(past))
        given = Conditioning(**{field: feeds.get(name) for name, field in _GIVEN.items()})
        if isinstance(model, DiscreteHma):
            result, kept = self._discrete(model, feeds, given, rows)
        else:
            result, kept = self._continuous(model, feeds, given, rows)
        for layer, (key, value) in enumerate(kept):
            result |= {f'kept_key_{layer}': key, f'kept_value_{layer}': value}
        return result

    def _discrete(
        self, model: DiscreteHma, feeds: dict[str, Tensor], given: Conditioning, rows: Rows
    ) -> tuple[dict[str, Tensor], tuple[KeyValue, ...]]:
        output = model.rows(feeds['tokens'], feeds['masked'], self.stem, given, rows)
        probability, best = output.logits_BRSFV.softmax(-1).max(-1)
        result = {
            'best': best,
            'confidence': probability.prod(-1),
            'logits': output.logits_BRSFV,
        }
        if output.chunk_BRX is not None:
            # Upstream's heads learn chunks in units, ours in deviations.
            in_units = model.config.meaning is Meaning.UPSTREAM
            chunk = output.chunk_BRX
            result['chunk'] = chunk if in_units else model.in_units(chunk, self.stem)
        return result, output.kept

    def _continuous(
        self, model: ContinuousHma, feeds: dict[str, Tensor], given: Conditioning, rows: Rows
    ) -> tuple[dict[str, Tensor], tuple[KeyValue, ...]]:
        masked = feeds['masked'].unsqueeze(-1)
        output = model.rows(feeds['tokens'], masked, self.stem, given, rows)
        result = {'z': output.z_BRSC}
        if output.z_action_BRC is not None:
            result['z_action'] = output.z_action_BRC
        return result, output.kept


class _Condition(nn.Module):
    def __init__(self, net: Denoiser) -> None:
        super().__init__()
        self.net = net

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        return {'condition': self.net.cond_embed(feeds['z'])}


class _Time(nn.Module):
    def __init__(self, net: Denoiser) -> None:
        super().__init__()
        self.net = net

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        return {'time': self.net.time_embed(feeds['timestep'])}


class _Denoise(nn.Module):
    def __init__(self, net: Denoiser) -> None:
        super().__init__()
        self.net = net

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        eps, variance = self.net.denoise(feeds['x'], feeds['condition'] + feeds['time'])
        return {'eps': eps, 'variance': variance}


def _stem_part(model: PaperModel, stem: str) -> PaperPart:
    config, domain = model.config, model.config.domain(stem)
    spread = torch.randn(_BATCH, _ROWS, domain.stride, len(domain.mean))
    chunk = (spread * torch.tensor(domain.std) + torch.tensor(domain.mean)).flatten(2)
    inputs = {
        'chunk': chunk,
        'known': torch.tensor([[True, False], [True, True]]),
        'index': torch.arange(config.rows - _ROWS, config.rows),
    }
    varying = {'chunk': (0, 1), 'known': (0, 1), 'index': (0,)}
    return PaperPart(f'stem_{stem}', _Stem(model, stem), inputs, varying, heavy=False)


def _trunk_part(model: PaperModel, stem: str, given: dict[str, Tensor]) -> PaperPart:
    config = model.config
    slots = config.rows - 1
    index = torch.arange(slots - 1, slots - 1 + _ROWS)
    inputs = {
        **_random_tokens(config),
        'index': index,
        'past_index': _past_index(slots),
        **given,
    }
    if config.time is TimePositions.ROTARY:
        turns = rotations(index.numpy(), config.head_width)
        inputs['rotation'] = torch.from_numpy(turns)
    varying: dict[str, tuple[int, ...]] = {name: (0, 1) for name in ('tokens', 'masked', *given)}
    varying |= {'index': (0,), 'rotation': (0,)}
    kept = (_BATCH, config.kept_tokens, config.heads, slots, config.head_width)
    for layer in range(config.layers):
        for what in ('key', 'value'):
            inputs[f'past_{what}_{layer}'] = torch.randn(kept)
            varying[f'past_{what}_{layer}'] = (0,)
    return PaperPart(f'trunk_{stem}', _Trunk(model, stem), inputs, varying, heavy=True)


def _past_index(slots: int) -> Tensor:
    """Kept rows before the example's rows, the oldest slot empty where there are several."""
    index = torch.arange(slots) - 1
    index[0] = -(2**31)
    return index


def _random_tokens(config: PaperConfig) -> dict[str, Tensor]:
    shape = (_BATCH, _ROWS, config.image_tokens)
    if config.diffusion is None:
        tokens = torch.randint(config.factor_size, (*shape, config.factors))
    else:
        tokens = torch.randn(*shape, config.diffusion.patch**2 * config.diffusion.latent_channels)
    masked = torch.rand(shape) < 0.5
    return {'tokens': cast('Tensor', tokens), 'masked': masked}
