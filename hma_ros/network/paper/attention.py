# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Attention within a row, and over the rows at one token, with or without kept rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hma_ros.core.rotary import rotations
from hma_ros.network.paper.config import PaperConfig, TimePositions

# Row index of a slot that holds nothing yet: too long ago for any window.
EMPTY_ROW = -(2**31)


@dataclass(frozen=True)
class Rows:
    """
    Which rows are computed, and which are kept from before.

    :param index_R: ``int64[R]``, rows since the stream began, ascending; with learned positions
        also the place in the window.
    :param rotation_R2D: ``float32[R, 2, D / 2]`` of :func:`hma_ros.core.rotary.rotations`; None
        with learned positions.
    :param past_P: ``int64[P]``, rows of the kept slots in any order, :data:`EMPTY_ROW` for none.
    :param past_L2BNHPD: keys and values of the kept slots.
    """

    index_R: Tensor
    rotation_R2D: Tensor | None = None
    past_P: Tensor | None = None
    past_L2BNHPD: Tensor | None = None

    @staticmethod
    def window(config: PaperConfig, count: int, device: torch.device | str = 'cpu') -> Rows:
        """Return the first rows of a stream, with nothing kept."""
        return Rows.at(config, torch.arange(count), device)

    @staticmethod
    def at(config: PaperConfig, index_R: Tensor, device: torch.device | str = 'cpu') -> Rows:
        """Return rows of given index, with nothing kept."""
        turn = None
        if config.time is TimePositions.ROTARY:
            turn = torch.from_numpy(rotations(index_R.numpy(), config.head_width)).to(device)
        return Rows(index_R.to(device), turn)

    def past(self, layer: int) -> Tensor | None:
        """Keys and values ``[2, B, N, H, P, D]`` that a layer kept."""
        return None if self.past_L2BNHPD is None else self.past_L2BNHPD[layer]

    def allowed(self, window: int) -> Tensor:
        """Whether row r may attend to row p: ``bool[R, P + R]``, kept rows first."""
        known = self.index_R if self.past_P is None else torch.cat([self.past_P, self.index_R])
        lag = self.index_R[:, None] - known
        return (lag >= 0) & (lag < window)


class SelfAttention(nn.Module):
    """Queries, keys and values from one place; parameters named as in the checkpoints."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.heads, self.scale = config.heads, config.attention_scale
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=config.qkv_bias)
        self.proj = nn.Linear(config.width, config.width, bias=config.proj_bias)
        self.norm = nn.LayerNorm(config.head_width) if config.qk_norm else None

    def over_tokens(self, x_BRNC: Tensor) -> Tensor:
        """Mix the tokens of each row, in both directions."""
        parts = self._project(x_BRNC.flatten(0, 1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        mixed = _mix(query * self.scale, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2)).unflatten(0, x_BRNC.shape[:2])

    def over_rows(
        self, x_BRNC: Tensor, rows: Rows, past_2BNHPD: Tensor | None, window: int
    ) -> tuple[Tensor, Tensor]:
        """
        Mix each token with itself in the rows before.

        :returns: ``[B, R, N, C]``, and the keys and values of these rows ``[2, B, N, H, R, D]``.
        """
        query, key, value = self._project(x_BRNC).permute(3, 0, 2, 4, 1, 5).unbind(0)
        query, own = turn(query, rows), torch.stack([turn(key, rows), value])
        mixed = attend(query, own, past_2BNHPD, rows.allowed(window), self.scale)
        return self.proj(mixed.permute(0, 3, 1, 2, 4).flatten(3)), own

    def _project(self, x: Tensor) -> Tensor:
        """``[..., C]`` to ``[..., 3, H, D]``, queries and keys normalised if they are to be."""
        parts = self.qkv(x).unflatten(-1, (3, self.heads, -1))
        if self.norm is None:
            return parts
        query_key, value = parts.split([2, 1], -3)
        return torch.cat([self.norm(query_key), value], -3)


def turn(x_HRD: Tensor, rows: Rows) -> Tensor:
    """Rotate queries or keys ``[..., R, D]`` by their row; nothing with learned positions."""
    if rows.rotation_R2D is None:
        return x_HRD
    cosine, sine = rows.rotation_R2D.unbind(1)
    first, second = x_HRD.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)


def attend(
    query: Tensor, own_2: Tensor, past_2: Tensor | None, allowed_RP: Tensor, scale: float
) -> Tensor:
    """
    Attend over kept rows and own rows.

    :param query: ``[..., R, D]``.
    :param own_2: keys and values ``[2, ..., R, D]`` of the same rows.
    :param past_2: the same of kept rows, ``[2, ..., P, D]``.
    :param allowed_RP: ``bool[R, P + R]``.
    """
    key, value = (own_2 if past_2 is None else torch.cat([past_2, own_2], -2)).unbind(0)
    return _mix(query * scale, key, value, allowed_RP)


def _mix(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None) -> Tensor:
    """
    Softmax attention written out.

    In the same order of operations as the authors' code, so that float32 results are equal to
    the last bit; fused kernels differ by 1e-5 of the logits.
    """
    scores = query @ key.transpose(-1, -2)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
    return scores.softmax(-1) @ value
