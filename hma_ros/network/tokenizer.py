# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Frame tokenizer: a frame becomes 8x8 tokens and back.

Finite scalar quantisation (Mentzer et al. 2023, arXiv 2309.15505): every token is a few small
integers, here called *levels*, instead of one index into a learned code book. They are the
factored vocabulary of HMA (arXiv 2502.04296, sec. 3): ``levels ** factors`` token ids.
All work is done at patch resolution, where it is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hma_ros.core.vision.image import FRAME_PX, PATCH_PX

# Latents, in [-1, 1], times this have about unit variance, as diffusion asks for; those of the
# authors' data sets have a scale of their own.
LATENT_SCALE = 5.0


@dataclass(frozen=True)
class TokenizerConfig:
    """
    Sizes of the frame tokenizer.

    :param image_size: height and width of a frame, pixels.
    :param patch: pixels a token spans in each direction.
    :param factors: integers per token.
    :param levels: values each integer can take.
    :param width: channels at token resolution.
    :param detail_width: channels at twice the token resolution.
    :param detail_stages: resolutions above that of the tokens, each twice the one before with half
        of its channels; more of them draw large patches sharper.
    :param encoder_blocks: mixing blocks before quantisation.
    :param decoder_blocks: mixing blocks after it.
    """

    image_size: int = FRAME_PX
    patch: int = PATCH_PX
    factors: int = 12
    levels: int = 8
    width: int = 256
    detail_width: int = 96
    detail_stages: int = 2
    encoder_blocks: int = 3
    decoder_blocks: int = 3

    def __post_init__(self) -> None:
        """Refuse stages that do not divide the patch into whole pixels, or have no channels."""
        halvings = (self.patch & -self.patch).bit_length() - 1
        most = min(halvings, self.detail_width.bit_length())
        if not 1 <= self.detail_stages <= most:
            raise ValueError(
                f'frame tokenizer: detail_stages: got {self.detail_stages}, expected 1 to {most} '
                f'(patch {self.patch}, detail_width {self.detail_width})'
            )

    @property
    def grid(self) -> int:
        """Tokens in each direction."""
        return self.image_size // self.patch

    @property
    def image_tokens(self) -> int:
        """Tokens of one frame."""
        return self.grid**2

    @property
    def finest_patch(self) -> int:
        """Pixels that a position of the finest stage spans in each direction."""
        return self.patch >> self.detail_stages

    @property
    def detail_widths(self) -> tuple[int, ...]:
        """Channels of the stages, the finest last."""
        return tuple(self.detail_width >> stage for stage in range(self.detail_stages))


class MixBlock(nn.Module):
    """Depth-wise 3x3 convolution and a point-wise MLP, residual (ConvNeXt, arXiv 2201.03545)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 3 * width)
        self.reduce = nn.Linear(3 * width, width)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        """Mix neighbours, then channels; same shape out."""
        mixed = self.mix(x_BHWC.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return x_BHWC + self.reduce(F.gelu(self.expand(self.norm(mixed))))


class Encoder(nn.Module):
    """Frame to unbounded latents, one vector of `factors` numbers per token."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.finest_patch = config.finest_patch
        *finer, detail = _stage_convolutions(config)
        self.finer = nn.ModuleList(finer)
        self.detail = detail
        self.embed = nn.Linear(4 * config.detail_width, config.width)
        self.blocks = nn.Sequential(
            *(MixBlock(config.width) for _ in range(config.encoder_blocks))
        )
        self.out = nn.Linear(config.width, config.factors)

    def forward(self, frames_BCHW: Tensor) -> Tensor:
        """``float[B, 3, H, W]`` in [-1, 1] to latents ``float[B, S, factors]``."""
        x = F.pixel_unshuffle(frames_BCHW, self.finest_patch)
        for convolution in (*self.finer, self.detail):
            x = F.pixel_unshuffle(F.gelu(convolution(x)), 2)
        x = self.embed(x.permute(0, 2, 3, 1))
        return self.out(self.blocks(x)).flatten(1, 2)


def _stage_convolutions(config: TokenizerConfig) -> list[nn.Conv2d]:
    """Convolutions from the finest stage to that of twice the token resolution."""
    made, channels = [], 3 * config.finest_patch**2
    for width in reversed(config.detail_widths):
        made.append(nn.Conv2d(channels, width, 3, padding=1))
        channels = 4 * width
    return made


class Refinement(nn.Module):
    """Twice the resolution with half of the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(width, 4 * (width // 2), 1)
        self.detail = nn.Conv2d(width // 2, width // 2, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """``float[B, C, H, W]`` to ``float[B, C // 2, 2 * H, 2 * W]``."""
        x = F.pixel_shuffle(self.expand(F.gelu(x_BCHW)), 2)
        return x + self.detail(F.gelu(x))


class Decoder(nn.Module):
    """Quantised values back to a frame."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.grid, self.finest_patch = config.grid, config.finest_patch
        self.embed = nn.Linear(config.factors, config.width)
        self.blocks = nn.Sequential(
            *(MixBlock(config.width) for _ in range(config.decoder_blocks))
        )
        self.expand = nn.Linear(config.width, 4 * config.detail_width)
        self.detail = nn.Conv2d(config.detail_width, config.detail_width, 3, padding=1)
        *coarser, finest = config.detail_widths
        self.finer = nn.Sequential(*(Refinement(width) for width in coarser))
        self.out = nn.Conv2d(finest, 3 * self.finest_patch**2, 3, padding=1)

    def forward(self, values_BSF: Tensor) -> Tensor:
        """Values in [-1, 1] to ``float[B, 3, H, W]``."""
        x = self.embed(values_BSF).unflatten(1, (self.grid, self.grid))
        x = self.expand(self.blocks(x)).permute(0, 3, 1, 2)
        x = F.pixel_shuffle(x, 2)
        x = self.finer(x + self.detail(F.gelu(x)))
        return F.pixel_shuffle(self.out(F.gelu(x)), self.finest_patch)


class FrameTokenizer(nn.Module):
    """
    Encoder, quantiser and decoder.

    Levels are integers ``0 .. levels - 1``; values are the same on an even grid in [-1, 1].
    """

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(self, frames_BCHW: Tensor) -> Tensor:
        """Reconstruct frames; gradients pass the rounding straight through."""
        bounded = torch.tanh(self.encoder(frames_BCHW))
        values = bounded + (self.values(self._round(bounded)) - bounded).detach()
        return self.decoder(values)

    def encode(self, frames_BHWC: Tensor) -> Tensor:
        """
        Tokenise frames.

        :param frames_BHWC: ``uint8[B, H, W, 3]`` RGB.
        :returns: levels ``int64[B, S, factors]``.
        """
        return self._round(self.encode_continuous(frames_BHWC))

    def encode_continuous(self, frames_BHWC: Tensor) -> Tensor:
        """
        Tokenise frames without rounding, for a model of continuous latents.

        :param frames_BHWC: ``uint8[B, H, W, 3]`` RGB.
        :returns: latents ``float32[B, S, factors]`` in [-1, 1], which :meth:`decode` takes as
            they are.
        """
        scaled = frames_BHWC.permute(0, 3, 1, 2).float() / 127.5 - 1
        return torch.tanh(self.encoder(scaled))

    def decode(self, values_BSF: Tensor) -> Tensor:
        """
        Decode frames.

        :param values_BSF: ``float[B, S, factors]`` in [-1, 1]: of levels, see :meth:`values`, or
            any in between, see :meth:`encode_continuous`.
        :returns: ``uint8[B, H, W, 3]`` RGB.
        """
        frames = (self.decoder(values_BSF).permute(0, 2, 3, 1) + 1) * 127.5
        return frames.round().clamp(0, 255).to(torch.uint8)

    def values(self, levels: Tensor) -> Tensor:
        """Map integer levels to their values in [-1, 1]."""
        return levels.float() * (2 / (self.config.levels - 1)) - 1

    def _round(self, bounded: Tensor) -> Tensor:
        return ((bounded + 1) * ((self.config.levels - 1) / 2)).round().long()
