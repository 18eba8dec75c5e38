# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The published tokenizers as ONNX graphs.

Weights keep full precision: a latent near zero may not change its sign.
"""

from __future__ import annotations

import torch

from hma_ros.export.graphs import Decode, Encode, Part
from hma_ros.network.magvit2 import Magvit2
from hma_ros.network.svd_vae import SvdVae


def magvit2_parts(tokenizer: Magvit2, batch: int = 2) -> list[Part]:
    """`encoder`: `frames` to `ids` ``int64[B, S]``; `decoder`: back."""
    config = tokenizer.config
    frames = _frames(batch, config.image_size)
    ids = torch.randint(2**config.bits, (batch, config.image_tokens))
    return [
        Part('encoder', Encode(tokenizer), {'frames': frames}, ['ids'], half=False),
        Part('decoder', Decode(tokenizer), {'ids': ids}, ['frames'], half=False),
    ]


def svd_parts(tokenizer: SvdVae, image_size: int = 256, batch: int = 2) -> list[Part]:
    """`encoder`: `frames` to `latents` ``float32[B, C, h, w]``; `decoder`: back."""
    frames = _frames(batch, image_size)
    latents = torch.randn(batch, *tokenizer.latent_shape(image_size))
    return [
        Part('encoder', Encode(tokenizer), {'frames': frames}, ['latents'], half=False),
        Part('decoder', Decode(tokenizer), {'latents': latents}, ['frames'], half=False),
    ]


def _frames(batch: int, size: int) -> torch.Tensor:
    return torch.randint(256, (batch, size, size, 3), dtype=torch.uint8)
