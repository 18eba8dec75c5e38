# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Training of HMA on many embodiments together: one trunk, a stem and a head for each."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import first_few
from hma_ros.data.windows import Windows
from hma_ros.network.checkpoint import Hma, save_hma
from hma_ros.network.config import HmaConfig
from hma_ros.network.initial import initialised
from hma_ros.network.low_rank import merge
from hma_ros.training import memory
from hma_ros.training.joint_pass import JointPass
from hma_ros.training.objective import objective_of
from hma_ros.training.run import NotFiniteError, TrainingRun
from hma_ros.training.self_forcing import SelfForcing, TrajectoryPool
from hma_ros.training.twin import TwinConfig, TwinObjective
from hma_ros.training.workers import Workers

# Peak learning rate from random weights.
SCRATCH_RATE = 3e-3
# What matrices are multiplied in, by the word of `torch.set_float32_matmul_precision` for it.
PRECISIONS = {'highest': 'float32', 'medium': 'bfloat16'}
# Products that are timed, of about as many steps as a step of training has.
_TRIAL_ROWS, _TRIALS = 4096, 20
# Units for bfloat16 gain more; less is noise, and the next start would choose otherwise.
_LEAST_GAIN = 1.2


@dataclass(frozen=True)
class Start:
    """
    A model that is trained already, to go on from.

    :param model: its frozen parameters stay as they are.
    :param stems: that are learned.
    :param rate: peak learning rate.
    :param hidden: names of matrices for Muon, see :class:`TrainingRun`.
    :param twin: what training masks of episodes; None for the default.
    """

    model: Hma
    stems: tuple[str, ...]
    rate: float
    hidden: tuple[str, ...] = ()
    twin: TwinConfig | None = None


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
    :param start: what to go on from; None for a model of that configuration, untrained.
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
        start: Start | None = None,
    ) -> None:
        torch.manual_seed(0)
        start = start or untrained(config)
        self.model, self.stems = start.model, start.stems
        self._objective = objective_of(self.model, length, start.twin)
        if self_forcing.share and not isinstance(self._objective, TwinObjective):
            raise ConfigError(
                f'self-forced: got {self_forcing.share} for a model conditioned on the action '
                'executed from a frame, expected 0; choose preset small'
            )
        self._folder, self._windows = folder, windows
        self._own, self._own_from = self_forcing.windows(windows), self_forcing.begins
        self._pool = TrajectoryPool(config, length, self_forcing)
        self.precision = precision or quicker_precision(config.width)
        self.run = TrainingRun(
            self.model, folder, steps, start.rate, start.hidden, beside=self._pool
        )
        index = self._objective.steps
        steps_in_all = len(index.index_R) * windows * len(self.stems)
        self._activation_bytes = memory.activation_bytes(config, steps_in_all)
        self._recompute = not memory.fits(self._activation_bytes)
        self._compiled = compiled
        self.run_blocks = JointPass(self.model, self.stems, index, compiled, self._recompute)

    @property
    def averaged(self) -> Hma:
        """The model with averaged weights: what to evaluate and export."""
        return cast('Hma', self.run.averaged)

    @property
    def notes(self) -> list[str]:
        """What was chosen for this machine, in words."""
        notes = [f'matrix products: {PRECISIONS[self.precision]}, the faster here']
        if self._compiled and self.run.step < self.run.steps:
            notes.append('first step: torch compiles the network, which takes about a minute')
        if self._recompute:
            notes.append(
                f'memory: activations would take about {self._activation_bytes / 1e9:.1f} GB, '
                'more than half of the available memory; activation checkpointing recomputes the '
                'blocks in the backward pass, which takes longer and changes no result'
            )
        return notes

    def train(self, sources: Mapping[str, Windows]) -> Hma:
        """
        Train to the end and save a checkpoint.

        :param sources: of every embodiment; windows of as many steps as the trainer's.
        :returns: the averaged model.
        """
        with multiplying(self.precision):
            self.run.train(lambda step: self.losses(sources, step))
        merge(self.averaged)
        with self.run.workers.in_turn():
            if self.run.workers.is_first:
                save_hma(self.averaged, self._folder)
        return self.averaged.eval()

    def losses(self, sources: Mapping[str, Windows], step: int) -> dict[str, Tensor]:
        """Draw the batch of a step, the same however often the run was stopped; its loss terms."""
        seed = self.run.workers.seed(step)
        own = self._own if step >= self._own_from else 0
        batches = {
            name: self._pool.draw(name, sources[name], self._windows, own, seed)
            for name in self.stems
        }
        generator = torch.Generator().manual_seed(seed)
        terms = self._objective.losses(batches, self.run_blocks, generator)
        for name, term in terms.items():
            if not term.isfinite():
                origins = batches[name.partition('/')[0]].origins
                look = f'; look at windows from {first_few(origins)}' if origins else ''
                raise NotFiniteError(
                    f'step {step}: loss {name}: got {float(term.detach())}, expected a finite '
                    f'number{look}'
                )
        weights = mixing_weights({name: sources[name].size for name in self.stems})
        return {name: term * weights[name.partition('/')[0]] for name, term in terms.items()}


def mixing_weights(sizes: Mapping[str, int]) -> dict[str, float]:
    """
    Weigh embodiments by the cube root of how many windows each has, as the paper draws them.

    Each step has as many windows of every embodiment, so their losses are weighed instead: in the
    mean over steps that is the same.

    :param sizes: windows by embodiment.
    :returns: weights of mean 1.
    """
    roots = {name: size ** (1 / 3) for name, size in sizes.items()}
    mean = sum(roots.values()) / len(roots)
    return {name: root / mean for name, root in roots.items()}


def untrained(config: HmaConfig) -> Start:
    """Return a model to train from scratch, with all its stems."""
    stems = tuple(domain.name for domain in config.domains)
    return Start(initialised(config), stems, SCRATCH_RATE, hidden_matrices(config))


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
    names = list(PRECISIONS)
    is_quick = least_s['highest'] > _LEAST_GAIN * least_s['medium']
    quicker = 'medium' if is_quick else 'highest'
    return names[Workers().agree(names.index(quicker))]


def hidden_matrices(config: HmaConfig) -> tuple[str, ...]:
    """Name what Muon updates, where it is a matrix: between hidden layers, of all stems alike."""
    parts = ('spatial_attn', 'temporal_attn', 'mlp')
    blocks = [f'decoder.layers.{i}.{part}' for i in range(config.layers) for part in parts]
    return (*blocks, 'diffloss.net.res_blocks')
