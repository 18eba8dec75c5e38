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

from hma_ros.export.graphs import Decode, Encode, Part
from hma_ros.network.frames import FrameCodec


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


def codec_parts(codec: FrameCodec) -> list[Part]:
    """`encoder`: `frames` to `tokens` as the trunk takes them; `decoder`: back."""
    size = codec.image_size
    frames = torch.randint(256, (2, size, size, 3), dtype=torch.uint8)
    with torch.no_grad():
        tokens = codec.drawable(codec.encode(frames))
    return [
        Part('encoder', Encode(codec), {'frames': frames}, ['tokens']),
        Part('decoder', Decode(codec), {'tokens': tokens}, ['frames']),
    ]
