# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the discrete model is not shown in training, or shown wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hma_ros.training.latent_masking import LatentMasking, draw_masks, shown_steps

# Upstream: the share of a prompted window's later steps that is left as it was, and by what it
# shrinks from step to step; both are the lower end of an even distribution up to one.
_LEAST_KEPT, _LEAST_DECAY = 0.2, 0.9


@dataclass(frozen=True)
class TokenMasking:
    """
    Rates of masking and corruption.

    Masks are those of the continuous kind, whole tokens. Beside them factors are replaced at
    random, in all steps, so that the model does not rely on a context that is never perfect once
    it is imagined.

    :param rates: of masking.
    :param corruption: largest share of factors replaced; the share is drawn evenly below it.
    :param shared: draw one share for the whole batch; otherwise one for each window.
    :param ruined: replace most of the steps that a prompt is followed by.
    """

    rates: LatentMasking = LatentMasking()  # noqa: RUF009
    corruption: float = 0.2
    shared: bool = False
    ruined: bool = False


# As the released models were trained.
UPSTREAM_TOKENS = TokenMasking(shared=True, ruined=True)


@dataclass(frozen=True)
class TokenDraws:
    """
    All that is random about a training step.

    :param seen_BTSF: factors as shown, those that are masked included.
    :param masked_BTS: tokens to predict.
    :param asked_BT: steps whose chunks are to be predicted, each window with its own share.
    """

    seen_BTSF: Tensor
    masked_BTS: Tensor
    asked_BT: Tensor


def draw_tokens(
    factors_BTSF: Tensor, factor_size: int, masking: TokenMasking, generator: torch.Generator
) -> TokenDraws:
    """
    Draw for a batch of windows.

    :param factors_BTSF: ``int64``, what was there.
    :param factor_size: values of a factor.
    """
    windows, steps, tokens, _ = factors_BTSF.shape
    shown_B1 = shown_steps(windows, steps, masking.rates, generator)
    share_BT = _replaced(windows, steps, shown_B1, masking, generator)
    noise = torch.randint(factor_size, factors_BTSF.shape, generator=generator)
    hit = torch.rand(factors_BTSF.shape, generator=generator) < share_BT[..., None, None]
    masked = draw_masks((windows, steps, tokens, 1), masking.rates, generator, shown_B1)[..., 0]
    asked = torch.rand(windows, steps, generator=generator)
    return TokenDraws(
        seen_BTSF=torch.where(hit, noise, factors_BTSF),
        masked_BTS=masked,
        asked_BT=asked < torch.rand(windows, 1, generator=generator),
    )


def _replaced(
    windows: int, steps: int, shown_B1: Tensor, masking: TokenMasking, generator: torch.Generator
) -> Tensor:
    """Share of factors to replace, ``float32[B, T]``."""
    drawn = torch.rand(1 if masking.shared else windows, 1, generator=generator)
    share_BT = (masking.corruption * drawn).expand(windows, steps)
    if not masking.ruined:
        return share_BT
    kept = _LEAST_KEPT + (1 - _LEAST_KEPT) * torch.rand(windows, 1, generator=generator)
    decay = _LEAST_DECAY + (1 - _LEAST_DECAY) * torch.rand(windows, steps, generator=generator)
    after = (torch.arange(steps) >= shown_B1) & (shown_B1 > 1)
    kept_BT = kept * torch.where(after, decay, 1.0).cumprod(1)
    return torch.where(after, 1 - (1 - share_BT) * kept_BT, share_BT)
