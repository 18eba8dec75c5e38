# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The trunk in training: windows of all embodiments in one pass.

Equal to :meth:`~hma_ros.network.trunk.Trunk.run` of each embodiment but for rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from hma_ros.network.attention import Steps, by_token, turn
from hma_ros.network.conditioning import Conditioning
from hma_ros.network.config import Injection
from hma_ros.network.trunk import Block, Trunk


class JointPass:
    """
    The blocks of a trunk, for training.

    :param trunk: whose blocks.
    :param domains: embodiments of a batch, each with as many windows.
    :param steps: of every window.
    :param compiled: fuse what is around the matrix products; the first call takes a minute.
    :param recompute: activation checkpointing: keep only the input of each block and recompute
        the block in the backward pass. The gradients are the same; a training step of HMA-Base
        took 17 s instead of 10 s, with a third of the memory for activations.
    """

    def __init__(
        self,
        trunk: Trunk,
        domains: Sequence[str],
        steps: Steps,
        compiled: bool = True,
        recompute: bool = False,
    ) -> None:
        config = trunk.config
        self._trunk, self._steps, self._recompute = trunk, steps, recompute
        self._allowed_RR = steps.allowed(config.window)
        # Blocks that have nothing of a stem serve all embodiments at once.
        is_plain = config.injection is Injection.MODULATE and not config.gated_modulation
        self._is_shared = is_plain or config.injection in (Injection.NONE, Injection.ADD)
        self._domains = list(domains[:1] if self._is_shared else domains)
        # All blocks are alike: each half is compiled once.
        self._spread, self._mix = spread, mix
        if compiled:
            self._spread, self._mix = torch.compile(spread), torch.compile(mix)

    def __call__(self, placed_BRNC: Tensor, given: Sequence[Conditioning]) -> Tensor:
        """
        Run the blocks.

        :param placed_BRNC: of all embodiments, one after the other.
        :param given: what each takes in of its actions.
        :returns: features ``[B, R, N, C]``.
        """
        x, given = placed_BRNC, [joined(given)] if self._is_shared else given
        for layer in range(len(self._trunk.blocks)):
            x = self._again(layer, x, given) if self._recompute else self._run(layer, x, given)
        return x

    def _again(self, layer: int, x: Tensor, given: Sequence[Conditioning]) -> Tensor:
        """Run one block, recomputed in the backward pass; it draws no random numbers."""
        found: Tensor = checkpoint(
            self._run, layer, x, given, use_reentrant=False, preserve_rng_state=False
        )
        return found

    def _run(self, layer: int, x_BRNC: Tensor, given: Sequence[Conditioning]) -> Tensor:
        """Run one block."""
        block = self._trunk.blocks[layer]
        x = self._spread(block, x_BRNC)
        parts = zip(x.chunk(len(self._domains)), self._domains, given, strict=True)
        x = torch.cat(
            [block.inject(part, name, of, self._steps, layer)[0] for part, name, of in parts]
        )
        return self._mix(block, x, self._steps, self._allowed_RR)


def joined(given: Sequence[Conditioning]) -> Conditioning:
    """Stack what several embodiments take in of their actions: all of them alike."""
    parts = {
        field.name: [getattr(one, field.name) for one in given] for field in fields(Conditioning)
    }
    return Conditioning(
        **{name: None if items[0] is None else torch.cat(items) for name, items in parts.items()}
    )


def spread(block: Block, x_BRNC: Tensor) -> Tensor:
    """Do the part of a block before the action: mix the tokens of each step."""
    return x_BRNC + block.spatial_attn.over_tokens(block.norm1(x_BRNC))


def mix(block: Block, x_BRNC: Tensor, steps: Steps, allowed_RR: Tensor) -> Tensor:
    """Do the part of a block after the action: mix each token with itself in other steps."""
    attention = block.temporal_attn
    query, key, value = attention.project(block.temporal_norm(x_BRNC))
    bias_HRR = attention.bias(steps)
    query, key = turn(query, steps) * attention.scale, turn(key, steps)
    query, key, value = (by_token(part) for part in (query, key, value))
    # A few steps: sums of products, which a compiler fuses, beat thousands of tiny matrices.
    scores = (query.unsqueeze(-2) * key.unsqueeze(-3)).sum(-1)
    scores = scores if bias_HRR is None else scores + bias_HRR
    weights = scores.masked_fill(~allowed_RR, torch.finfo(scores.dtype).min).softmax(-1)
    mixed = (weights.unsqueeze(-1) * value.unsqueeze(-3)).sum(-2)
    x = x_BRNC + attention.proj(mixed.permute(0, 3, 1, 2, 4).flatten(3))
    return x + block.mlp(block.norm2(x))
