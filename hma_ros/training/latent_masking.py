# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the continuous model is not shown in training, and the noise its heads learn from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from hma_ros.network.continuous import ContinuousDraws, ContinuousHma
from hma_ros.network.diffusion_head import DiffusionDraws, DiffusionHead


@dataclass(frozen=True)
class LatentMasking:
    """
    Rates of masking.

    The share of a frame that is masked is ``cos(pi / 2 * u)``, ``offset <= u < 1``: with an
    offset no frame is ever masked as a whole, though sampling begins with one that is.

    :param whole_patches: mask patches, as sampling does; otherwise pixels, which leaves half of
        the patches masked in part.
    :param offset: of the cosine.
    :param prompted: share of windows of which the first steps are all shown.
    :param prompt: fewest steps shown then; otherwise only the first step is.
    """

    whole_patches: bool = True
    offset: float = 0.0
    prompted: float = 0.2
    prompt: int = 4


# As the released models were trained.
UPSTREAM_MASKING = LatentMasking(whole_patches=False, offset=0.1)


@dataclass(frozen=True)
class LatentBatch:
    """
    All that is random about a training step.

    :param masked_BTSQ: pixels of patches to mask; Q is 1 where patches are masked whole.
    :param asked_BT: steps whose chunks are to be predicted: from some step on.
    :param draws: what the heads are trained with.
    """

    masked_BTSQ: Tensor
    asked_BT: Tensor
    draws: ContinuousDraws


def draw_batch(
    model: ContinuousHma,
    domain: str,
    windows: int,
    steps: int,
    masking: LatentMasking,
    generator: torch.Generator,
) -> LatentBatch:
    """
    Draw for a batch of windows.

    :param domain: whose chunks are learned.
    :param windows: in the batch.
    :param steps: of each.
    """
    tokens, pixels = model.config.image_tokens, model.parts.patch**2
    shape = (windows, steps, tokens, 1 if masking.whole_patches else pixels)
    first = torch.randint(steps, (windows, 1), generator=generator)
    patches = _draw(model.diffloss, windows * steps * tokens, generator)
    chunks = None
    if model.config.predict_actions and model.config.domains:
        chunks = _draw(model.action_head(domain), windows * steps, generator)
    return LatentBatch(
        masked_BTSQ=draw_masks(shape, masking, generator),
        asked_BT=torch.arange(steps) >= first,
        draws=ContinuousDraws(patches, chunks),
    )


def draw_masks(
    shape_BTSQ: tuple[int, int, int, int],
    masking: LatentMasking,
    generator: torch.Generator,
    shown_B1: Tensor | None = None,
) -> Tensor:
    """
    Draw which pixels to mask; never any of the first step.

    :param shown_B1: how many steps each window begins with, drawn here if None.
    """
    windows, steps = shape_BTSQ[:2]
    angle = masking.offset + (1 - masking.offset) * torch.rand(windows, steps, generator=generator)
    share = torch.cos(math.pi / 2 * angle)[..., None, None]
    masked = torch.rand(shape_BTSQ, generator=generator) < share
    if shown_B1 is None:
        shown_B1 = shown_steps(windows, steps, masking, generator)
    return masked & (torch.arange(steps) >= shown_B1)[..., None, None]


def shown_steps(
    windows: int, steps: int, masking: LatentMasking, generator: torch.Generator
) -> Tensor:
    """Draw how many steps each window begins with, ``int64[B, 1]``."""
    if steps <= masking.prompt:
        return torch.ones(windows, 1, dtype=torch.int64)
    prompt = torch.randint(masking.prompt, steps, (windows, 1), generator=generator)
    is_prompted = torch.rand(windows, 1, generator=generator) < masking.prompted
    return torch.where(is_prompted, prompt, 1)


def _draw(head: DiffusionHead, count: int, generator: torch.Generator) -> DiffusionDraws:
    steps = len(head.schedule.betas_K)
    return DiffusionDraws(
        torch.randint(steps, (count,), generator=generator),
        torch.randn(count, head.size, generator=generator),
    )
