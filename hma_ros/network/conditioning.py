# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How actions enter: a stem per embodiment, tokens beside the image, injection in every block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hma_ros.network.attention import KeptSteps, NewSteps, Steps, attend, turn
from hma_ros.network.config import Compat, Domain, HmaConfig, Injection

# What upstream adds to deviations before it divides; a constant dimension is divided by this.
_STD_EPSILON = 1e-10
# Upstream's cross-attention has as many heads whatever the configuration says.
_UPSTREAM_CROSS_HEADS = 8
# Sines of an anchor: the longest wave spans eight standard deviations, each further one half of
# the one before.
_WAVES = 5
_LONGEST_DEVIATIONS = 8.0


@dataclass(frozen=True)
class Conditioning:
    """
    What the trunk takes in of the actions of some steps.

    :param tokens_BRC: appended to every step, the same vector at each action token; None appends
        nothing.
    :param injected_BRC: the embedding that blocks add or attend to; None injects nothing.
    :param shift_scale_BRL2C: of every block that modulates, shift first.
    """

    tokens_BRC: Tensor | None = None
    injected_BRC: Tensor | None = None
    shift_scale_BRL2C: Tensor | None = None


class AnchorSeen(NamedTuple):
    """
    Where the chunks of some steps led, as far as that is known.

    :param anchor_BRK: ``float32``, commanded coordinates after the chunk, rad or m.
    :param known_BR: ``bool``, false where they are not known.
    """

    anchor_BRK: Tensor
    known_BR: Tensor


class Normaliser(nn.Module):
    """Chunks, and anchors, to mean 0 and standard deviation 1 per dimension, and chunks back."""

    mean: Tensor
    std: Tensor
    anchor_mean: Tensor
    anchor_std: Tensor

    def __init__(self, domain: Domain, has_anchor: bool = False) -> None:
        super().__init__()
        self.register_buffer('mean', torch.tensor(domain.mean))
        self.register_buffer('std', torch.tensor(domain.std))
        if has_anchor and domain.anchor:
            self.register_buffer('anchor_mean', torch.tensor(domain.anchor.mean))
            self.register_buffer('anchor_std', torch.tensor(domain.anchor.std))

    def anchor(self, anchor_BRK: Tensor) -> Tensor:
        """Normalise an anchor, of a model that has one."""
        return (anchor_BRK - self.anchor_mean) / self.anchor_std

    def forward(self, chunk_BRX: Tensor) -> Tensor:
        """Normalise ``[B, R, stride * A]``, the stride being the slow axis."""
        parts = chunk_BRX.unflatten(-1, (-1, self.mean.shape[0]))
        return ((parts - self.mean) / (self.std + _STD_EPSILON)).flatten(-2)

    def inverse(self, chunk_BRX: Tensor) -> Tensor:
        """Undo :meth:`forward`."""
        parts = chunk_BRX.unflatten(-1, (-1, self.mean.shape[0]))
        return (parts * (self.std + _STD_EPSILON) + self.mean).flatten(-2)


class AnchorEmbedding(nn.Module):
    """Normalised anchors to what is added to the embedding of the chunk; nothing at first."""

    def __init__(self, coordinates: int, width: int) -> None:
        super().__init__()
        waves = 2 * math.pi / _LONGEST_DEVIATIONS * 2.0 ** torch.arange(_WAVES)
        self.register_buffer('waves', waves, persistent=False)
        self.hidden = nn.Linear(2 * _WAVES * coordinates, width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, anchor_BRK: Tensor, known_BR: Tensor) -> Tensor:
        """Return ``[B, R, C]``, zero where the anchor is not known."""
        phases = (anchor_BRK.unsqueeze(-1) * self.waves).flatten(-2)
        features = torch.cat([phases.sin(), phases.cos()], -1).to(self.hidden.weight.dtype)
        embedded: Tensor = self.out(F.gelu(self.hidden(features)))
        return embedded * known_BR.unsqueeze(-1)


class Stem(nn.Module):
    """Normalised chunk to an embedding ``[B, R, C]``; `mask` is that of a masked one."""

    def __init__(self, domain: Domain, config: HmaConfig) -> None:
        super().__init__()
        width = config.width
        self.mask = nn.Parameter(torch.zeros(width)) if config.stem_mask else None
        self.model = nn.Sequential(
            nn.Linear(domain.chunk_size, width),
            nn.LayerNorm(width),
            nn.ReLU(),
            nn.Linear(width, width),
        )
        if config.anchor and domain.anchor:
            self.anchor = AnchorEmbedding(len(domain.anchor.names), width)

    def forward(self, chunk_BRX: Tensor) -> Tensor:
        """Embed a normalised chunk."""
        return self.model(chunk_BRX)


class Modulation(nn.Module):
    """
    Shift and scale the normalised tokens of a step by its action (DiT, arXiv 2212.09748).

    :param is_gated: with an output layer, as released; without, one matrix less per token.
    """

    def __init__(self, width: int, is_gated: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.linear_out = nn.Linear(width, width) if is_gated else None
        hidden = [nn.Linear(width, width)] if is_gated else []
        self.adaLN_modulation = nn.Sequential(*hidden, nn.SiLU(), nn.Linear(width, 2 * width))

    def shift_scale(self, action_BRC: Tensor) -> Tensor:
        """Stem work, once per step: ``[B, R, 2, C]``, shift first."""
        return self.adaLN_modulation(action_BRC).unflatten(-1, (2, -1))

    def forward(self, x_BRNC: Tensor, shift_scale_BR2C: Tensor) -> Tensor:
        """Return what is added to the tokens."""
        shift, scale = shift_scale_BR2C.unsqueeze(3).unbind(2)
        if self.linear_out is None:
            return self.norm(x_BRNC) * scale + shift
        return self.linear_out(self.norm(x_BRNC) * (1 + scale) + shift)


class CrossAttention(nn.Module):
    """
    Tokens attend to the actions of their own and earlier steps.

    :meth:`forward_upstream` is what the authors' code computes with the same parameters: heads
    attend over heads within a step, and the result is laid out so that time is mixed.
    """

    def __init__(self, config: HmaConfig) -> None:
        super().__init__()
        is_upstream = config.compat is Compat.UPSTREAM
        self.heads = _UPSTREAM_CROSS_HEADS if is_upstream else config.heads
        self.scale = 8 * self.heads / config.width
        self.to_q, self.to_k, self.to_v = (
            nn.Linear(config.width, config.width, bias=False) for _ in range(3)
        )
        self.proj = nn.Linear(config.width, config.width)
        self.norm = nn.LayerNorm(config.width // self.heads)

    def forward(
        self, x_BRNC: Tensor, action_BRC: Tensor, steps: Steps, past: KeptSteps | None, window: int
    ) -> tuple[Tensor, NewSteps]:
        """
        Return what is added to the tokens, and keys and values of one token to keep.

        :param past: those of kept steps.
        """
        query, key, value = self._split(x_BRNC, action_BRC)
        # One place for all tokens, which ask the same few actions.
        key, value = key.unsqueeze(2), value.unsqueeze(2)
        query, key = turn(query, steps) * self.scale, turn(key, steps)
        own = NewSteps(key, value)
        mixed = attend(query, own, past, steps.allowed(window))
        return self.proj(mixed.flatten(3)), own

    def forward_upstream(self, x_BRNC: Tensor, action_BRC: Tensor) -> Tensor:
        """Return what the authors' code adds to the tokens; not causal."""
        batch, steps, tokens, width = x_BRNC.shape
        # The batch of actions is repeated: token n of sample b meets actions (b N + n) % B.
        action = action_BRC.repeat(tokens, 1, 1)[:, None]
        x = x_BRNC.permute(0, 2, 1, 3).reshape(batch * tokens, steps, width)
        query, key, value = self._split(x[:, :, None], action.transpose(1, 2)[:, :, 0])
        weights = (query[:, :, 0] * self.scale @ key.transpose(-1, -2)).softmax(-1)
        mixed = self.proj((weights @ value).transpose(1, 2).reshape(x.shape))
        return mixed.unflatten(0, (batch, tokens)).transpose(1, 2)

    def _split(self, x: Tensor, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = (
            project(source).unflatten(-1, (self.heads, -1))
            for project, source in ((self.to_q, x), (self.to_k, action), (self.to_v, action))
        )
        return self.norm(query), self.norm(key), value


def make_projector(config: HmaConfig) -> nn.Module | None:
    """Return what a block needs for one embodiment, or None."""
    if config.injection is Injection.MODULATE:
        return Modulation(config.width, config.gated_modulation)
    if config.injection is Injection.CROSS_ATTENTION:
        return CrossAttention(config)
    return None


def masked_mean(loss_BR: Tensor, mask_BR: Tensor) -> Tensor:
    """Average over the steps of a mask; zero of an empty one."""
    return (loss_BR * mask_BR).sum() / mask_BR.sum().clamp(min=1)


def squared_error_BR(chunk_BRX: Tensor, target_BRX: Tensor) -> Tensor:
    """Mean over the numbers of each chunk."""
    return F.mse_loss(chunk_BRX, target_BRX, reduction='none').mean(-1)
