# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Masking schedule of masked generation (MaskGIT, arXiv 2202.04200; HMA, sec. 3)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


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


def most_likely(logits_BSFV: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Take every factor that the model says is likeliest.

    :param logits_BSFV: ``float32``, any constant added.
    :returns: ``int64[B, S, F]``, and ``float32[B, S]`` the probability of each token.
    """
    odds = np.exp(logits_BSFV - logits_BSFV.max(-1, keepdims=True))
    return logits_BSFV.argmax(-1), (1 / odds.sum(-1)).prod(-1)


def sample_tokens(
    logits_BSFV: np.ndarray, temperature: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw every factor of every token by what the model says of it, with one noise for all samples.

    :param logits_BSFV: ``float32``, any constant added.
    :param temperature: above 0: below 1 likely values become likelier.
    :returns: ``int64[B, S, F]``, and ``float64[B, S]`` the probability of each token at
        temperature 1.
    """
    scaled = logits_BSFV.astype(np.float64)
    noise_SFV = generator.gumbel(size=scaled.shape[1:])
    chosen = (scaled / temperature + noise_SFV).argmax(-1)
    odds = np.exp(scaled - scaled.max(-1, keepdims=True))
    odds /= odds.sum(-1, keepdims=True)
    drawn = np.take_along_axis(odds, chosen[..., None], -1)[..., 0]
    return chosen, drawn.prod(-1)


def unmask_new(order_BS: NDArray[np.int64], steps: int) -> Iterator[NDArray[np.int64]]:
    """
    Tokens to sample at each step, in an order drawn beforehand: each token once.

    Steps that would unmask nothing are left out, so there are at most as many as tokens.

    :param order_BS: a permutation of the tokens for each sample; the last come first.
    :param steps: mask steps of a frame.
    :returns: ``int64[B, K]`` per step, ascending.
    """
    masked = order_BS.shape[1]
    for step in range(steps):
        still = _masked_after_in_order(step, steps, order_BS.shape[1])
        if still < masked:
            yield np.sort(order_BS[:, still:masked], axis=1)
            masked = still


def unmask_all_again(order_BS: NDArray[np.int64], steps: int) -> Iterator[NDArray[np.int64]]:
    """
    Tokens that the authors' code samples at each step: all those unmasked so far, again.

    The last step so samples the whole frame, given what was there; see :func:`unmask_new`.
    """
    for step in range(steps):
        still = _masked_after_in_order(step, steps, order_BS.shape[1])
        yield np.sort(order_BS[:, still:], axis=1)


def _masked_after_in_order(step: int, steps: int, tokens: int) -> int:
    """Schedule of MAR (arXiv 2406.11838): rounded down, and at each step some of either kind."""
    if step >= steps - 1:
        return 0
    rounded = math.floor(math.cos(math.pi / 2 * (step + 1) / steps) * tokens)
    return max(1, min(tokens - 1, rounded))
