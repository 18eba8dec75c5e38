# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Sampling as published: every mask step computes the whole window, future steps included.

The continuous counterpart of :mod:`hma_ros.network.full_window`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hma_ros.core.generation.diffusion import Noise, Sampling
from hma_ros.core.generation.masking import unmask_all_again, unmask_new
from hma_ros.network.config import Compat
from hma_ros.network.continuous import ContinuousHma
from hma_ros.network.diffusion_head import DiffusionHead

# Draws the noise of a sample ``[N, E]``, as ``functools.partial(sampling.draw, generator)`` does.
Draw = Callable[[tuple[int, int]], Noise]


class FrameSample(NamedTuple):
    """
    One mask step of a frame.

    :param z_BSC: what the frame's patches were sampled from.
    :param z_action_BTC: what chunks may be sampled from (:func:`sample_chunks`), or None.
    :param sampled_BK: patches that were sampled, ascending.
    :param patches_BSE: the frame after the step; patches still masked are arbitrary.
    """

    z_BSC: Tensor
    z_action_BTC: Tensor | None
    sampled_BK: np.ndarray
    patches_BSE: Tensor


@torch.no_grad()
def sample_frame(
    model: ContinuousHma,
    window_BTSE: Tensor,
    step: int,
    domain: str,
    actions_BTX: Tensor | None,
    order_BS: np.ndarray,
    mask_steps: int,
    sampling: Sampling,
    draw: Draw,
    resample_unmasked: bool = False,
) -> Iterator[FrameSample]:
    """
    Sample one frame, step by step.

    :param window_BTSE: ``float32[B, T, S, E]``; steps from `step` on are not looked at.
    :param actions_BTX: of the whole window, or None.
    :param order_BS: a permutation of the patches for each sample; the last are unmasked first.
    :param resample_unmasked: sample what is unmasked again at every step, as upstream does;
        otherwise each patch is sampled once.
    """
    unmask = unmask_all_again if resample_unmasked else unmask_new
    window, samples = window_BTSE.clone(), np.arange(len(order_BS))[:, None]
    masked = torch.zeros(window.shape[:3], dtype=torch.bool)
    masked[:, step:] = True
    for chosen_BK in unmask(order_BS, mask_steps):
        output = model(window, masked.unsqueeze(-1), domain, actions_BTX)
        z = output.z_BRSC[:, step]
        patches = _sample(model.diffloss, z[samples, chosen_BK], sampling, draw)
        window[samples, step, chosen_BK] = patches
        masked[samples, step, chosen_BK] = False
        yield FrameSample(z, output.z_action_BRC, chosen_BK, window[:, step].clone())


def sample_chunks(
    model: ContinuousHma, z_action_BRC: Tensor, domain: str, sampling: Sampling, draw: Draw
) -> Tensor:
    """
    Sample the chunk of every step: ``float32[B, R, stride * A]`` in units of the data set.

    Upstream's heads learn chunks in units, ours normalized.
    """
    chunk = _sample(model.action_head(domain), z_action_BRC, sampling, draw)
    if model.config.compat is Compat.UPSTREAM:
        return chunk
    units: Tensor = model.action_preprocessor[domain].inverse(chunk)
    return units


def _sample(head: DiffusionHead, z_BKC: Tensor, sampling: Sampling, draw: Draw) -> Tensor:
    z = z_BKC.flatten(0, 1)
    sample = sampling.sample(head.denoiser(z), draw((len(z), head.size)))
    return torch.from_numpy(sample).to(z.device).unflatten(0, z_BKC.shape[:2])
