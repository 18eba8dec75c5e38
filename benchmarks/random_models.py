# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Models of the presets `base` and `xl` with random weights, and their bundles."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch

from hma_ros.core.errors import BundleError
from hma_ros.export.bundle import BundleOptions, export_bundle
from hma_ros.network.config import Compat, Diffusion, Domain, HmaConfig
from hma_ros.network.continuous import ContinuousHma
from hma_ros.network.discrete import DiscreteHma
from hma_ros.runtime.manifest import Manifest

Model = TypeVar('Model', DiscreteHma, ContinuousHma)
STEM = 'language_table'
_DOMAIN = Domain(STEM, 1, (0.0, 0.0), (1.0, 1.0))


def discrete_config(width: int = 256, window: int = 12, layers: int = 32) -> HmaConfig:
    """Return the released discrete layout: width 256 is Base, 1024 is XL (table 1)."""
    return HmaConfig(
        layers=layers,
        heads=8 if width <= 256 else 16,
        width=width,
        window=window,
        positions=256,
        predict_actions=False,
        mup=True,
        domains=(_DOMAIN,),
        compat=Compat.UPSTREAM,
    )


def continuous_config(compat: Compat) -> HmaConfig:
    """Return the released continuous layout, Base (table 1)."""
    return HmaConfig(
        layers=32,
        heads=8,
        width=256,
        window=12,
        positions=1024,
        predict_actions=False,
        mup=True,
        qkv_bias=True,
        mlp_bias=False,
        domains=(_DOMAIN,),
        diffusion=Diffusion(
            patch=2, latent_channels=4, width=1024, blocks=4, steps=100, mask_steps=2
        ),
        compat=compat,
    )


def random_discrete(config: HmaConfig) -> DiscreteHma:
    """Build a model whose features neither vanish nor explode."""
    torch.manual_seed(0)
    return _scatter(DiscreteHma(config))


def random_continuous(config: HmaConfig) -> ContinuousHma:
    """Build a model likewise."""
    torch.manual_seed(0)
    return _scatter(ContinuousHma(config))


def bundle(
    model: DiscreteHma | ContinuousHma, folder: Path, precision: str, mask_steps: int = 2
) -> Path:
    """Export a model once; a bundle that is there is used again."""
    try:
        Manifest.read(folder).verify()
        return folder
    except BundleError:
        return export_bundle(
            model, folder, BundleOptions(precision=precision, mask_steps=mask_steps)
        )


def _scatter(model: Model) -> Model:
    """Draw weights for a unit gain, tables of places and tokens included."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim < 2:
                continue
            is_table = any(part in name for part in ('pos_embed', 'token', 'embeds'))
            deviation = 0.5 if is_table else 0.5 * parameter.shape[-1] ** -0.5
            parameter.normal_(0, deviation)
    return model.eval()
