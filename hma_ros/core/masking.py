# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Masking schedule of masked generation (MaskGIT, arXiv 2202.04200; HMA, sec. 3)."""

from __future__ import annotations

import math

import numpy as np


def masked_after(step: int, steps: int, tokens: int) -> int:
    """
    Tokens still masked after a step, by the cosine schedule.

    :param step: ``0 <= step < steps``.
    :param steps: mask steps of a frame.
    :param tokens: tokens of a frame.
    """
    if step >= steps - 1:
        return 0
    return math.ceil(math.cos(math.pi / 2 * (step + 1) / steps) * tokens)


def keep_most_confident(
    confidence_BS: np.ndarray, masked_BS: np.ndarray, still_masked: int
) -> np.ndarray:
    """
    Choose which tokens stay masked: those predicted with the least confidence.

    :param confidence_BS: probability of the chosen token.
    :param masked_BS: what is masked now; a token that is not stays so.
    :param still_masked: how many of each row are to stay masked.
    :returns: ``bool[B, S]``.
    """
    ranked = np.where(masked_BS, confidence_BS, np.inf)
    order = np.argsort(ranked, axis=1, kind='stable')[:, :still_masked]
    result: np.ndarray = np.zeros_like(masked_BS)
    np.put_along_axis(result, order, True, axis=1)
    kept: np.ndarray = np.logical_and(result, masked_BS)
    return kept
