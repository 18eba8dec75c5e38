# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How many windows a second are learned from, against the same loop as it is written down.

Both sides draw the same kind of batches, have the same losses and the same optimisers. The
baseline runs each embodiment through the model by itself, without a compiler, in full float32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.duel import duel, entry
from hma_ros.data.windows import EpisodeWindows, TokenEpisode, Windows
from hma_ros.network.attention import Steps
from hma_ros.network.conditioning import Conditioning
from hma_ros.network.config import Diffusion, Domain, HmaConfig, TimePositions
from hma_ros.network.trunk import Trunk
from hma_ros.training.trainer import HmaTrainer, multiplying

_STEPS, _WINDOWS = 8, 2
_NAMES = ('franka_pick', 'ur5e_push', 'so101_reach', 'planar_push')
_DISCRETE = HmaConfig(
    layers=6,
    heads=4,
    width=96,
    window=5,
    positions=64,
    action_tokens=4,
    factors=6,
    factor_size=8,
    domains=tuple(Domain(name, 2, (0.0,) * 4, (1.0,) * 4) for name in _NAMES),
    time=TimePositions.ROTARY,
)
CONFIGS = {
    'discrete': _DISCRETE,
    'continuous': replace(
        _DISCRETE,
        predict_actions=False,
        diffusion=Diffusion(
            patch=1, latent_channels=6, width=192, blocks=3, steps=100, mask_steps=2
        ),
    ),
}


def training_results(rounds: int = 7, threads: int = 1) -> list[dict[str, Any]]:
    """Return a step ``training_throughput`` of each kind."""
    torch.set_num_threads(threads)
    return [_compare(kind, config, rounds) for kind, config in CONFIGS.items()]


def _compare(kind: str, config: HmaConfig, rounds: int) -> dict[str, Any]:
    sources = random_sources(config)
    with tempfile.TemporaryDirectory() as scratch:
        quick = HmaTrainer(config, Path(scratch, 'ours'), 1000, _STEPS, _WINDOWS)
        plain = HmaTrainer(
            config, Path(scratch, 'plain'), 1000, _STEPS, _WINDOWS, precision='highest'
        )
        plain.run_blocks = partial(_alone, plain.model, Steps.window(config, _STEPS))
        result = duel(partial(_step, quick, sources), partial(_step, plain, sources), rounds, 2)
    sequences = _WINDOWS * len(config.domains)
    return entry(
        'training_throughput',
        result,
        kind=kind,
        sequences_per_s=sequences / result.ours_s,
        baseline_sequences_per_s=sequences / result.baseline_s,
        steps_per_sequence=_STEPS,
        parameters=sum(item.numel() for item in quick.model.parameters()),
    )


def _step(trainer: HmaTrainer, sources: dict[str, Windows]) -> None:
    with multiplying(trainer.precision):
        trainer.run.advance(partial(trainer.losses, sources))


def _alone(
    trunk: Trunk, steps: Steps, placed_BRNC: Tensor, given: Sequence[Conditioning]
) -> Tensor:
    """Run the blocks as the model does, embodiment by embodiment."""
    names = [domain.name for domain in trunk.config.domains]
    parts = zip(placed_BRNC.chunk(len(names)), names, given, strict=True)
    return torch.cat([trunk.run(part, name, of, steps)[0] for part, name, of in parts])


def random_sources(config: HmaConfig) -> dict[str, Windows]:
    """Make up an episode of each embodiment."""
    rng = np.random.default_rng(0)
    shape = (40, config.image_tokens)
    draw: Callable[[], np.ndarray] = partial(
        rng.integers, config.factor_size, size=(*shape, config.factors)
    )
    if config.diffusion is not None:
        draw = partial(rng.standard_normal, (*shape, config.diffusion.latent_channels), np.float32)

    def episode(chunk_size: int) -> TokenEpisode:
        actions = rng.standard_normal((39, chunk_size), np.float32)
        blank = np.zeros((40, 1), np.float32)
        return TokenEpisode(draw(), actions, actions, blank, blank)

    return {
        domain.name: EpisodeWindows([episode(domain.chunk_size)], _STEPS)
        for domain in config.domains
    }
