# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Low-rank adaptation of the trunk (LoRA, arXiv 2106.09685)."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hma_ros.network.trunk import Trunk

_PARTS = ('spatial_attn.qkv', 'spatial_attn.proj', 'temporal_attn.qkv', 'temporal_attn.proj')
_ADAPTED = (*_PARTS, 'mlp.fc1', 'mlp.fc2')


class LowRankLinear(nn.Linear):
    """
    A linear layer with a learned change of low rank; it begins without any.

    :param layer: whose weight and bias it takes over, frozen.
    :param rank: of the change.
    """

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, 'meta')
        self.weight, self.bias = layer.weight, layer.bias
        self.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(rank, layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.down, math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """Same shapes as the layer."""
        return super().forward(x) + F.linear(F.linear(x, self.down), self.up)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return a plain layer that computes the same."""
        layer = nn.Linear(self.in_features, self.out_features, self.bias is not None)
        layer.weight.copy_(self.weight + self.up @ self.down)
        if self.bias is not None:
            layer.bias.copy_(self.bias)
        return layer


def adapt(model: Trunk, rank: int) -> None:
    """Give every matrix of the blocks a learned change of so low a rank, in place."""
    for block in model.blocks:
        for name in _ADAPTED:
            layer = cast('nn.Linear', block.get_submodule(name))
            block.set_submodule(name, LowRankLinear(layer, rank))


def merge(model: Trunk) -> None:
    """Turn the layers of :func:`adapt` into plain ones that compute the same, in place."""
    for block in model.blocks:
        for name in _ADAPTED:
            layer = block.get_submodule(name)
            if isinstance(layer, LowRankLinear):
                block.set_submodule(name, layer.merged())
