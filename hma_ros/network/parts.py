# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
HMA cut into parts that take arrays by name and give arrays by name.

| part | in | out |
|---|---|---|
| stem | `chunk`, `known`, `index`; `anchor`, `anchored` of models with anchors | what the trunk takes of actions: `action`, `injected`, `shift_scale` |
| trunk | steps: `tokens`, `masked`, `index`, `rotation`, those; kept steps: `past_*` | `best`, `confidence`, `logits`, `chunk`, or `z`, `z_action`; `kept_*` |
| enter, leave | steps to `x`; `x`, `index` to what is said of them | the trunk without its layers |
| condition, time, denoise | `z`; `timestep`; `x` with both | parts of a diffusion head |
"""  # noqa: E501

from __future__ import annotations

from torch import Tensor, nn

from hma_ros.network.attention import KeptSteps, Steps
from hma_ros.network.checkpoint import Hma
from hma_ros.network.conditioning import AnchorSeen, Conditioning
from hma_ros.network.config import Compat
from hma_ros.network.diffusion_head import Denoiser
from hma_ros.network.discrete import DiscreteHma, JointsSeen, TokensSeen

# Inputs of the trunk by their name as outputs of the stem.
_GIVEN = {'action': 'tokens_BRC', 'injected': 'injected_BRC', 'shift_scale': 'shift_scale_BRL2C'}


class StemPart(nn.Module):
    """Chunks to what the trunk takes of them."""

    def __init__(self, model: Hma, stem: str) -> None:
        super().__init__()
        self.model, self.stem = model, stem

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it."""
        steps = Steps(feeds['index'])
        # From the others the runtime refuses to mask an action.
        can_mask = self.model.config.hides_actions
        masked = ~feeds['known'] if can_mask else None
        anchor = AnchorSeen(feeds['anchor'], feeds['anchored']) if 'anchor' in feeds else None
        given = self.model.condition(self.stem, feeds['chunk'], steps, masked, anchor=anchor)
        parts = {name: getattr(given, field) for name, field in _GIVEN.items()}
        result = {name: value for name, value in parts.items() if value is not None}
        if not can_mask:
            # An input that nothing reads would not be one of the graph.
            first = next(iter(result))
            result[first] = result[first] + 0 * feeds['known'].sum()
        return result


class TrunkPart(nn.Module):
    """Steps, given kept ones, to what is said of them and what to keep."""

    def __init__(self, model: Hma, stem: str) -> None:
        super().__init__()
        self.model, self.stem = model, stem

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it."""
        model, layers = self.model, range(self.model.config.layers)
        past = (KeptSteps(feeds[f'past_key_{i}'], feeds[f'past_value_{i}']) for i in layers)
        steps = Steps(feeds['index'], feeds.get('rotation'), feeds['past_index'], tuple(past))
        x, given = enter(model, feeds, steps), conditioning(feeds)
        x, kept = model.run(x, self.stem, given, steps)
        result = leave(model, self.stem, {**feeds, 'x': x}, steps)
        for layer, (key, value) in enumerate(kept):
            result |= {f'kept_key_{layer}': key, f'kept_value_{layer}': value}
        return result


class EnterPart(nn.Module):
    """Steps to `x`, ``float32[B, R, N, C]``, as the first layer takes them."""

    def __init__(self, model: Hma) -> None:
        super().__init__()
        self.model = model

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it."""
        return {'x': enter(self.model, feeds, Steps(feeds['index']))}


class LeavePart(nn.Module):
    """`x` behind the last layer to what is said of steps."""

    def __init__(self, model: Hma, stem: str) -> None:
        super().__init__()
        self.model, self.stem = model, stem

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it."""
        return leave(self.model, self.stem, feeds, Steps(feeds['index']))


def conditioning(feeds: dict[str, Tensor]) -> Conditioning:
    """Put together what the stem said: those of `action`, `injected`, `shift_scale` there are."""
    return Conditioning(**{field: feeds.get(name) for name, field in _GIVEN.items()})


def enter(model: Hma, feeds: dict[str, Tensor], steps: Steps) -> Tensor:
    """
    Do what is done before the blocks.

    :param feeds: `tokens`, `masked`, `previous` where the model reads the frame before, and
        `action` where steps have action tokens.
    :returns: ``float32[B, R, N, C]``.
    """
    given = conditioning(feeds)
    if isinstance(model, DiscreteHma):
        seen = TokensSeen(feeds['tokens'], feeds['masked'], feeds.get('previous'))
        return model.embed(seen, given, steps)
    return model.embed(feeds['tokens'], feeds['masked'].unsqueeze(-1), given, steps)


def leave(model: Hma, stem: str, feeds: dict[str, Tensor], steps: Steps) -> dict[str, Tensor]:
    """
    Do what is done after the blocks.

    :param feeds: `x`; `previous`, `joints` and `measured` where the model reads them.
    :returns: what the trunk says of steps, by name; kept steps are not among it.
    """
    if isinstance(model, DiscreteHma):
        return _leave_discrete(model, stem, feeds)
    output = model.read(feeds['x'], steps)
    result = {'z': output.z_BRSC}
    if output.z_action_BRC is not None:
        result['z_action'] = output.z_action_BRC
    return result


def _leave_discrete(model: DiscreteHma, stem: str, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
    joints = JointsSeen(feeds['joints'], feeds['measured']) if 'joints' in feeds else None
    output = model.read(feeds['x'], stem, (), feeds.get('previous'), joints)
    probability, best = output.logits_BRSFV.softmax(-1).max(-1)
    result = {'best': best, 'confidence': probability.prod(-1), 'logits': output.logits_BRSFV}
    if output.chunk_BRX is not None:
        # Upstream's heads learn chunks in units, ours normalized.
        is_upstream, chunk = model.config.compat is Compat.UPSTREAM, output.chunk_BRX
        result['chunk'] = chunk if is_upstream else model.in_units(chunk, stem)
    return result


class ConditionPart(nn.Module):
    """What depends on z alone."""

    def __init__(self, net: Denoiser) -> None:
        super().__init__()
        self.net = net

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it."""
        return {'condition': self.net.cond_embed(feeds['z'])}


class TimePart(nn.Module):
    """What depends on time alone."""

    def __init__(self, net: Denoiser) -> None:
        super().__init__()
        self.net = net

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it."""
        return {'time': self.net.time_embed(feeds['timestep'])}


class DenoisePart(nn.Module):
    """The rest, at every step."""

    def __init__(self, net: Denoiser) -> None:
        super().__init__()
        self.net = net

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute it."""
        eps, variance = self.net.denoise(feeds['x'], feeds['condition'] + feeds['time'])
        return {'eps': eps, 'variance': variance}
