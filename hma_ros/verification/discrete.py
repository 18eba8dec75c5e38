# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The discrete model against arrays of the research code.

``config.json`` and ``model.safetensors`` are a checkpoint as the authors release them. What is in
``golden.npz`` decides what is compared (``{dom}``: domain, B: batch, T: rows of the window):

=================================  ============================================================
array                              of what
=================================  ============================================================
``logits{run}/{dom}``              a pass over ``tokens_masked`` and ``actions_in/{dom}``, factor
                                   by factor ``[B, F * V, T, h, w]``; for the runs see ``_runs``
``actions_out{run}/{dom}``         the same pass's action head
``hidden/{dom}/{i}``               input of block i, or output of the last
``actions_{norm,unnorm}/{dom}``    ``actions_in`` in deviations, and back
``roll/{dom}/{name}/...``          frames decoded after the first of ``tokens``; the name is ``s``
                                   and the mask steps, then the order
``loss``, ``acc``, ...             training and evaluation losses of ``input_ids`` and ``labels``
=================================  ============================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hma_ros.core.errors import ConfigError
from hma_ros.network.paper.checkpoint import read_released
from hma_ros.network.paper.discrete import DiscreteHma, discrete_loss
from hma_ros.network.paper.full_window import FramePass, decode_frame
from hma_ros.verification.golden import GoldenArrays
from hma_ros.verification.one_thread import one_thread
from hma_ros.verification.report import FLOAT32, IDENTICAL, REORDERED, Comparison, compare

Found = Iterator[tuple[str, Tensor | None]]


def check(folder: Path) -> Iterator[Comparison]:
    """
    Compare every array in the folder.

    :raises ConfigError: the checkpoint is incomplete, an array is missing, or one is there that
        nothing here computes.
    """
    with one_thread():
        yield from _all(folder)


def _all(folder: Path) -> Iterator[Comparison]:
    golden, model = GoldenArrays(folder), read_released(folder)
    if not isinstance(model, DiscreteHma):
        raise ConfigError(f'{folder}: a continuous model, expected a discrete one')
    parts = (_losses,) if 'labels' in golden else (_passes, _hidden, _normalised, _rollouts)
    for domain in model.config.domains:
        for part in parts:
            for name, found in part(model, golden, domain.name):
                expected = golden[name]
                yield compare(name, np.asarray(found), expected, _tolerance(name, expected))
    golden.check_all_read()


def _tolerance(name: str, expected: np.ndarray) -> float:
    """Records of rollouts are 4e-5 away from double precision themselves."""
    if expected.dtype.kind in 'iu':
        return IDENTICAL
    return REORDERED if name.startswith('roll/') else FLOAT32


@torch.no_grad()
def _passes(model: DiscreteHma, golden: GoldenArrays, domain: str) -> Found:
    side = golden['tokens_masked'].shape[2:]
    for run, arguments in _runs(golden, domain):
        output = model(arguments.pop('ids'), domain, **arguments)
        yield f'logits{run}/{domain}', _as_upstream(output.logits_BRSFV, side)
        if f'actions_out{run}/{domain}' in golden:
            yield f'actions_out{run}/{domain}', output.chunk_BRX


def _runs(golden: GoldenArrays, domain: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what was asked of the same window, those that are there."""
    ids, actions = _tokens(golden, 'tokens_masked'), _of(golden, 'actions_in', domain)
    yield '', {'ids': ids, 'actions_BRX': actions}
    if f'logits_b1/{domain}' in golden:
        yield '_b1', {'ids': ids[:1], 'actions_BRX': actions[:1]}
    if f'logits_noact/{domain}' in golden:
        yield '_noact', {'ids': ids[:1], 'actions_BRX': None}
    if f'logits_skipnorm/{domain}' in golden:
        normalised = _of(golden, 'actions_norm', domain)
        yield '_skipnorm', {'ids': ids, 'actions_BRX': normalised, 'is_normalised': True}
    if f'logits_short/{domain}' in golden:
        rows = golden[f'logits_short/{domain}'].shape[2]
        yield '_short', {'ids': ids[:, :rows], 'actions_BRX': actions[:, :rows]}
    if f'logits_actmask/{domain}' in golden:
        masked = _of(golden, 'action_mask', domain)
        yield '_actmask', {'ids': ids, 'actions_BRX': actions, 'masked_BR': masked}


@torch.no_grad()
def _hidden(model: DiscreteHma, golden: GoldenArrays, domain: str) -> Found:
    if f'hidden/{domain}/0' not in golden:
        return
    seen: list[Tensor] = []
    hooks = [
        block.register_forward_hook(lambda _, given, made: seen.extend([given[0], made[0]]))
        for block in model.blocks
    ]
    model(_tokens(golden, 'tokens_masked'), domain, _of(golden, 'actions_in', domain))
    for hook in hooks:
        hook.remove()
    for index, hidden in enumerate([*seen[::2], seen[-1]]):
        yield f'hidden/{domain}/{index}', hidden


def _normalised(model: DiscreteHma, golden: GoldenArrays, domain: str) -> Found:
    if f'actions_norm/{domain}' in golden:
        normalised = model.action_preprocessor[domain](_of(golden, 'actions_in', domain))
        yield f'actions_norm/{domain}', normalised
        yield f'actions_unnorm/{domain}', model.in_units(normalised, domain)


@torch.no_grad()
def _rollouts(model: DiscreteHma, golden: GoldenArrays, domain: str) -> Found:
    prefix = f'roll/{domain}/'
    for name in sorted({key.split('/')[2] for key in golden if key.startswith(prefix)}):
        yield from _rollout(model, golden, domain, name)


def _rollout(model: DiscreteHma, golden: GoldenArrays, domain: str, name: str) -> Found:
    """Decode all frames after the prompt."""
    prefix, side = f'roll/{domain}/{name}', golden['tokens'].shape[2:]
    window = _tokens(golden, 'tokens')
    prompt = window.shape[1] - golden[f'{prefix}/first_logits'].shape[3]
    window[:, prompt:] = model.mask_id
    frames = [
        _decode(model, golden, prefix, window, row, row - prompt)
        for row in range(prompt, window.shape[1])
    ]
    first = torch.stack([frame[0].logits_BSFV for frame in frames], 1)
    yield f'{prefix}/tokens', window.unflatten(2, side)
    yield f'{prefix}/first_logits', first.permute(0, 4, 3, 1, 2).unflatten(4, side)
    if f'{prefix}/inputs_each_pass' in golden:
        seen = torch.stack([one.seen_BTS for frame in frames for one in frame], 1)
        yield f'{prefix}/inputs_each_pass', seen.unflatten(3, side)
    if f'{prefix}/actions_out_last' in golden:
        yield f'{prefix}/actions_out_last', frames[-1][-1].chunk_BTX


def _decode(
    model: DiscreteHma, golden: GoldenArrays, prefix: str, window: Tensor, row: int, frame: int
) -> list[FramePass]:
    """Fill in a row; the name is ``s`` and the mask steps, and drawn orders are at hand."""
    _, domain, name = prefix.split('/')
    order = None
    if f'{prefix}/rand_conf' in golden:
        order = [golden[f'{prefix}/rand_conf'][:, frame].reshape(len(window), -1)]
    steps = int(name[1:].partition('_')[0])
    actions = _of(golden, 'actions_in', domain)
    passes = list(decode_frame(model, window, row, domain, actions, steps, order))
    window[:, row] = passes[-1].ids_BS
    return passes


@torch.no_grad()
def _losses(model: DiscreteHma, golden: GoldenArrays, domain: str) -> Found:
    ids, labels = _tokens(golden, 'input_ids'), _tokens(golden, 'labels')
    actions, masked = _of(golden, 'actions_in', domain), _of(golden, 'action_mask', domain)
    output = model(ids, domain, actions, masked)
    loss = discrete_loss(model, output, ids, labels, domain, actions, masked)
    # Of the logits only a corner is kept.
    height, width = golden[f'logits/{domain}'].shape[3:]
    logits = _as_upstream(output.logits_BRSFV, golden['labels'].shape[2:])
    yield f'logits/{domain}', logits[..., :height, :width]
    yield f'actions_out/{domain}', output.chunk_BRX
    yield f'loss/{domain}', loss.frame
    yield f'acc/{domain}', loss.accuracy
    yield f'action_loss/{domain}', loss.action
    yield f'eval_loss/{domain}', _evaluation_loss(model, output.logits_BRSFV, labels)


def _evaluation_loss(model: DiscreteHma, logits_BRSFV: Tensor, labels_BTS: Tensor) -> Tensor:
    """Cross entropy of all tokens but the first row's, without smoothing, summed over factors."""
    factors = model.factorise(labels_BTS[:, 1:])
    logits = logits_BRSFV[:, 1:].flatten(0, 3)
    entropy = F.cross_entropy(logits, factors.flatten(), reduction='none')
    return entropy.view_as(factors).sum(-1).mean()


def _as_upstream(logits_BRSFV: Tensor, side: tuple[int, ...]) -> Tensor:
    """Logits as ``[B, F * V, T, h, w]``."""
    return logits_BRSFV.flatten(3).permute(0, 3, 1, 2).unflatten(3, side)


def _tokens(golden: GoldenArrays, name: str) -> Tensor:
    """Ids of a window ``[B, T, S]``."""
    return torch.from_numpy(golden[name]).flatten(2)


def _of(golden: GoldenArrays, name: str, domain: str) -> Tensor:
    return torch.from_numpy(golden[f'{name}/{domain}'])
