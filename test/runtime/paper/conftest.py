# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bundles of small random models of the paper, of both kinds, with our own small tokenizer."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hma_ros.core.embodiment import load_embodiment
from hma_ros.export.paper import BundleOptions, export_paper
from hma_ros.export.robot import robot_of
from hma_ros.network.paper.checkpoint import PaperModel
from hma_ros.network.paper.config import Diffusion, Domain, PaperConfig, TimePositions
from hma_ros.network.paper.continuous import ContinuousHma
from hma_ros.network.paper.discrete import DiscreteHma
from hma_ros.network.paper.frames import make_codec
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig

STEM = 'planar_push'
PLANAR = load_embodiment('sim_planar')
TOKENIZER = TokenizerConfig(
    patch=16, factors=3, levels=4, width=8, detail_width=4, encoder_blocks=1, decoder_blocks=1
)
DIFFUSION = Diffusion(patch=2, latent_channels=3, width=16, blocks=1, steps=10, mask_steps=2)


def make_model(**changes: object) -> PaperModel:
    """Build a small model with nothing left at zero."""
    sizes = {
        'layers': 2,
        'heads': 2,
        'width': 16,
        'rows': 4,
        'positions': TOKENIZER.image_tokens,
        'action_tokens': 2,
        'factors': TOKENIZER.factors,
        'factor_size': TOKENIZER.levels,
        'mlp_ratio': 1.0,
        'domains': (Domain(STEM, 1, (0.0, 0.0), (0.1, 0.1)),),
        'time': TimePositions.ROTARY,
    }
    config = PaperConfig(**{**sizes, **changes})
    torch.manual_seed(0)
    model = DiscreteHma(config) if config.diffusion is None else ContinuousHma(config)
    for name, parameter in model.named_parameters():
        centre = float('norm' in name and 'weight' in name)
        torch.nn.init.normal_(parameter, centre, 0.5 * parameter.shape[-1] ** -0.5)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope='session')
def make_bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function of a kind, a precision and changes to the model; made once each."""
    made: dict[str, Path] = {}

    def make(
        kind: str = 'discrete', precision: str = 'fp32', robot: bool = True, **changes: object
    ) -> Path:
        key = f'{kind} {precision} {robot} {sorted(changes.items())}'
        if key not in made:
            diffusion = DIFFUSION if kind == 'continuous' else None
            model = make_model(diffusion=diffusion, **changes)
            torch.manual_seed(1)
            codec = make_codec(FrameTokenizer(TOKENIZER).eval(), model.config, latent_scale=2.0)
            options = BundleOptions(
                precision=precision,
                codec=codec,
                robots={STEM: robot_of(PLANAR)} if robot else {},
                denoise_steps=4,
                checkpoint=True,
            )
            made[key] = export_paper(model, tmp_path_factory.mktemp('paper') / 'bundle', options)
        return made[key]

    return make
