# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The shared spatio-temporal trunk (HMA, arXiv 2502.04296, sec. 3; Genie, arXiv 2402.15391).

A block attends within each row (space), takes in the row's action, attends over past rows at the
same token (time, causal), then mixes channels. A past row never changes, so its temporal keys
and values can be kept: see :class:`RowCache`. Time enters only as a learned bias on the *lag*
between two rows, hence a cache that slides is exact for ever.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class TrunkConfig:
    """
    Sizes of the trunk.

    :param width: channels of a token (upstream: d_model).
    :param layers: blocks.
    :param head_width: channels of an attention head.
    :param window: rows a row may attend to, itself included.
    :param image_tokens: tokens of a frame.
    :param action_tokens: query tokens beside them, read by the action head.
    :param factors: integers per image token.
    :param levels: values each integer can take.
    """

    width: int = 128
    layers: int = 6
    head_width: int = 32
    window: int = 2
    image_tokens: int = 64
    action_tokens: int = 4
    factors: int = 6
    levels: int = 8

    @property
    def heads(self) -> int:
        """Attention heads."""
        return self.width // self.head_width

    @property
    def row_tokens(self) -> int:
        """Tokens of a row."""
        return self.image_tokens + self.action_tokens


class Modulation(nn.Module):
    """Shift and scale every token of a row by its action (adaLN, arXiv 2212.09748)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)

    def forward(self, x_BRNC: Tensor, shift_scale_BR2C: Tensor) -> Tensor:
        """Residual; a zero shift and scale leaves the row as it is."""
        shift, scale = shift_scale_BR2C.unsqueeze(3).unbind(2)
        return x_BRNC + self.norm(x_BRNC) * scale + shift


class SpatialAttention(nn.Module):
    """Attention among the tokens of one row, in both directions."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x_BRNC: Tensor) -> Tensor:
        """Same shape out."""
        qkv = self.qkv(x_BRNC.flatten(0, 1)).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).flatten(2)).unflatten(0, x_BRNC.shape[:2])


class TemporalAttention(nn.Module):
    """Attention over rows at one token position, with a learned bias per head and lag."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width)
        self.lag_bias = nn.Parameter(torch.zeros(config.heads, config.window))

    def project(self, x_BRNC: Tensor) -> Tensor:
        """Queries, keys and values ``[3, B, N, heads, R, head_width]``."""
        return self.qkv(x_BRNC).unflatten(-1, (3, self.heads, -1)).permute(3, 0, 2, 4, 1, 5)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """
        Mix rows.

        :param query: ``[B, N, heads, R, head_width]``.
        :param key: ``[B, N, heads, P, head_width]``, as `value`.
        :param bias: broadcasts to ``[B, N, heads, R, P]``; -inf forbids a pair.
        :returns: ``[B, R, N, C]``.
        """
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + bias
        mixed = scores.softmax(-1) @ value
        return self.out(mixed.permute(0, 3, 1, 2, 4).flatten(-2))

    def bias(self, lag_RP: Tensor, allowed_RP: Tensor) -> Tensor:
        """Bias ``[heads, R, P]`` for integer lags, -inf where not allowed."""
        known = self.lag_bias[:, lag_RP.clamp(0, self.lag_bias.shape[1] - 1)]
        return known.masked_fill(~allowed_RP, float('-inf'))


class Block(nn.Module):
    """Space, action, time, channels."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.spatial_norm = nn.LayerNorm(config.width)
        self.spatial = SpatialAttention(config)
        self.modulation = Modulation(config.width)
        self.temporal_norm = nn.LayerNorm(config.width)
        self.temporal = TemporalAttention(config)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, 4 * config.width),
            nn.GELU(),
            nn.Linear(4 * config.width, config.width),
        )

    def forward(
        self, x_BRNC: Tensor, modulation_BR2C: Tensor, lag_RR: Tensor, allowed_RR: Tensor
    ) -> Tensor:
        """Run whole sequences, as in training."""
        x = self._before_time(x_BRNC, modulation_BR2C)
        query, key, value = self.temporal.project(self.temporal_norm(x))
        bias = self.temporal.bias(lag_RR, allowed_RR)
        return self._after_time(x + self.temporal.attend(query, key, value, bias))

    def step(
        self, x_B1NC: Tensor, modulation_B12C: Tensor, past_2BNHPD: Tensor, bias_BP: Tensor
    ) -> tuple[Tensor, Tensor]:
        """
        Run one row against the kept keys and values of the rows before it.

        :param past_2BNHPD: keys and values of the past ``window - 1`` rows, oldest first.
        :param bias_BP: 0 for a row that exists, -inf for an empty slot.
        :returns: the row, and its own keys and values ``[2, B, N, heads, 1, head_width]``.
        """
        x = self._before_time(x_B1NC, modulation_B12C)
        query, key, value = self.temporal.project(self.temporal_norm(x))
        past = self.temporal.lag_bias.flip(1)[:, None, :-1] + bias_BP[:, None, None, None, :]
        present = self.temporal.lag_bias[:, None, :1].expand(*past.shape[:-1], 1)
        mixed = self.temporal.attend(
            query,
            torch.cat([past_2BNHPD[0], key], -2),
            torch.cat([past_2BNHPD[1], value], -2),
            torch.cat([past, present], -1),
        )
        return self._after_time(x + mixed), torch.stack([key, value])

    def _before_time(self, x: Tensor, modulation: Tensor) -> Tensor:
        x = x + self.spatial(self.spatial_norm(x))
        return self.modulation(x, modulation)

    def _after_time(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.mlp_norm(x))


class Trunk(nn.Module):
    """
    Token embedding, blocks and the token head, shared by all embodiments.

    Every token also sees the frame before at and around its own place, masked or not, so that a
    picture that stays as it was costs nothing to learn, and one that moves a little not much.
    """

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.config = config
        width, codes = config.width, config.factors * config.levels
        self.token_embed = nn.Conv2d(codes, width, 3, padding=1, bias=False)
        self.previous_embed = nn.Conv2d(codes, width, 3, padding=1, bias=False)
        self.mask_embed = nn.Parameter(torch.zeros(width))
        self.place_embed = nn.Parameter(torch.randn(config.row_tokens, width) * 0.02)
        self.action_query = nn.Parameter(torch.randn(config.action_tokens, width) * 0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.token_head = nn.Linear(width, codes)
        self.copy_logits = nn.Parameter(
            torch.eye(config.levels).repeat(config.factors, 1, 1) * 3.0
        )

    def embed(self, levels_BRSF: Tensor, previous_BRSF: Tensor, masked_BRS: Tensor) -> Tensor:
        """
        Rows of tokens to ``[B, R, N, C]``.

        :param levels_BRSF: int64 levels; what a masked token holds does not matter.
        :param previous_BRSF: levels of the frame before, of the same frame where there is none.
        :param masked_BRS: true where the token is to be predicted.
        """
        visible = self._one_hot(levels_BRSF) * ~masked_BRS.unsqueeze(-1)
        own = self._with_neighbours(self.token_embed, visible)
        own = own + self.mask_embed * masked_BRS.unsqueeze(-1)
        before = self._with_neighbours(self.previous_embed, self._one_hot(previous_BRSF))
        image = own + before
        query = self.action_query.expand(*image.shape[:2], -1, -1)
        return torch.cat([image, query], 2) + self.place_embed

    def forward(
        self, x_BRNC: Tensor, modulation_BRL2C: Tensor, lag_RR: Tensor, allowed_RR: Tensor
    ) -> Tensor:
        """Run embedded rows through all blocks and the final norm."""
        x = x_BRNC
        for block, modulation in zip(self.blocks, modulation_BRL2C.unbind(2), strict=True):
            x = block(x, modulation, lag_RR, allowed_RR)
        return self.norm(x)

    def step(
        self, x_B1NC: Tensor, modulation_BL2C: Tensor, past_L2BNHPD: Tensor, bias_BP: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run one row with a cache; returns it, and what to keep, ``[L, 2, B, N, H, 1, D]``."""
        x, kept = x_B1NC, []
        for index, block in enumerate(self.blocks):
            x, row = block.step(x, modulation_BL2C[:, None, index], past_L2BNHPD[index], bias_BP)
            kept.append(row)
        return self.norm(x), torch.stack(kept)

    def token_logits(self, x_BRNC: Tensor, previous_BRSF: Tensor) -> Tensor:
        """Logits ``[B, R, S, factors, levels]``; a learned table favours what was there."""
        image = x_BRNC[:, :, : self.config.image_tokens]
        logits = self.token_head(image).unflatten(-1, (self.config.factors, self.config.levels))
        before = F.one_hot(previous_BRSF, self.config.levels).to(logits.dtype)
        return logits + torch.einsum('brsfp,fpl->brsfl', before, self.copy_logits)

    def _with_neighbours(self, embed: nn.Conv2d, codes_BRSX: Tensor) -> Tensor:
        """Embed every token together with the eight around it."""
        side = math.isqrt(self.config.image_tokens)
        grid = codes_BRSX.flatten(0, 1).transpose(1, 2).unflatten(2, (side, side))
        embedded = embed(grid).flatten(2).transpose(1, 2)
        return embedded.unflatten(0, codes_BRSX.shape[:2])

    def _one_hot(self, levels: Tensor) -> Tensor:
        return F.one_hot(levels, self.config.levels).flatten(-2).to(self.place_embed.dtype)
