# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Ids of tokens as factors and back: the factored vocabulary of HMA (arXiv 2502.04296, sec. 3)."""

from __future__ import annotations

import torch
from torch import Tensor


def split_ids(ids: Tensor, base: int = 512, factors: int = 2) -> Tensor:
    """
    Split ids into factors, the least significant first: ``(id % 512, id // 512)``.

    :param ids: ``int64[...]``.
    :param base: values of a factor; 2 gives bits.
    :param factors: how many.
    :returns: ``int64[..., factors]``.
    """
    return ids[..., None] // _powers(base, factors, ids) % base


def join_factors(factors: Tensor, base: int = 512) -> Tensor:
    """Inverse of :func:`split_ids`: ``int64[..., factors]`` to ``int64[...]``."""
    return (factors * _powers(base, factors.shape[-1], factors)).sum(-1)


def factor_size(vocabulary: int, factors: int) -> int | None:
    """Return how many levels each factor of so many ids has; None if that is no integer."""
    size = round(vocabulary ** (1 / factors))
    return size if size**factors == vocabulary else None


def _powers(base: int, count: int, like: Tensor) -> Tensor:
    return torch.tensor([base**power for power in range(count)], device=like.device)
