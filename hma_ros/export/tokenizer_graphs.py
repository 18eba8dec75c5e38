# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Frame tokenizers as ONNX graphs.

Weights keep full precision: a latent near zero may not change its sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx
import torch
from torch import Tensor, nn

from hma_ros.export.model_graphs import ModelPart
from hma_ros.network.frames import FrameCodec


class Encode(nn.Module):
    """A tokenizer's `encode` as a graph."""

    def __init__(self, tokenizer: FrameCodec) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """`frames` ``uint8[B, H, W, 3]`` to `tokens`."""
        return {'tokens': self.tokenizer.encode(feeds['frames'])}


class Decode(nn.Module):
    """A tokenizer's `decode` as a graph."""

    def __init__(self, tokenizer: FrameCodec) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def forward(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """`tokens` to `frames` ``uint8[B, H, W, 3]``."""
        return {'frames': self.tokenizer.decode(feeds['tokens'])}


@dataclass(frozen=True)
class GraphCodec:
    """
    A frame tokenizer of which there are only graphs.

    :param name: see :class:`~hma_ros.network.frames.FrameCodec`, as the next two.
    :param graphs: `encoder` and `decoder`.
    :param parity: what was measured of them when they were exported.
    """

    name: str
    image_size: int
    latent_scale: float
    graphs: Mapping[str, onnx.ModelProto]
    parity: Mapping[str, float]


def codec_parts(codec: FrameCodec) -> list[ModelPart]:
    """`encoder`: `frames` to `tokens` as the trunk takes them; `decoder`: back."""
    size = codec.image_size
    frames = torch.randint(256, (2, size, size, 3), dtype=torch.uint8)
    with torch.no_grad():
        tokens = codec.drawable(codec.encode(frames))
    given: list[tuple[str, nn.Module, dict[str, Tensor]]] = [
        ('encoder', Encode(codec), {'frames': frames}),
        ('decoder', Decode(codec), {'tokens': tokens}),
    ]
    return [
        ModelPart(name, module, inputs, dict.fromkeys(inputs, (0,)), heavy=False)
        for name, module, inputs in given
    ]
