# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The continuous model against arrays of the research code.

``config.json`` and ``model.safetensors`` are a checkpoint as the authors release them. All arrays
are compared with compat: upstream: unmasked patches are sampled again at every step, action heads
learn units of the data set, and the trunk sees the actions that are to be predicted.

=================================  ============================================================
array                              of what
=================================  ============================================================
``sched/{train,gen}/...``          noise schedules: that of training, and the released steps
``patchified``, ...                ``latents`` with the pixels of ``pixel_mask`` masked
``hidden/{dom}/{i}``               input of block i, or output of the last
``z/{dom}``, ``z_action/{dom}``    a pass over them, with ``actions_in``; ``noact``: without
``head/...``                       the denoiser and its training terms at given steps
``ddpm/{name}/sample``             samples from given noise; the name says temperature, clipping
                                   and guidance
``train/{dom}/...``                training losses with given draws
``roll/{dom}/{name}/...``          frames sampled after the first of ``latents``; the name is ``s``
                                   and the mask steps, then the temperature
=================================  ============================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hma_ros.cli.golden.activations import block_activations
from hma_ros.cli.golden.golden import GoldenArrays, at
from hma_ros.cli.golden.noise import Replay, training_draws
from hma_ros.cli.golden.one_thread import one_thread
from hma_ros.cli.golden.report import (
    AMPLIFIED,
    FLOAT32,
    IDENTICAL,
    REORDERED,
    Comparison,
    compare,
    relative_error,
)
from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.diffusion import Noise, ancestral, guided
from hma_ros.core.generation.patches import patchify, unpatchify
from hma_ros.network.checkpoint import load_released
from hma_ros.network.continuous import (
    ContinuousDraws,
    ContinuousHma,
    ContinuousSteps,
    continuous_loss,
)
from hma_ros.network.diffusion_head import DiffusionDraws, waves
from hma_ros.network.full_window_continuous import FrameSample, sample_chunks, sample_frame

Found = Iterable[tuple[str, Any]]
_INPUTS = (
    r'latents|pixel_mask|actions_in(/.*)?|head/(z|x_t|x0|t|noise)|ddpm/.*_noise|'
    r'train/.*/draw.*|roll/.*/(orders|noise_flat|noise_shapes)'
)
# Upstream's largest magnitude of a clean sample.
_CLIP = 10.0
# Replays with other last bits; how many times what they move is taken for rounding, and what is
# not, whatever they move.
_NUDGES, _NUDGE_MARGIN, _LARGEST_TOLERANCE = 12, 4.0, 0.5


def check(folder: Path) -> Iterator[Comparison]:
    """
    Compare every array in the folder.

    Rollouts that rounding tears apart are judged by what rounding does to them: their tolerance
    is then larger than elsewhere.

    :raises ConfigError: the checkpoint is incomplete or not of this kind, an array is missing, or
        one is there that nothing here computes.
    """
    with one_thread():
        yield from _all(folder)


def _all(folder: Path) -> Iterator[Comparison]:
    golden, model = GoldenArrays(folder), load_released(folder)
    if not isinstance(model, ContinuousHma):
        raise ConfigError(f'{folder}: got a discrete model, expected a continuous one')
    for part in (_schedules, _patches, _head, _samples):
        yield from _compared(golden, part(model, golden))
    for domain in golden.domains(model.config, 'z'):
        for of_domain in (_passes, _hidden, _losses):
            yield from _compared(golden, of_domain(model, golden, domain))
        yield from _rollouts(model, golden, domain)
    golden.check_all_read(_INPUTS)


def _compared(golden: GoldenArrays, found: Found) -> Iterator[Comparison]:
    for name, array in found:
        if name in golden:
            expected = golden[name]
            yield compare(name, np.asarray(array), expected, _tolerance(name, expected))


def _tolerance(name: str, expected: np.ndarray) -> float:
    if expected.dtype.kind in 'biu':
        return IDENTICAL
    if name.startswith('roll/') or 'clip0' in name:
        # A sample that is not clipped, or conditions the next, amplifies rounding errors.
        return AMPLIFIED
    # The last bit of a frequency, on which processors differ, is 6e-5 of a wave at step 999.
    return REORDERED if name.startswith(('ddpm/', 'head/t_emb')) else FLOAT32


def _schedules(model: ContinuousHma, _: GoldenArrays) -> Found:
    training = model.diffloss.schedule
    for kind, schedule in (('train', training), ('gen', training.evenly(model.parts.steps))):
        arrays = {
            'timestep_map': schedule.timesteps_K,
            'betas': schedule.betas_K,
            'alphas_cumprod': schedule.alpha_bars_K,
            'posterior_log_variance_clipped': schedule.least_log_variance_K,
            'posterior_mean_coef1': schedule.posterior_start_K,
            'posterior_mean_coef2': schedule.posterior_noisy_K,
        }
        for name, array in arrays.items():
            yield f'sched/{kind}/{name}', array


@torch.no_grad()
def _patches(model: ContinuousHma, golden: GoldenArrays) -> Found:
    if 'pixel_mask' not in golden:
        return
    clean, masked = _window(model, golden)
    height, width = golden['latents'].shape[2:4]
    with_mask = model.mask(clean, masked).numpy()
    patch, size = model.parts.patch, (height, width)
    grid = (height // patch, width // patch)
    yield 'latents_masked', unpatchify(with_mask, patch, size)
    yield 'patchified', with_mask.reshape(*with_mask.shape[:2], *grid, -1)
    yield 'latents', unpatchify(clean.numpy(), patch, size)
    hit = masked.any(-1).unflatten(-1, grid)
    yield 'train/patch_loss_mask', hit


@torch.no_grad()
def _head(model: ContinuousHma, golden: GoldenArrays) -> Found:
    head, of = model.diffloss, _reader(golden, 'head/')
    if 'head/t' not in golden:
        return
    yield 'head/t_emb', waves(of('t'))
    if {'head/x_t', 'head/z'} <= set(golden):
        yield 'head/net_out', torch.cat(head.net(of('x_t'), of('t'), of('z')), -1)
    if not {'head/noise', 'head/x0', 'head/z'} <= set(golden):
        return
    draws = DiffusionDraws(of('t'), of('noise'))
    terms = head.terms(of('z'), of('x0'), draws)
    yield 'head/q_sample', head.noisy(of('x0'), draws)
    yield 'head/train_mse', terms.error_N
    yield 'head/train_vb', terms.bound_N
    yield 'head/train_loss', terms.error_N + terms.bound_N


def _samples(model: ContinuousHma, golden: GoldenArrays) -> Found:
    names = [name for name in _names(golden, 'ddpm/', level=1) if f'ddpm/{name}/sample' in golden]
    if not names:
        return
    denoise = model.diffloss.denoiser(_reader(golden, 'head/')('z'))
    schedule = model.diffloss.schedule.evenly(model.parts.steps)
    for name in names:
        noise, scale = _given_noise(golden, f'ddpm/{name}/')
        clip = _CLIP if name.endswith('clip1') else None
        source = denoise if scale is None else guided(denoise, scale)
        yield f'ddpm/{name}/sample', ancestral(schedule, source, noise, clip)


def _given_noise(golden: GoldenArrays, prefix: str) -> tuple[Noise, float | None]:
    """Noise of ``T{temperature}_...`` or ``cfg{scale}_T{temperature}_...``, and the scale."""
    first, *_ = words = prefix.split('/')[1].split('_')
    if not first.startswith('cfg'):
        steps = np.float32(first[1:]) * golden[_own(golden, prefix, 'step_noise')]
        return Noise(golden[_own(golden, prefix, 'init_noise')], steps), None
    half, steps = golden[f'{prefix}half_noise'], golden[_own(golden, prefix, 'step_noise')]
    start = np.concatenate([half, half])
    return Noise(start, np.float32(words[1][1:]) * steps), float(first[3:])


def _own(golden: GoldenArrays, prefix: str, name: str) -> str:
    """Name the noise of a sample, or what all of them share."""
    return f'{prefix}{name}' if f'{prefix}{name}' in golden else f'ddpm/{name}'


@torch.no_grad()
def _passes(model: ContinuousHma, golden: GoldenArrays, domain: str) -> Found:
    for name, windows in (('', None), ('_noact', 1)):
        if at(f'z{name}', domain) not in golden and at(f'z_action{name}', domain) not in golden:
            continue
        clean, masked = _window(model, golden)
        actions = None if windows else _actions(golden, domain)
        output = model(clean[:windows], masked[:windows], domain, actions)
        yield at(f'z{name}', domain), _as_upstream(output.z_BRSC, model, golden)
        if output.z_action_BRC is not None:
            yield at(f'z_action{name}', domain), output.z_action_BRC


def _hidden(model: ContinuousHma, golden: GoldenArrays, domain: str) -> Found:
    def run() -> None:
        model(*_window(model, golden), domain, _actions(golden, domain))

    yield from block_activations(golden, domain, model.blocks, run)


@torch.no_grad()
def _losses(model: ContinuousHma, golden: GoldenArrays, domain: str) -> Found:
    prefix = at('train', domain)
    if f'{prefix}/loss' not in golden:
        return
    clean, masked = _window(model, golden)
    actions = _actions(golden, domain)
    drawn = training_draws(golden, prefix)
    output = model(clean, masked, domain, actions)
    count = _times_drawn(golden, prefix, drawn.draws, output)
    # Chunks count from a drawn step on.
    first = torch.zeros(1, 1) if drawn.first is None else drawn.first
    counted = (torch.arange(clean.shape[1]) >= first).expand(clean.shape[:2])
    loss = continuous_loss(
        model,
        _repeated(output, count),
        clean.repeat(count, 1, 1, 1),
        masked.repeat(count, 1, 1, 1),
        domain,
        torch.zeros(0) if actions is None else actions.repeat(count, 1, 1),
        counted.repeat(count, 1),
        drawn.draws,
    )
    yield f'{prefix}/loss', loss.frame
    if loss.action is not None:
        yield f'{prefix}/action_loss', loss.action


def _times_drawn(
    golden: GoldenArrays, prefix: str, draws: ContinuousDraws, output: ContinuousSteps
) -> int:
    """Say how often the same patches were drawn for."""
    patches = output.z_BRSC[..., 0].numel()
    drawn = len(draws.patches.timestep_N)
    if drawn < patches or drawn % patches:
        raise ConfigError(
            f'{golden.path}: {prefix}: got draws for {drawn} patches, expected {patches}, once or '
            'several times'
        )
    return drawn // patches


def _repeated(output: ContinuousSteps, count: int) -> ContinuousSteps:
    """Repeat what was said, as upstream does to draw several times (diffusion_batch_mul)."""
    chunks = output.z_action_BRC
    return output._replace(
        z_BRSC=output.z_BRSC.repeat(count, 1, 1, 1),
        z_action_BRC=None if chunks is None else chunks.repeat(count, 1, 1),
    )


def _rollouts(model: ContinuousHma, golden: GoldenArrays, domain: str) -> Iterator[Comparison]:
    group = at('roll', domain)
    for name in _names(golden, f'{group}/', level=group.count('/') + 1):
        found = list(_rollout(model, golden, domain, f'{group}/{name}'))
        compared = list(_compared(golden, found))
        if not all(item.ok for item in compared):
            compared = _within_rounding(model, golden, domain, found, compared)
        yield from compared


def _within_rounding(
    model: ContinuousHma,
    golden: GoldenArrays,
    domain: str,
    found: list[tuple[str, Any]],
    compared: list[Comparison],
) -> list[Comparison]:
    """
    Compare again, with what last bits of the noise move as the least tolerance.

    Each sample conditions the next: in a recorded rollout the last bit of a product, which no two
    kinds of processor agree on, has grown to a tenth of the result.
    """
    prefix = found[0][0].rpartition('/')[0]
    moved = dict.fromkeys((name for name, _ in found), 0.0)
    for seed in range(_NUDGES):
        nudged = _rollout(model, golden, domain, prefix, np.random.default_rng(seed))
        for (name, array), (_, other) in zip(found, nudged, strict=True):
            moved[name] = max(moved[name], relative_error(np.asarray(other), np.asarray(array)))
    return [
        replace(item, tolerance=max(item.tolerance, min(_NUDGE_MARGIN * far, _LARGEST_TOLERANCE)))
        for item, far in zip(compared, moved.values(), strict=True)
    ]


def _rollout(
    model: ContinuousHma,
    golden: GoldenArrays,
    domain: str,
    prefix: str,
    nudge: np.random.Generator | None = None,
) -> Found:
    """Sample all steps after the prompt; upstream samples all chunks after each step."""
    replay, orders = Replay(model, golden, prefix, nudge), golden[f'{prefix}/orders']
    window, _ = _window(model, golden)
    first, counts, chunk = [], [], None
    for step, order in enumerate(orders, window.shape[1] - len(orders)):
        frames = _frames(model, golden, domain, replay, window, step, order)
        for mask_step, frame in enumerate(frames):
            if frame.z_action_BTC is not None:
                chunk = sample_chunks(
                    model, frame.z_action_BTC, domain, replay.sampling, replay.draw
                )
            first += [frame.z_BSC] if mask_step == 0 else []
            counts.append(frame.sampled_BK.size)
            window[:, step] = frame.patches_BSE
    size = golden['latents'].shape[2:4]
    yield f'{prefix}/latents', unpatchify(window.numpy(), model.parts.patch, size)
    yield f'{prefix}/first_z', _as_upstream(torch.stack(first, 1), model, golden)
    yield f'{prefix}/n_tokens_each_sample_call', np.array(counts)
    if chunk is not None:
        yield f'{prefix}/actions_out_last', chunk.flatten(0, 1)


def _frames(
    model: ContinuousHma,
    golden: GoldenArrays,
    domain: str,
    replay: Replay,
    window: Tensor,
    step: int,
    order: np.ndarray,
) -> Iterator[FrameSample]:
    return sample_frame(
        model,
        window,
        step,
        domain,
        _actions(golden, domain),
        order,
        replay.mask_steps,
        replay.sampling,
        replay.draw,
        resample_unmasked=True,
    )


def _window(model: ContinuousHma, golden: GoldenArrays) -> tuple[Tensor, Tensor]:
    """Patches ``[B, T, S, E]``, and which of their pixels are masked."""
    clean = patchify(golden['latents'], model.parts.patch)
    masked = patchify(golden['pixel_mask'][..., None], model.parts.patch)
    return torch.from_numpy(clean), torch.from_numpy(masked)


def _as_upstream(z_BRSC: Tensor, model: ContinuousHma, golden: GoldenArrays) -> Tensor:
    """As ``[B, C, T, h, w]``."""
    grid = [side // model.parts.patch for side in golden['latents'].shape[2:4]]
    frames: Tensor = z_BRSC.permute(0, 3, 1, 2).unflatten(3, grid)
    return frames


def _actions(golden: GoldenArrays, domain: str) -> Tensor | None:
    """Return what was executed; None where nothing is said of it."""
    name = at('actions_in', domain)
    return torch.from_numpy(golden[name]) if name in golden else None


def _reader(golden: GoldenArrays, prefix: str) -> Callable[[str], Tensor]:
    return lambda name: torch.from_numpy(golden[prefix + name])


def _names(golden: GoldenArrays, prefix: str, level: int) -> list[str]:
    """Names at a level below those arrays that begin with `prefix`."""
    return sorted({key.split('/')[level] for key in golden if key.startswith(prefix)})
