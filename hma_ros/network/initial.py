# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The weights that training begins with."""

from __future__ import annotations

from typing import cast

from torch import nn

from hma_ros.network.checkpoint import Hma, unfilled
from hma_ros.network.conditioning import Modulation
from hma_ros.network.config import HmaConfig
from hma_ros.network.trunk import Block


def initialised(config: HmaConfig) -> Hma:
    """
    Build a model whose actions change nothing yet.

    Nor do its blocks where temporal attention has no norm: each branch ends in a layer of zeros.
    """
    model = unfilled(config)
    nn.init.normal_(model.pos_embed_TSC, std=0.02)
    for module in model.modules():
        if isinstance(module, Block) and not config.pre_norm:
            _to_zero(module.spatial_attn.proj, module.temporal_attn.proj, module.mlp.fc2)
        if isinstance(module, Modulation):
            last = module.adaLN_modulation[-1] if module.linear_out is None else module.linear_out
            _to_zero(cast('nn.Linear', last))
    return model


def _to_zero(*layers: nn.Linear) -> None:
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
