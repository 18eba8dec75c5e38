# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Attention within a step, and over the steps at one token, with or without kept steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.rotary import rotations
from hma_ros.network.config import HmaConfig, TimePositions


class NewSteps(NamedTuple):
    """Keys, turned by their steps already, and values of the steps that are computed."""

    key_BRNHD: Tensor
    value_BRNHD: Tensor


class KeptSteps(NamedTuple):
    """The same of steps of before, those of a token side by side, as they are read; finite."""

    key_BNHPD: Tensor
    value_BNHPD: Tensor

    def select(self, tokens: slice) -> KeptSteps:
        """Return those of some tokens."""
        return KeptSteps(self.key_BNHPD[:, tokens], self.value_BNHPD[:, tokens])


@dataclass(frozen=True)
class Steps:
    """
    Which steps are computed, and which are kept from before.

    :param index_R: ``int64[R]``, steps since the stream began, ascending; with learned positions
        also the place in the window.
    :param rotation_R2D: ``float32[R, 2, D / 2]`` of
        :func:`hma_ros.core.generation.rotary.rotations`; None with learned positions.
    :param past_P: ``int64[P]``, steps of the kept slots in any order,
        :data:`~hma_ros.core.generation.rotary.EMPTY_STEP` for none.
    :param past: of every layer, what the kept slots hold.
    :param allowed_RR: which steps attend to which, where that is not causal; nothing is kept then.
    """

    index_R: Tensor
    rotation_R2D: Tensor | None = None
    past_P: Tensor | None = None
    past: tuple[KeptSteps, ...] = ()
    allowed_RR: Tensor | None = None

    @staticmethod
    def window(config: HmaConfig, count: int, device: torch.device | str = 'cpu') -> Steps:
        """Return the first steps of a stream, with nothing kept."""
        return Steps.at(config, torch.arange(count), device)

    @staticmethod
    def at(config: HmaConfig, index_R: Tensor, device: torch.device | str = 'cpu') -> Steps:
        """
        Return steps of given index, with nothing kept.

        :raises ConfigError: learned positions end before.
        """
        turn = None
        if config.time is TimePositions.ROTARY:
            turn = torch.from_numpy(rotations(index_R.numpy(), config.head_width)).to(device)
        elif config.time is TimePositions.LEARNED and not set(index_R.tolist()) <= set(
            range(config.window)
        ):
            raise ConfigError(
                f'steps {index_R.tolist()}: expected each in [0, {config.window}), where learned '
                'positions end'
            )
        return Steps(index_R.to(device), turn)

    def kept(self, layer: int) -> KeptSteps | None:
        """What a layer kept of the past, None of a window of its own."""
        return self.past[layer] if self.past else None

    def allowed(self, window: int) -> Tensor:
        """Whether step r may attend to step p: ``bool[R, P + R]``, kept steps first."""
        if self.allowed_RR is not None:
            return self.allowed_RR
        lag = self.lag_RP
        return (lag >= 0) & (lag < window)

    @property
    def lag_RP(self) -> Tensor:
        """How many steps step p is before step r: ``int64[R, P + R]``, kept steps first."""
        known = self.index_R if self.past_P is None else torch.cat([self.past_P, self.index_R])
        return self.index_R[:, None] - known


class SelfAttention(nn.Module):
    """
    Queries, keys and values from one place; parameters named as in the checkpoints.

    :param is_temporal: over steps, where a bias on their lag may be learned.
    """

    def __init__(self, config: HmaConfig, is_temporal: bool = False) -> None:
        super().__init__()
        self.heads, self.scale = config.heads, config.attention_scale
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=config.qkv_bias)
        self.proj = nn.Linear(config.width, config.width, bias=config.proj_bias)
        self.norm = nn.LayerNorm(config.head_width) if config.qk_norm else None
        self.lag_bias = None
        if is_temporal and config.time is TimePositions.LAG:
            self.lag_bias = nn.Parameter(torch.zeros(config.heads, config.window))

    def over_tokens(self, x_BRNC: Tensor) -> Tensor:
        """Mix the tokens of each step, in both directions."""
        query, key, value = (part.transpose(1, 2) for part in self.project(x_BRNC.flatten(0, 1)))
        # Fused attention is slower on CPUs: its backward pass multiplies too small blocks.
        mixed = (query * self.scale @ key.transpose(-1, -2)).softmax(-1) @ value
        return self.proj(mixed.transpose(1, 2).flatten(2)).unflatten(0, x_BRNC.shape[:2])

    def over_steps(
        self, x_BRNC: Tensor, steps: Steps, past: KeptSteps | None, window: int
    ) -> tuple[Tensor, NewSteps]:
        """
        Mix each token with itself in the steps before.

        :returns: ``[B, R, N, C]``, and the keys and values of these steps.
        """
        query, key, value = self.project(x_BRNC)
        query, key = turn(query, steps) * self.scale, turn(key, steps)
        own = NewSteps(key, value)
        mixed = attend(query, own, past, steps.allowed(window), self.bias(steps))
        return self.proj(mixed.flatten(3)), own

    def bias(self, steps: Steps) -> Tensor | None:
        """Learned bias on the lag, ``float32[H, R, P + R]``; None without one."""
        if self.lag_bias is None:
            return None
        lag_RP = steps.lag_RP.clamp(0, self.lag_bias.shape[1] - 1)
        # Not by an index: an exported graph would call it as it calls an input.
        return F.embedding(lag_RP, self.lag_bias.T).permute(2, 0, 1)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values ``[..., H, D]``; the first two normalised if they are to be."""
        query, key, value = (part.unflatten(-1, (self.heads, -1)) for part in self.products(x))
        if self.norm is None:
            return query, key, value
        return self.norm(query), self.norm(key), value

    def products(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values ``[..., C]``."""
        return self.qkv(x).chunk(3, -1)


def turn(x_BRNHD: Tensor, steps: Steps) -> Tensor:
    """Rotate queries or keys by their step; nothing with learned positions."""
    if steps.rotation_R2D is None:
        return x_BRNHD
    cosine, sine = steps.rotation_R2D[:, :, None, None].unbind(1)
    first, second = x_BRNHD.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)


def by_token(x_BRNHD: Tensor) -> Tensor:
    """Lay out as kept steps are: ``[B, N, H, R, D]``."""
    return x_BRNHD.permute(0, 2, 3, 1, 4)


def attend(
    query_BRNHD: Tensor,
    own: NewSteps,
    past: KeptSteps | None,
    allowed_RP: Tensor,
    bias_HRP: Tensor | None = None,
) -> Tensor:
    """
    Attend over kept steps and own steps; softmax written out.

    Without kept steps in the order of operations of the authors' code, whose float32 windows are
    equal to the last bit on the machine that wrote them; fused kernels differ by 1e-5 of the
    logits.

    :param query_BRNHD: scaled.
    :param own: of the same steps; of one token for all, or of as many.
    :param past: of kept steps, never copied.
    :param allowed_RP: ``bool[R, P + R]``, kept steps first.
    :param bias_HRP: added to the scores.
    :returns: ``[B, R, N, H, D]``.
    """
    if past is None:
        scores = by_token(query_BRNHD) @ by_token(own.key_BRNHD).transpose(-1, -2)
        scores = scores if bias_HRP is None else scores + bias_HRP
        forbidden = torch.finfo(scores.dtype).min
        weights = scores.masked_fill(~allowed_RP, forbidden).softmax(-1)
        return (weights @ by_token(own.value_BRNHD)).permute(0, 3, 1, 2, 4)
    scores_BNHRP = _scores(query_BRNHD, own, past, allowed_RP)
    if bias_HRP is not None:
        scores_BNHRP = scores_BNHRP + bias_HRP
    weights_BNHRP = scores_BNHRP.softmax(-1)
    kept, new = weights_BNHRP.split([past.key_BNHPD.shape[-2], query_BRNHD.shape[1]], -1)
    products = new.permute(0, 3, 4, 1, 2).unsqueeze(-1) * own.value_BRNHD.unsqueeze(1)
    ones = products.new_ones(1, products.shape[2])
    mixed = (ones @ products.flatten(3)).unflatten(-1, products.shape[3:]).squeeze(2)
    return mixed + (kept @ past.value_BNHPD).permute(0, 3, 1, 2, 4)


def _scores(query_BRNHD: Tensor, own: NewSteps, past: KeptSteps, allowed_RP: Tensor) -> Tensor:
    """Score kept steps, then own ones: ``[B, N, H, R, P + R]``."""
    # Of the few own steps, sums of products: thousands of tiny matrix products are slower.
    products = query_BRNHD.unsqueeze(2) * own.key_BRNHD.unsqueeze(1)
    new = (products @ products.new_ones(products.shape[-1], 1)).squeeze(-1)
    kept = by_token(query_BRNHD) @ past.key_BNHPD.transpose(-1, -2)
    scores = torch.cat([kept, new.permute(0, 3, 4, 1, 2)], -1)
    # Added, which is quicker than replacing; half precision may reach -inf, which is as good,
    # since a step always attends to itself.
    bias = torch.zeros_like(allowed_RP, dtype=scores.dtype)
    return scores + bias.masked_fill(~allowed_RP, torch.finfo(scores.dtype).min)
