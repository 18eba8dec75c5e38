# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Frames to what HMA takes, and back: a frame tokenizer made to fit a model.

| tokenizer | for | tokens |
|---|---|---|
| `magvit2` | discrete | ids of :class:`~hma_ros.network.magvit2.Magvit2`, split into factors |
| `svd` | continuous | scaled latents of :class:`~hma_ros.network.svd_vae.SvdVae`, as patches |
| `levels` | discrete | levels of our :class:`~hma_ros.network.tokenizer.FrameTokenizer` |
| `values` | continuous | its latents before rounding, as patches |
"""

from __future__ import annotations

import math
from pathlib import Path

from torch import Tensor, nn

from hma_ros.core.errors import ConfigError
from hma_ros.core.lfs_pointer import refuse_lfs_pointer
from hma_ros.network.checkpoint import CONFIG_FILE, load_tokenizer
from hma_ros.network.config import HmaConfig
from hma_ros.network.factors import join_factors, split_ids
from hma_ros.network.magvit2 import Magvit2, Magvit2Config, load_magvit2
from hma_ros.network.strict_loading import read_config
from hma_ros.network.svd_vae import LATENT_SCALE, SvdVae, load_svd_vae, svd_pixels
from hma_ros.network.tokenizer import FrameTokenizer

Tokenizer = Magvit2 | SvdVae | FrameTokenizer
_MAGVIT2_SUFFIXES = ('.safetensors', '.ckpt')


class FrameCodec(nn.Module):
    """
    Encodes and decodes frames.

    :param name: as the table says.
    :param makes: what its tokens are, in words that :func:`make_codec` compares.
    :param image_size: pixels.
    :param latent_scale: what latents are multiplied with; 1 for discrete tokens.
    """

    def __init__(self, name: str, makes: str, image_size: int, latent_scale: float = 1.0) -> None:
        super().__init__()
        self.name, self.makes = name, makes
        self.image_size, self.latent_scale = image_size, latent_scale

    def encode(self, frames_BHWC: Tensor) -> Tensor:
        """``uint8[B, H, W, 3]`` to ``int64[B, S, F]`` factors or ``float32[B, S, E]`` patches."""
        raise NotImplementedError

    def decode(self, tokens_BSE: Tensor) -> Tensor:
        """Undo :meth:`encode`, as well as the tokenizer can."""
        raise NotImplementedError

    def drawable(self, tokens_BSE: Tensor) -> Tensor:
        """Return tokens in the form that the decoder graph takes."""
        return tokens_BSE


class IdCodec(FrameCodec):
    """Ids of Open-MAGVIT2 as factors, factor 0 in the lowest digits."""

    def __init__(self, tokenizer: Magvit2, factors: int, base: int) -> None:
        sizes = tokenizer.config
        makes = _tokens(sizes.image_tokens, factors, round(2 ** (sizes.bits / factors)))
        super().__init__('magvit2', makes, sizes.image_size)
        self.tokenizer, self.factors, self.base = tokenizer, factors, base

    def encode(self, frames_BHWC: Tensor) -> Tensor:
        """See :class:`FrameCodec`."""
        return split_ids(self.tokenizer.encode(frames_BHWC), self.base, self.factors)

    def decode(self, tokens_BSE: Tensor) -> Tensor:
        """See :class:`FrameCodec`."""
        return self.tokenizer.decode(join_factors(tokens_BSE, self.base))


class LevelCodec(FrameCodec):
    """
    Levels of our tokenizer, which are factors already.

    Decodes values in [-1, 1], of which levels are some, so that expected values can be drawn too.
    """

    def __init__(self, tokenizer: FrameTokenizer) -> None:
        sizes = tokenizer.config
        makes = _tokens(sizes.image_tokens, sizes.factors, sizes.levels)
        super().__init__('levels', makes, sizes.image_size)
        self.tokenizer = tokenizer

    def encode(self, frames_BHWC: Tensor) -> Tensor:
        """See :class:`FrameCodec`."""
        return self.tokenizer.encode(frames_BHWC)

    def decode(self, tokens_BSE: Tensor) -> Tensor:
        """See :class:`FrameCodec`."""
        is_value = tokens_BSE.is_floating_point()
        values = tokens_BSE if is_value else self.tokenizer.values(tokens_BSE)
        return self.tokenizer.decode(values)

    def drawable(self, tokens_BSE: Tensor) -> Tensor:
        """See :class:`FrameCodec`."""
        return self.tokenizer.values(tokens_BSE)


class LatentCodec(FrameCodec):
    """
    Latents of the SVD autoencoder, which scales them itself.

    :param places: latents of a frame; it takes frames of any size.
    """

    def __init__(self, tokenizer: SvdVae, places: int, patch: int) -> None:
        makes = _latents(places, tokenizer.latent_channels)
        super().__init__('svd', makes, math.isqrt(places) * tokenizer.pixels, LATENT_SCALE)
        self.tokenizer, self.patch = tokenizer, patch

    def encode(self, frames_BHWC: Tensor) -> Tensor:
        """See :class:`FrameCodec`."""
        latents = self.tokenizer.encode(frames_BHWC).float()
        return patchify(latents.permute(0, 2, 3, 1), self.patch)

    def decode(self, tokens_BSE: Tensor) -> Tensor:
        """See :class:`FrameCodec`."""
        return self.tokenizer.decode(unpatchify(tokens_BSE, self.patch).permute(0, 3, 1, 2))


class ValueCodec(FrameCodec):
    """
    Latents of our tokenizer before rounding.

    :param latent_scale: brings them to about unit variance, which diffusion asks for.
    """

    def __init__(self, tokenizer: FrameTokenizer, patch: int, latent_scale: float) -> None:
        sizes = tokenizer.config
        makes = _latents(sizes.image_tokens, sizes.factors)
        super().__init__('values', makes, sizes.image_size, latent_scale)
        self.tokenizer, self.patch, self.grid = tokenizer, patch, (sizes.grid, sizes.grid)

    def encode(self, frames_BHWC: Tensor) -> Tensor:
        """See :class:`FrameCodec`."""
        values = self.tokenizer.encode_continuous(frames_BHWC) * self.latent_scale
        return patchify(values.unflatten(1, self.grid), self.patch)

    def decode(self, tokens_BSE: Tensor) -> Tensor:
        """See :class:`FrameCodec`."""
        values = (unpatchify(tokens_BSE, self.patch) / self.latent_scale).clamp(-1, 1)
        return self.tokenizer.decode(values.flatten(1, 2))


def make_codec(tokenizer: Tokenizer, config: HmaConfig, latent_scale: float = 1.0) -> FrameCodec:
    """
    Fit a tokenizer to a model.

    :param latent_scale: that a continuous model was trained with on our own tokenizer's latents.
    :raises ConfigError: it makes other tokens than the model takes, both are named; or those are
        not of a square.
    """
    if math.isqrt(config.positions) ** 2 != config.positions:
        raise ConfigError(f'positions: got {config.positions}, expected a square number')
    parts = config.diffusion
    patch = parts.patch if parts else 1
    if isinstance(tokenizer, Magvit2):
        codec: FrameCodec = IdCodec(tokenizer, config.factors, config.factor_size)
    elif isinstance(tokenizer, SvdVae):
        codec = LatentCodec(tokenizer, config.positions, patch)
    elif parts is None:
        codec = LevelCodec(tokenizer)
    else:
        codec = ValueCodec(tokenizer, patch, latent_scale)
    wanted = _tokens(config.image_tokens, config.factors, config.factor_size)
    if parts is not None:
        wanted = _latents(config.positions, parts.latent_channels)
    if codec.makes != wanted:
        raise ConfigError(f'tokenizer: got {codec.makes}, expected {wanted}, as the model takes')
    return codec.eval()


def check_codec(path: str | Path, config: HmaConfig) -> None:
    """
    Compare a tokenizer with a model as far as that is possible without reading its weights.

    :param path: see :func:`load_codec`.
    :raises ConfigError: no such file, a Git LFS pointer, or of another kind than the model takes.
    """
    path = Path(path)
    if not path.exists():
        raise ConfigError(
            f'{path}: got no such file or folder, expected a frame tokenizer; correct --tokenizer'
        )
    is_file = path.is_file()
    if is_file:
        refuse_lfs_pointer(path, ConfigError)
        if path.suffix not in _MAGVIT2_SUFFIXES:
            raise ConfigError(
                f'{path}: got {path.suffix or "no"} ending, expected '
                f'{" or ".join(_MAGVIT2_SUFFIXES)}, or a folder'
            )
    if is_file == (config.diffusion is not None):
        _refuse_kind(path, config)


def _refuse_kind(path: Path, config: HmaConfig) -> None:
    """Refuse Open-MAGVIT2 for a continuous model; our own tokenizer is a folder of either."""
    if config.diffusion is not None:
        raise ConfigError(
            f'{path}: got Open-MAGVIT2, expected a folder of the SVD autoencoder, as the '
            'continuous model takes; correct --tokenizer'
        )
    if not (path / 'model.safetensors').is_file():
        raise ConfigError(
            f'{path}: got no model.safetensors, expected Open-MAGVIT2 (.safetensors, .ckpt), as '
            'the discrete model takes; correct --tokenizer'
        )


def frame_pixels(path: str | Path, config: HmaConfig) -> int | None:
    """
    Tell the height and width of the frames of a tokenizer without reading its weights.

    :param path: see :func:`load_codec`.
    :returns: pixels; None if only reading it shows them, or shows what is wrong with it.
    """
    path = Path(path)
    if path.is_file():
        return Magvit2Config().image_size
    if (path / 'model.safetensors').is_file():
        found = read_config(path / CONFIG_FILE).get('image_size')
        return found if isinstance(found, int) else None
    spans = svd_pixels(path)
    return None if spans is None else math.isqrt(config.positions) * spans


def load_codec(path: str | Path, config: HmaConfig, latent_scale: float = 1.0) -> FrameCodec:
    """
    Read a tokenizer and fit it to a model.

    :param path: Open-MAGVIT2 as `.safetensors` or `.ckpt`, a folder of the SVD autoencoder, or a
        checkpoint of our own tokenizer.
    :raises ConfigError: unreadable, or it does not fit.
    """
    path = Path(path)
    if not path.exists():
        raise ConfigError(f'{path}: no such file or folder, expected a frame tokenizer')
    if path.suffix in _MAGVIT2_SUFFIXES:
        return make_codec(load_magvit2(path), config, latent_scale)
    load = load_tokenizer if (path / 'model.safetensors').is_file() else load_svd_vae
    return make_codec(load(path), config, latent_scale)


def patchify(pixels_BHWC: Tensor, patch: int) -> Tensor:
    """Cut into tokens ``[B, S, E]`` as :func:`hma_ros.core.generation.patches.patchify` does."""
    rows = pixels_BHWC.unflatten(2, (-1, patch)).unflatten(1, (-1, patch))
    return rows.transpose(2, 3).flatten(3).flatten(1, 2)


def unpatchify(patches_BSE: Tensor, patch: int) -> Tensor:
    """Undo :func:`patchify` for square frames: ``[B, H, W, C]``."""
    side = round(patches_BSE.shape[1] ** 0.5)
    parts = patches_BSE.unflatten(1, (side, side)).unflatten(3, (patch, patch, -1))
    return parts.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def _tokens(count: int, factors: int, size: int) -> str:
    return f'{count} tokens of {factors} factors of {size}'


def _latents(count: int, channels: int) -> str:
    return f'{count} latents of {channels} channels'
