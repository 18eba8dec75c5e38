# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Decoding as published: every mask step computes the whole window, future steps included.

The reference for exactness, and the baseline for speed. What runs on a robot keeps past steps:
see :mod:`hma_ros.runtime.token_world_model`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hma_ros.core.generation.masking import keep_most_confident, masked_after
from hma_ros.network.discrete import DiscreteHma


class FramePass(NamedTuple):
    """
    One mask step of a frame.

    :param seen_BTS: the window as the trunk saw it.
    :param logits_BSFV: of the frame.
    :param chunk_BTX: of the action head, or None.
    :param ids_BS: the frame after the step, still masked tokens as ``mask_id``.
    """

    seen_BTS: Tensor
    logits_BSFV: Tensor
    chunk_BTX: Tensor | None
    ids_BS: Tensor


@torch.no_grad()
def decode_frame(
    model: DiscreteHma,
    window_BTS: Tensor,
    step: int,
    domain: str,
    actions_BTX: Tensor | None,
    mask_steps: int,
    order: list[np.ndarray] | None = None,
) -> Iterator[FramePass]:
    """
    Fill in the first frame that is still masked, step by step.

    :param window_BTS: ``int64[B, T, S]``; steps from `step` on are masked.
    :param actions_BTX: of the whole window, or None.
    :param order: ``float[B, S]`` for each step but the last: the greatest are unmasked first.
        None unmasks what the model is surest of.
    """
    window = window_BTS.clone()
    for mask_step in range(mask_steps):
        seen = window.clone()
        output = model(seen, domain, actions_BTX)
        logits = output.logits_BRSFV[:, step]
        probability, factors = logits.softmax(-1).max(-1)
        still = masked_after(mask_step, mask_steps, window.shape[2])
        masked = (window[:, step] == model.mask_id).numpy()
        rank = probability.prod(-1).numpy() if order is None or not still else order[mask_step]
        still_masked = torch.from_numpy(keep_most_confident(rank, masked, still))
        chosen = torch.where(torch.from_numpy(masked), model.join(factors), window[:, step])
        window[:, step] = chosen.masked_fill(still_masked, model.mask_id)
        yield FramePass(seen, logits, output.chunk_BRX, window[:, step].clone())
