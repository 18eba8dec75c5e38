# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Training of HMA on many embodiments together: one trunk, a stem and a head for each."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from hma_ros.core.errors import ConfigError
from hma_ros.data.windows import Windows
from hma_ros.network.checkpoint import Hma, save_hma
from hma_ros.network.conditioning import Modulation
from hma_ros.network.config import HmaConfig
from hma_ros.network.continuous import ContinuousHma
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.trunk import Block
from hma_ros.training.joint_pass import JointPass
from hma_ros.training.objective import objective_of
from hma_ros.training.run import TrainingRun
from hma_ros.training.self_forcing import SelfForcing, TrajectoryPool
from hma_ros.training.twin import TwinObjective

_RATE = 3e-3
# What matrices are multiplied in, by the word of `torch.set_float32_matmul_precision` for it.
PRECISIONS = {'highest': 'float32', 'medium': 'bfloat16'}
# Products that are timed, of about as many steps as a step of training has.
_TRIAL_ROWS, _TRIALS = 4096, 20


class HmaTrainer:
    """
    One training run.

    Where the context slides the windows drawn should be longer than what a step attends to: it
    then sees steps that have seen others before, as it does when they are kept.

    :param config: of the model.
    :param folder: checkpoint, state and log; a run goes on from what it finds there.
    :param steps: optimiser steps of the whole run.
    :param length: steps of the windows drawn.
    :param windows: of each embodiment in a step.
    :param compiled: see :class:`JointPass`.
    :param precision: of matrix products, see :func:`multiplying`; None for the quicker here.
    :param self_forcing: how much it learns from its own frames.
    :raises ConfigError: the folder holds another model, or see
        :func:`~hma_ros.training.objective.objective_of`.
    """

    def __init__(
        self,
        config: HmaConfig,
        folder: Path,
        steps: int,
        length: int,
        windows: int = 8,
        compiled: bool = True,
        precision: str | None = None,
        self_forcing: SelfForcing = SelfForcing(share=0.0),  # noqa: B008
    ) -> None:
        torch.manual_seed(0)
        self.model = initialised(config)
        self._objective = objective_of(self.model, length)
        if self_forcing.share and not isinstance(self._objective, TwinObjective):
            raise ConfigError(
                f'self-forced: got {self_forcing.share} for a model that is told the action '
                'executed from a frame, expected 0; choose preset small'
            )
        self._folder, self._windows = folder, windows
        self._pool = TrajectoryPool(config, length, self_forcing)
        self.precision = precision or quicker_precision(config.width)
        self.run = TrainingRun(
            self.model, folder, steps, _RATE, _hidden(config), beside=self._pool
        )
        names = [domain.name for domain in config.domains]
        self.run_blocks = JointPass(self.model, names, self._objective.steps, compiled)

    @property
    def averaged(self) -> Hma:
        """The model with averaged weights: what to evaluate and export."""
        return cast('Hma', self.run.averaged)

    def train(self, sources: Mapping[str, Windows]) -> Hma:
        """
        Train to the end and save a checkpoint.

        :param sources: of every embodiment; windows of as many steps as the trainer's.
        :returns: the averaged model.
        """
        with multiplying(self.precision):
            self.run.train(lambda step: self.losses(sources, step))
        save_hma(self.averaged, self._folder)
        return self.averaged.eval()

    def losses(self, sources: Mapping[str, Windows], step: int) -> dict[str, Tensor]:
        """Draw the batch of a step, the same however often the run was stopped; its loss terms."""
        names = [domain.name for domain in self.model.config.domains]
        batches = {
            name: self._pool.draw(name, sources[name], self._windows, step) for name in names
        }
        generator = torch.Generator().manual_seed(step)
        return self._objective.losses(batches, self.run_blocks, generator)


@contextmanager
def multiplying(precision: str) -> Iterator[None]:
    """
    Set the precision in which float32 matrices are multiplied.

    :param precision: a key of :data:`PRECISIONS`; bfloat16 is used where there is support.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def quicker_precision(width: int) -> str:
    """
    Return the key of :data:`PRECISIONS` that multiplies faster on this machine.

    Bfloat16 gains where there are units for it. Elsewhere converting to it costs more than it
    saves, and nothing but a clock tells which.

    :param width: of the model, channels.
    """
    rows, matrix = torch.zeros(_TRIAL_ROWS, width), torch.zeros(width, 4 * width)
    least_s = dict.fromkeys(PRECISIONS, math.inf)
    for precision in [*PRECISIONS] * _TRIALS:
        with multiplying(precision):
            start_s = time.perf_counter()
            torch.mm(rows, matrix)
            took_s = time.perf_counter() - start_s
            least_s[precision] = min(least_s[precision], took_s)
    return min(least_s, key=least_s.__getitem__)


def initialised(config: HmaConfig) -> Hma:
    """
    Build a model whose actions change nothing yet.

    Nor do its blocks where temporal attention has no norm: each branch ends in a layer of zeros.
    """
    model = DiscreteHma(config) if config.diffusion is None else ContinuousHma(config)
    nn.init.normal_(model.pos_embed_TSC, std=0.02)
    for module in model.modules():
        if isinstance(module, Block) and not config.pre_norm:
            _to_zero(module.spatial_attn.proj, module.temporal_attn.proj, module.mlp.fc2)
        if isinstance(module, Modulation):
            last = module.adaLN_modulation[-1] if module.linear_out is None else module.linear_out
            _to_zero(cast('nn.Linear', last))
    return model


def _hidden(config: HmaConfig) -> tuple[str, ...]:
    """Name what Muon updates, where it is a matrix: between hidden layers, of all stems alike."""
    parts = ('spatial_attn', 'temporal_attn', 'mlp')
    blocks = [f'decoder.layers.{i}.{part}' for i in range(config.layers) for part in parts]
    return (*blocks, 'diffloss.net.res_blocks')


def _to_zero(*layers: nn.Linear) -> None:
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
