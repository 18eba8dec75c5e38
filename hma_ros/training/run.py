# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One resumable training run: optimisers, schedule, average weights, log and state on disk."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hma_ros.core.atomic_file import write_text
from hma_ros.core.errors import ConfigError, HmaError
from hma_ros.core.progress import Progress
from hma_ros.core.short_text import quoted
from hma_ros.network.strict_loading import load_tensors, save_tensors
from hma_ros.training.muon import Muon
from hma_ros.training.scalars import Scalars
from hma_ros.training.workers import Workers

_BESIDE = 'beside.'
_WARMUP_STEPS = 100
_DECAY_SHARE = 0.4
# Of the exponential moving average of the weights, per step.
_AVERAGE_DECAY = 0.99
_SAVE_EVERY_S = 120.0
_LOG_EVERY = 20
LOG = 'log.jsonl'


class NotFiniteError(HmaError):
    """A loss or gradient is nan or infinite; no weight was changed by it."""


class Beside(Protocol):
    """What a run goes on with beside its module."""

    def state(self) -> dict[str, Tensor]:
        """Return all that is to be saved."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what was saved."""
        ...


class TrainingRun:
    """
    Train a module by minimising a loss that draws its own batches.

    Weight matrices between hidden layers are updated by Muon, all else by AdamW. The rate warms
    up, stays, and falls to nothing over the last 40 % of the steps. Frozen parameters stay.

    :param module: what to train.
    :param folder: state and log; a run continues from what it finds there.
    :param steps: optimiser steps of the whole run.
    :param learning_rate: peak rate of both optimisers.
    :param hidden: names of parameters for Muon start with one of these.
    :param beside: what is saved and taken up along with the module.
    :raises ConfigError: the folder holds the state of another model.

    ``scalars``, if set, receives what is logged; ``workers`` are the processes of a run.
    """

    scalars: Scalars | None = None

    def __init__(
        self,
        module: nn.Module,
        folder: Path,
        steps: int,
        learning_rate: float,
        hidden: tuple[str, ...],
        beside: Beside | None = None,
    ) -> None:
        self.module, self.folder, self.steps, self.step = module, folder, steps, 0
        self._trained = [item for item in module.parameters() if item.requires_grad]
        self._peak, self._beside, self.workers = learning_rate, beside, Workers()
        average = get_ema_multi_avg_fn(_AVERAGE_DECAY)
        self._averaged = AveragedModel(module, multi_avg_fn=average, use_buffers=False)
        self._optimisers = _optimisers(module, learning_rate, hidden)
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / 'state.safetensors').exists():
            self._resume()
        if self.workers.is_first:
            self._cut_log()

    @property
    def averaged(self) -> nn.Module:
        """The module with averaged weights: what to evaluate and export."""
        return self._averaged.module

    def train(self, loss_of: Callable[[int], dict[str, Tensor]]) -> None:
        """
        Run to the end.

        :param loss_of: from a step number to named loss terms; their sum is minimised.
        """
        saved, bar = time.monotonic(), Progress(total=self.steps, initial=self.step, unit='step')
        while self.step < self.steps:
            terms = self.advance(loss_of)
            bar.update()
            if self.step % _LOG_EVERY == 0 or self.step == self.steps:
                self._log(terms)
                bar.set_postfix({name: f'{value:.3f}' for name, value in terms.items()})
            if time.monotonic() - saved > _SAVE_EVERY_S:
                self.save()
                saved = time.monotonic()
        bar.close()
        self.save()

    def save(self) -> None:
        """Write everything needed to go on from here; of several processes, the first does."""
        if not self.workers.is_first:
            return
        state = {f'module.{name}': value for name, value in self.module.state_dict().items()}
        state |= {f'average.{name}': value for name, value in self.averaged.state_dict().items()}
        for which, optimiser in enumerate(self._optimisers):
            for index, slots in optimiser.state_dict()['state'].items():
                state |= {
                    f'optimiser.{which}.{index}.{name}': value for name, value in slots.items()
                }
        if self._beside:
            state |= {_BESIDE + name: value for name, value in self._beside.state().items()}
        state['step'] = torch.tensor(self.step)
        save_tensors(
            {name: value.clone() for name, value in state.items()},
            self.folder / 'state.safetensors',
        )

    def advance(self, loss_of: Callable[[int], dict[str, Tensor]]) -> dict[str, float]:
        """Do one step, and return its loss terms."""
        rate = self._peak * rate_factor(self.step, self.steps)
        for optimiser in self._optimisers:
            optimiser.zero_grad(set_to_none=True)
            for group in optimiser.param_groups:
                group['lr'] = rate
        terms = loss_of(self.step)
        found = {name: float(value.detach()) for name, value in terms.items()}
        self._refuse({name: value for name, value in found.items() if not math.isfinite(value)})
        torch.stack(list(terms.values())).sum().backward()
        self.workers.average(self._trained)
        norm = float(nn.utils.clip_grad_norm_(self._trained, 1.0))
        self._refuse({} if math.isfinite(norm) else {'gradient': norm})
        for optimiser in self._optimisers:
            optimiser.step()
        self._averaged.update_parameters(self.module)
        self.step += 1
        return found

    def _refuse(self, broken: dict[str, float]) -> None:
        """Stop before a number that is not finite reaches a weight."""
        for name, value in broken.items():
            raise NotFiniteError(
                f'{self.folder}: step {self.step}: {name}: got {value}, expected a finite number; '
                'the last saved state is as it was: lower the learning rate, or look at the data'
            )

    def _resume(self) -> None:
        state = load_tensors(self.folder / 'state.safetensors')
        own = {f'module.{name}': value for name, value in self.module.state_dict().items()}
        if difference := _difference(state, {**own, 'step': torch.tensor(self.step)}):
            raise ConfigError(
                f'{self.folder}: holds the state of another model: {difference}; expected the '
                'sizes it was begun with, or another folder'
            )
        self.step = int(state.pop('step'))
        self.module.load_state_dict(_below(state, 'module.'))
        self.averaged.load_state_dict(_below(state, 'average.'))
        self._averaged.n_averaged.fill_(self.step)
        if self._beside:
            self._beside.restore(_below(state, _BESIDE))
        for which, optimiser in enumerate(self._optimisers):
            slots: dict[int, dict[str, Tensor]] = {}
            for name, value in _below(state, f'optimiser.{which}.').items():
                index, slot = name.split('.')
                slots.setdefault(int(index), {})[slot] = value
            optimiser.load_state_dict({**optimiser.state_dict(), 'state': slots})

    def _cut_log(self) -> None:
        """Drop what an interrupted run logged after it was last saved: it is done again."""
        path = self.folder / LOG
        if path.exists():
            lines = path.read_text(errors='replace').splitlines(keepends=True)
            # The last line may be torn.
            whole = [line for line in lines if line.endswith('\n')]
            kept = [line for line in whole if _logged_step(path, line) <= self.step]
            write_text(path, ''.join(kept))

    def _log(self, terms: dict[str, float]) -> None:
        if not self.workers.is_first:
            return
        entry = {'step': self.step, 'time_s': round(time.time(), 1), **terms}
        with (self.folder / LOG).open('a') as file:
            file.write(json.dumps(entry) + '\n')
        if self.scalars is not None:
            self.scalars(terms, self.step)


def _logged_step(path: Path, line: str) -> int:
    try:
        return int(json.loads(line)['step'])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{path}: got {quoted(line)}, expected a JSON object with a step; remove the line'
        ) from error


def rate_factor(step: int, steps: int) -> float:
    """Share of the peak learning rate at a step: warm up, stay, fall linearly to zero."""
    decay_steps = max(1, int(steps * _DECAY_SHARE))
    return min(1.0, (step + 1) / _WARMUP_STEPS, (steps - step) / decay_steps)


def _optimisers(
    module: nn.Module, learning_rate: float, hidden: tuple[str, ...]
) -> list[torch.optim.Optimizer]:
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        is_hidden = parameter.ndim == 2 and name.startswith(hidden) and 'bias' not in name
        (matrices if is_hidden else others).append(parameter)
    optimisers: list[torch.optim.Optimizer] = []
    if matrices:
        optimisers.append(Muon(matrices, learning_rate))
    if others:
        betas = (0.9, 0.95)
        optimisers.append(torch.optim.AdamW(others, learning_rate, betas=betas, weight_decay=0.01))
    return optimisers


def _difference(state: dict[str, Tensor], expected: dict[str, Tensor]) -> str:
    """Name the first tensor of a module that is missing, of another shape, or too many."""
    for name, value in expected.items():
        if name not in state:
            return f'no {name}'
        if state[name].shape != value.shape:
            return f'{name} is {list(state[name].shape)}, expected {list(value.shape)}'
    strange = [name for name in state if name.startswith('module.') and name not in expected]
    return f'{strange[0]}, expected no such tensor' if strange else ''


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in state.items()
        if name.startswith(prefix)
    }
