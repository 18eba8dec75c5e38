# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The discrete model against arrays of the research code.

``config.json`` and ``model.safetensors`` are a checkpoint as the authors release them. What is in
``golden.npz`` decides what is compared (``{dom}``: domain, B: batch, T: steps of the window):

=================================  ============================================================
array                              of what
=================================  ============================================================
``logits{run}/{dom}``              a pass over ``tokens_masked`` and ``actions_in/{dom}``, factor
                                   by factor ``[B, F * V, T, h, w]``; for the runs see ``_runs``
``actions_out{run}/{dom}``         the same pass's action head
``hidden/{dom}/{i}``               input of block i, or output of the last
``actions_{norm,unnorm}/{dom}``    ``actions_in`` normalized, and back
``roll/{dom}/{name}/...``          frames decoded after the first of ``tokens``; the name is ``s``
                                   and the mask steps, then the order
``loss``, ``acc``, ...             training and evaluation losses of ``input_ids`` and ``labels``
=================================  ============================================================

Any of them may be missing. A model without action spaces was asked under a name of its own, or
under none: then ``logits`` instead of ``logits/{dom}``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hma_ros.cli.golden.activations import block_activations
from hma_ros.cli.golden.golden import GoldenArrays, at
from hma_ros.cli.golden.one_thread import one_thread
from hma_ros.cli.golden.report import FLOAT32, IDENTICAL, REORDERED, Comparison, compare
from hma_ros.core.errors import ConfigError
from hma_ros.network.checkpoint import load_released
from hma_ros.network.discrete import DiscreteHma, discrete_loss
from hma_ros.network.full_window import FramePass, decode_frame

Found = Iterator[tuple[str, Tensor | None]]
_INPUTS = r'tokens(_masked)?|input_ids|labels|(actions_in|action_mask)(/.*)?|roll/.*/rand_conf'
# What was asked of the same window; the names say how.
_RUNS = ('', '_b1', '_noact', '_skipnorm', '_short', '_actmask')


def check(folder: Path) -> Iterator[Comparison]:
    """
    Compare every array in the folder.

    :raises ConfigError: the checkpoint is incomplete, an array is missing, or one is there that
        nothing here computes.
    """
    with one_thread():
        yield from _all(folder)


def _all(folder: Path) -> Iterator[Comparison]:
    golden, model = GoldenArrays(folder), load_released(folder)
    if not isinstance(model, DiscreteHma):
        raise ConfigError(f'{folder}: got a continuous model, expected a discrete one')
    parts = (_losses,) if 'labels' in golden else (_passes, _hidden, _normalised, _rollouts)
    for domain in golden.domains(model.config, 'logits'):
        for part in parts:
            for name, found in part(model, golden, domain):
                if name in golden:
                    expected = golden[name]
                    yield compare(name, np.asarray(found), expected, _tolerance(name, expected))
    golden.check_all_read(_INPUTS)


def _tolerance(name: str, expected: np.ndarray) -> float:
    """Records of rollouts are 4e-5 away from double precision themselves."""
    if expected.dtype.kind in 'iu':
        return IDENTICAL
    return REORDERED if name.startswith('roll/') else FLOAT32


@torch.no_grad()
def _passes(model: DiscreteHma, golden: GoldenArrays, domain: str) -> Found:
    for run, arguments in _runs(golden, domain):
        side = golden['tokens_masked'].shape[2:]
        output = model(arguments.pop('ids'), domain, **arguments)
        yield at(f'logits{run}', domain), _as_upstream(output.logits_BRSFV, side)
        yield at(f'actions_out{run}', domain), output.chunk_BRX


def _runs(golden: GoldenArrays, domain: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what was asked of the same window, those that are there."""
    runs = [run for run in _RUNS if _has(golden, f'logits{run}', f'actions_out{run}', domain)]
    if not runs:
        return
    ids, actions = _tokens(golden, 'tokens_masked'), _actions(golden, domain)
    for run in runs:
        if run == '_b1':
            yield run, {'ids': ids[:1], 'actions_BRX': _first(actions, 1)}
        elif run == '_noact':
            yield run, {'ids': ids[:1], 'actions_BRX': None}
        elif run == '_skipnorm':
            normalised = _of(golden, 'actions_norm', domain)
            yield run, {'ids': ids, 'actions_BRX': normalised, 'is_normalised': True}
        elif run == '_short':
            steps = golden[at('logits_short', domain)].shape[2]
            known = None if actions is None else actions[:, :steps]
            yield run, {'ids': ids[:, :steps], 'actions_BRX': known}
        elif run == '_actmask':
            masked = _of(golden, 'action_mask', domain)
            yield run, {'ids': ids, 'actions_BRX': actions, 'masked_BR': masked}
        else:
            yield run, {'ids': ids, 'actions_BRX': actions}


def _hidden(model: DiscreteHma, golden: GoldenArrays, domain: str) -> Found:
    def run() -> None:
        model(_tokens(golden, 'tokens_masked'), domain, _actions(golden, domain))

    yield from block_activations(golden, domain, model.blocks, run)


def _normalised(model: DiscreteHma, golden: GoldenArrays, domain: str) -> Found:
    if _has(golden, 'actions_norm', 'actions_unnorm', domain):
        normalised = model.action_preprocessor[domain](_of(golden, 'actions_in', domain))
        yield at('actions_norm', domain), normalised
        yield at('actions_unnorm', domain), model.in_units(normalised, domain)


@torch.no_grad()
def _rollouts(model: DiscreteHma, golden: GoldenArrays, domain: str) -> Found:
    group = f'{at("roll", domain)}/'
    for name in sorted(
        {key.removeprefix(group).split('/')[0] for key in golden if key.startswith(group)}
    ):
        yield from _rollout(model, golden, domain, f'{group}{name}')


def _rollout(model: DiscreteHma, golden: GoldenArrays, domain: str, prefix: str) -> Found:
    """Decode all frames after the prompt."""
    side, window = golden['tokens'].shape[2:], _tokens(golden, 'tokens')
    count = _imagined(golden, prefix)
    prompt = window.shape[1] - count
    window[:, prompt:] = model.mask_id
    draws = _draws(golden, prefix, count, window.shape[0])
    frames = [
        _decode(model, golden, domain, window, prompt + frame, _mask_steps(golden, prefix), order)
        for frame, order in enumerate(draws)
    ]
    first = torch.stack([frame[0].logits_BSFV for frame in frames], 1)
    yield f'{prefix}/tokens', window.unflatten(2, side)
    yield f'{prefix}/first_logits', first.permute(0, 4, 3, 1, 2).unflatten(4, side)
    seen = torch.stack([one.seen_BTS for frame in frames for one in frame], 1)
    yield f'{prefix}/inputs_each_pass', seen.unflatten(3, side)
    yield f'{prefix}/actions_out_last', frames[-1][-1].chunk_BTX


def _mask_steps(golden: GoldenArrays, prefix: str) -> int:
    """Read them from the name, which is ``s`` and the mask steps, then the order."""
    steps = prefix.rpartition('/')[2][1:].partition('_')[0]
    if not steps.isdecimal() or int(steps) < 1:
        raise ConfigError(
            f"{golden.path}: {prefix}: got no mask steps in the name, expected 's2_greedy'"
        )
    return int(steps)


def _imagined(golden: GoldenArrays, prefix: str) -> int:
    """Count the frames that were imagined, by an array that has them."""
    if f'{prefix}/first_logits' in golden:
        return int(golden[f'{prefix}/first_logits'].shape[3])
    passes = golden[f'{prefix}/inputs_each_pass'].shape[1]
    return int(passes) // _mask_steps(golden, prefix)


def _draws(
    golden: GoldenArrays, prefix: str, frames: int, batch: int
) -> list[list[np.ndarray] | None]:
    """Return what was drawn for each frame, at one mask step or several; None for nothing."""
    if f'{prefix}/rand_conf' not in golden:
        return [None] * frames
    drawn = golden[f'{prefix}/rand_conf']
    if drawn.shape[1] % frames or drawn.shape[1] // frames < _mask_steps(golden, prefix) - 1:
        raise ConfigError(
            f'{golden.path}: {prefix}/rand_conf: got {list(drawn.shape)}, expected on the second '
            f'axis a draw for each of {frames} frames and each mask step but the last'
        )
    steps = np.split(drawn.reshape(batch, drawn.shape[1], -1), drawn.shape[1], 1)
    each = len(steps) // frames
    return [[one[:, 0] for one in steps[i * each : (i + 1) * each]] for i in range(frames)]


def _decode(
    model: DiscreteHma,
    golden: GoldenArrays,
    domain: str,
    window: Tensor,
    step: int,
    steps: int,
    order: list[np.ndarray] | None,
) -> list[FramePass]:
    """Fill in a step."""
    actions = _actions(golden, domain)
    passes = list(decode_frame(model, window, step, domain, actions, steps, order))
    window[:, step] = passes[-1].ids_BS
    return passes


@torch.no_grad()
def _losses(model: DiscreteHma, golden: GoldenArrays, domain: str) -> Found:
    ids, labels = _tokens(golden, 'input_ids'), _tokens(golden, 'labels')
    actions, masked = _actions(golden, domain), None
    if at('action_mask', domain) in golden:
        masked = _of(golden, 'action_mask', domain)
    output = model(ids, domain, actions, masked)
    if output.chunk_BRX is not None and (actions is None or masked is None):
        output = output._replace(chunk_BRX=None)
    nothing = torch.zeros(0)
    loss = discrete_loss(
        model,
        output,
        ids,
        labels,
        domain,
        nothing if actions is None else actions,
        nothing if masked is None else masked,
    )
    logits = _as_upstream(output.logits_BRSFV, golden['labels'].shape[2:])
    if (name := at('logits', domain)) in golden:
        # Of the logits only a corner is kept.
        height, width = golden[name].shape[3:]
        yield name, logits[..., :height, :width]
    yield at('actions_out', domain), output.chunk_BRX
    yield at('loss', domain), loss.frame
    yield at('acc', domain), loss.accuracy
    yield at('action_loss', domain), loss.action
    yield at('eval_loss', domain), _evaluation_loss(model, output.logits_BRSFV, labels)


def _evaluation_loss(model: DiscreteHma, logits_BRSFV: Tensor, labels_BTS: Tensor) -> Tensor:
    """Cross entropy of all tokens but the first step's, without smoothing, summed over factors."""
    factors = model.factorise(labels_BTS[:, 1:])
    logits = logits_BRSFV[:, 1:].flatten(0, 3)
    entropy = F.cross_entropy(logits, factors.flatten(), reduction='none')
    return entropy.view_as(factors).sum(-1).mean()


def _as_upstream(logits_BRSFV: Tensor, side: tuple[int, ...]) -> Tensor:
    """Logits as ``[B, F * V, T, h, w]``."""
    logits: Tensor = logits_BRSFV.flatten(3).permute(0, 3, 1, 2).unflatten(3, side)
    return logits


def _tokens(golden: GoldenArrays, name: str) -> Tensor:
    """Ids of a window ``[B, T, S]``."""
    return torch.from_numpy(golden[name]).flatten(2)


def _of(golden: GoldenArrays, name: str, domain: str) -> Tensor:
    return torch.from_numpy(golden[at(name, domain)])


def _actions(golden: GoldenArrays, domain: str) -> Tensor | None:
    """Return what was executed; None where nothing is said of it."""
    return _of(golden, 'actions_in', domain) if at('actions_in', domain) in golden else None


def _first(actions: Tensor | None, count: int) -> Tensor | None:
    return None if actions is None else actions[:count]


def _has(golden: GoldenArrays, one: str, other: str, domain: str) -> bool:
    return at(one, domain) in golden or at(other, domain) in golden
