# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Open-MAGVIT2, the frame tokenizer of the published discrete models.

A 256x256 frame becomes 16x16 tokens of 18 bits: lookup-free quantisation (Yu et al. 2023,
arXiv 2310.05737), as trained by Luo et al. 2024 (arXiv 2409.04410). Modules carry the names of
the published state dict. The order of operations is that of the published model as well, so
that ids are equal to the last bit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from hma_ros.core.errors import ConfigError
from hma_ros.core.lfs_pointer import refuse_lfs_pointer
from hma_ros.network.factors import join_factors, split_ids
from hma_ros.network.strict_loading import load_strictly, load_weights, unwrapped

# Parts of the training state that compute no tokens. Frames of the published data sets were
# tokenised with the raw weights, so the averaged ones (model_ema) are not wanted.
_TRAINING_ONLY = ('loss.', 'model_ema.')
_NORM_EPSILON = 1e-6
_LIGHTNING = 'Lightning checkpoint (.ckpt)'
# How files of torch.save begin, the older ones last.
_ZIP, _PICKLE = b'PK\x03\x04', b'\x80'
# Each level halves the size of a frame of 256 x 256.
_MOST_LEVELS = 8


@dataclass(frozen=True)
class Magvit2Config:
    """
    Sizes of the tokenizer; the defaults are the published ones.

    :param image_size: height and width of a frame, pixels.
    :param bits: bits of a token, which are the channels of its latent.
    :param width: channels at full resolution.
    :param multipliers: channels of each level in units of `width`; the size halves in between.
    :param blocks: residual blocks of a level.
    :param norm_groups: groups of every group norm.
    :param factors: numbers that the token model predicts for a token, see
        :func:`~hma_ros.network.factors.split_ids`.
    """

    image_size: int = 256
    bits: int = 18
    width: int = 128
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    blocks: int = 2
    norm_groups: int = 32
    factors: int = 2

    @property
    def grid(self) -> int:
        """Tokens in each direction."""
        return self.image_size // 2 ** (len(self.multipliers) - 1)

    @property
    def image_tokens(self) -> int:
        """Tokens of one frame."""
        return self.grid**2

    @property
    def factor_size(self) -> int:
        """Values each factor can take."""
        return int(2 ** (self.bits // self.factors))

    @property
    def widths(self) -> list[int]:
        """Channels of each level, full resolution first."""
        return [self.width * multiplier for multiplier in self.multipliers]


class ResBlock(nn.Module):
    """Two convolutions, each after norm and swish; a 1x1 shortcut where the width changes."""

    def __init__(self, config: Magvit2Config, width_in: int, width: int) -> None:
        super().__init__()
        self.norm1 = _norm(config, width_in)
        self.norm2 = _norm(config, width)
        self.conv1 = nn.Conv2d(width_in, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        # Without a change of width the published model has no weights of this name.
        self.nin_shortcut = (
            nn.Identity() if width_in == width else nn.Conv2d(width_in, width, 1, bias=False)
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """``float[B, width_in, H, W]`` to ``float[B, width, H, W]``."""
        changed = self.conv1(_swish(self.norm1(x_BCHW)))
        changed = self.conv2(_swish(self.norm2(changed)))
        return changed + self.nin_shortcut(x_BCHW)


class DownLevel(nn.Module):
    """The blocks of a level, and the step to half the size."""

    def __init__(self, config: Magvit2Config, width_in: int, width: int, last: bool) -> None:
        super().__init__()
        self.block = _blocks(config, width_in, width)
        self.downsample = (
            nn.Identity() if last else nn.Conv2d(width, width, 3, stride=2, padding=1)
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Halve height and width, except on the last level."""
        return self.downsample(self.block(x_BCHW))


class Upsample(nn.Module):
    """A convolution to four times the channels, which become 2x2 pixels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, 4 * width, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Double height and width; the place in the 2x2 is the slow part of the channels."""
        x = self.conv1(x_BCHW).unflatten(1, (2, 2, -1))
        # One permute, which runtimes run as one operator.
        return x.permute(0, 3, 4, 1, 5, 2).flatten(4, 5).flatten(2, 3)


class UpLevel(nn.Module):
    """The blocks of a level, and the step to twice the size."""

    def __init__(self, config: Magvit2Config, width_in: int, width: int, last: bool) -> None:
        super().__init__()
        self.block = _blocks(config, width_in, width)
        self.upsample = nn.Identity() if last else Upsample(width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Double height and width, except on the last level."""
        return self.upsample(self.block(x_BCHW))


class Encoder(nn.Module):
    """Frame to latents whose signs are the bits."""

    def __init__(self, config: Magvit2Config) -> None:
        super().__init__()
        widths = config.widths
        pairs = zip([config.width, *widths], widths, strict=False)
        self.conv_in = nn.Conv2d(3, config.width, 3, padding=1, bias=False)
        self.down = nn.Sequential(
            *(
                DownLevel(config, width_in, width, last=level == len(widths) - 1)
                for level, (width_in, width) in enumerate(pairs)
            )
        )
        self.mid_block = _blocks(config, widths[-1], widths[-1])
        self.norm_out = _norm(config, widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], config.bits, 1)

    def forward(self, frames_BCHW: Tensor) -> Tensor:
        """``float[B, 3, H, W]`` in [-1, 1] to ``float[B, bits, grid, grid]``."""
        x = self.mid_block(self.down(self.conv_in(frames_BCHW)))
        return self.conv_out(_swish(self.norm_out(x)))


class Decoder(nn.Module):
    """Bits, as -1 and 1, to a frame."""

    def __init__(self, config: Magvit2Config) -> None:
        super().__init__()
        widths = config.widths
        pairs = zip([*widths[1:], widths[-1]], widths, strict=True)
        self.conv_in = nn.Conv2d(config.bits, widths[-1], 3, padding=1)
        self.mid_block = _blocks(config, widths[-1], widths[-1])
        # Numbered from full resolution, as in the encoder, and run from the other end.
        self.up = nn.ModuleList(
            UpLevel(config, width_in, width, last=level == 0)
            for level, (width_in, width) in enumerate(pairs)
        )
        self.norm_out = _norm(config, widths[0])
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, bits_BCHW: Tensor) -> Tensor:
        """``float[B, bits, grid, grid]`` to ``float[B, 3, H, W]``, about in [-1, 1]."""
        x = self.mid_block(self.conv_in(bits_BCHW))
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(_swish(self.norm_out(x)))


class Magvit2(nn.Module):
    """
    Encoder, sign and decoder.

    Bit c of an id, counted from the least significant, says whether latent channel c is positive.
    The authors run it in bfloat16, as ``model.to(torch.bfloat16)`` does here.
    """

    def __init__(self, config: Magvit2Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, frames_BHWC: Tensor) -> Tensor:
        """
        Tokenise frames.

        :param frames_BHWC: ``uint8[B, image_size, image_size, 3]`` RGB.
        :returns: ids ``int64[B, S]`` below ``2 ** bits``, row by row of the grid.
        """
        dtype = self.encoder.conv_in.weight.dtype
        latents = self.encoder(scale_frames(frames_BHWC, dtype))
        return join_factors((latents > 0).long().flatten(2).transpose(1, 2), 2)

    def decode(self, ids_BS: Tensor) -> Tensor:
        """
        Decode frames.

        :param ids_BS: ``int64[B, S]``, see :meth:`encode`.
        :returns: ``uint8[B, image_size, image_size, 3]`` RGB.
        """
        dtype = self.decoder.conv_in.weight.dtype
        bits = (split_ids(ids_BS, 2, self.config.bits) * 2 - 1).to(dtype)
        grid = bits.unflatten(1, (self.config.grid, self.config.grid))
        return draw_frames(self.decoder(grid.permute(0, 3, 1, 2)))


def scale_frames(frames_BHWC: Tensor, dtype: torch.dtype) -> Tensor:
    """
    Frames as the published tokenizers expect them.

    :param frames_BHWC: ``uint8[B, H, W, 3]``.
    :param dtype: of the result.
    :returns: ``[B, 3, H, W]`` in [-1, 1].
    """
    # One rounding: the same numbers as in double precision, with which the published data is made.
    return ((frames_BHWC.permute(0, 3, 1, 2).float() * 2 - 255) / 255).to(dtype)


def draw_frames(frames_BCHW: Tensor) -> Tensor:
    """
    Frames as the published tokenizers give them: clamped, and truncated, not rounded.

    :param frames_BCHW: ``float[B, 3, H, W]``, meant to be in [-1, 1].
    :returns: ``uint8[B, H, W, 3]``.
    """
    return ((frames_BCHW.clamp(-1, 1) + 1) * 127.5).to(torch.uint8).permute(0, 2, 3, 1)


def load_magvit2(path: str | Path, config: Magvit2Config | None = None) -> Magvit2:
    """
    Read the published weights.

    :param path: `.safetensors`, or the original Lightning checkpoint, of which tensors are read
        and nothing is executed.
    :param config: sizes; None for those that its weights tell, of frames of 256 x 256.
    :raises ConfigError: the file is unreadable, or its names or shapes are not those expected,
        or numbers are not finite.
    """
    path = Path(path)
    tensors = load_weights(path) if path.suffix == '.safetensors' else _read_lightning(path)
    wanted = {
        name: tensor for name, tensor in tensors.items() if not name.startswith(_TRAINING_ONLY)
    }
    model = Magvit2(config or sizes_of(wanted))
    try:
        load_strictly(model, wanted, path)
    except ConfigError as error:
        if wanted.keys() == model.state_dict().keys():
            raise
        raise ConfigError(
            f'{error}; correct --tokenizer: expected Open-MAGVIT2 (.safetensors, .ckpt)'
        ) from error
    return model.eval()


def sizes_of(tensors: Mapping[str, Tensor]) -> Magvit2Config:
    """
    Tell the sizes of a tokenizer from the shapes of its weights; groups of norms stay published.

    :param tensors: of whatever device. Where those that tell are missing: the published sizes,
        with which :func:`load_magvit2` then names what is missing.
    """
    shapes = {name: tensor.shape for name, tensor in tensors.items() if tensor.ndim == 4}
    first = re.compile(r'encoder\.down\.\d+\.block\.0\.conv1\.weight')
    block = re.compile(r'encoder\.down\.0\.block\.\d+\.conv1\.weight')
    widths = [shapes[name][0] for name in sorted(shapes) if first.fullmatch(name)]
    least, latent = shapes.get('encoder.conv_in.weight'), shapes.get('encoder.conv_out.weight')
    if not (widths and least and latent and least[0]):
        return Magvit2Config()
    published = Magvit2Config()
    is_possible = all(width and width % published.norm_groups == 0 for width in widths)
    if not is_possible or len(widths) > _MOST_LEVELS:
        return published
    return Magvit2Config(
        bits=latent[0],
        width=least[0],
        multipliers=tuple(width // least[0] for width in widths),
        blocks=sum(bool(block.fullmatch(name)) for name in shapes),
    )


def _read_lightning(path: Path) -> dict[str, Any]:
    refuse_lfs_pointer(path, ConfigError)
    try:
        with path.open('rb') as file:
            if not file.read(len(_ZIP)).startswith((_ZIP, _PICKLE)):
                raise ConfigError(
                    f'{path}: got no file of torch.save, expected a {_LIGHTNING}; download it '
                    'again, or correct --tokenizer'
                )
        content = torch.load(path, map_location='cpu', weights_only=True)
    except UnpicklingError as error:
        raise ConfigError(
            f'{path}: holds more than tensors, which only running code from the file could read; '
            'expected a checkpoint of tensors. Where you trust it, save its "state_dict" as '
            '.safetensors and give that instead'
        ) from error
    except OSError as error:
        raise ConfigError(f'{path}: got {error.strerror}, expected a {_LIGHTNING}') from error
    except (EOFError, RuntimeError, LookupError, TypeError, ValueError) as error:
        raise ConfigError(
            f'{path}: got a truncated or damaged file, expected a {_LIGHTNING}; download or copy '
            'it again'
        ) from error
    return _state(content, path)


def _state(content: Any, path: Path) -> dict[str, Any]:
    state = content.get('state_dict') if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise ConfigError(
            f'{path}: state_dict: got {type(state).__name__}, expected tensors by name, as in a '
            f'{_LIGHTNING}'
        )
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    return unwrapped(tensors, path)


def _norm(config: Magvit2Config, width: int) -> nn.GroupNorm:
    return nn.GroupNorm(config.norm_groups, width, eps=_NORM_EPSILON)


def _blocks(config: Magvit2Config, width_in: int, width: int) -> nn.Sequential:
    inputs = [width_in, *[width] * (config.blocks - 1)]
    return nn.Sequential(*(ResBlock(config, given, width) for given in inputs))


def _swish(x: Tensor) -> Tensor:
    # Not F.silu, which rounds differently: a latent near zero would change its sign.
    return x * torch.sigmoid(x)
