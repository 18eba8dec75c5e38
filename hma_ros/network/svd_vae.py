# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The image autoencoder of Stable Video Diffusion, tokenizer of the published continuous models.

A 256x256 frame becomes 32x32 latents of 4 numbers (Blattmann et al. 2023, arXiv 2311.15127).
The network comes from diffusers, which is an extra and imported only when a model is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from hma_ros.core.errors import ConfigError
from hma_ros.core.lfs_pointer import refuse_lfs_pointer
from hma_ros.core.short_text import first_few, shortened
from hma_ros.network.magvit2 import draw_frames, scale_frames
from hma_ros.network.strict_loading import read_config

if TYPE_CHECKING:
    from diffusers import AutoencoderKLTemporalDecoder

# Latents times this have about unit variance; the continuous model works on these.
LATENT_SCALE = 0.18215
# What the authors let the decoder see, before scaling.
_LATENT_LIMIT = 25.0
_FILES = ('config.json', 'diffusion_pytorch_model.safetensors')


class SvdVae(nn.Module):
    """Frames to latents and back, with the authors' scaling. Each frame is decoded on its own."""

    def __init__(self, autoencoder: AutoencoderKLTemporalDecoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    @property
    def pixels(self) -> int:
        """Pixels that a latent spans in each direction."""
        return 2 ** (len(self.autoencoder.config.block_out_channels) - 1)

    @property
    def latent_channels(self) -> int:
        """Numbers of a latent."""
        return self.autoencoder.config.latent_channels

    def encode(self, frames_BHWC: Tensor) -> Tensor:
        """
        Take the mean of the posterior; nothing is drawn at random.

        :param frames_BHWC: ``uint8[B, H, W, 3]`` RGB, the size a multiple of 8 for the published
            model.
        :returns: ``float[B, C, h, w]``, scaled to about unit variance.
        """
        frames = scale_frames(frames_BHWC, self.autoencoder.dtype)
        return self.autoencoder.encode(frames).latent_dist.mean * LATENT_SCALE

    def decode(self, latents_BCHW: Tensor) -> Tensor:
        """
        Decode frames.

        :param latents_BCHW: ``float[B, C, h, w]``, scaled as :meth:`encode` gives them.
        :returns: ``uint8[B, H, W, 3]`` RGB.
        """
        latents = (latents_BCHW / LATENT_SCALE).clamp(-_LATENT_LIMIT, _LATENT_LIMIT)
        latents = latents.to(self.autoencoder.dtype)
        return draw_frames(self.autoencoder.decode(latents, num_frames=1).sample)


def svd_pixels(folder: str | Path) -> int | None:
    """Tell the pixels that a latent spans from the configuration; None where it does not say."""
    folder = Path(folder)
    for path in (folder / 'vae/config.json', folder / 'config.json'):
        if path.is_file():
            levels = read_config(path).get('block_out_channels')
            return 2 ** (len(levels) - 1) if isinstance(levels, list) else None
    return None


def load_svd_vae(folder: str | Path) -> SvdVae:
    """
    Read the autoencoder from this machine; nothing is fetched.

    :param folder: a copy of `stabilityai/stable-video-diffusion-img2vid`, or its folder `vae`.
    :raises ConfigError: diffusers is not installed, or the folder is incomplete or not this model.
    """
    folder = Path(folder)
    if (folder / 'vae').is_dir():
        folder = folder / 'vae'
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise ConfigError(
            f'{folder}: lacks {" and ".join(missing)}; expected a copy of the folder vae of '
            'stabilityai/stable-video-diffusion-img2vid'
        )
    for name in _FILES:
        refuse_lfs_pointer(folder / name, ConfigError)
    try:
        autoencoder, report = _autoencoder_class().from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(
            f'{folder}: got {shortened(error)}, expected an AutoencoderKLTemporalDecoder'
        ) from error
    wrong = [
        f'{kind}: {first_few(sorted(map(str, names)))}' for kind, names in report.items() if names
    ]
    if wrong:
        raise ConfigError(
            f'{folder}: got {"; ".join(wrong)}, expected an AutoencoderKLTemporalDecoder'
        )
    return SvdVae(autoencoder).eval()


def _autoencoder_class() -> Any:
    try:
        from diffusers import AutoencoderKLTemporalDecoder
    except ImportError as error:
        raise ConfigError(
            f'diffusers: {error}; expected for the tokenizer of continuous models. '
            'Install it: pip install diffusers, the extra svd of hma_ros'
        ) from error
    return AutoencoderKLTemporalDecoder
