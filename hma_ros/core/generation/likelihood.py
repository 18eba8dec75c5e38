# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Likelihood of the true tokens of a frame under a model (HMA, arXiv 2502.04296, sec. 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TokenScore:
    """
    Score of the tokens of one frame, predicted at once.

    :param entropy_nats: cross entropy per token, summed over its factors; its exponential is the
        perplexity.
    :param accuracy: share of the tokens whose factors are all predicted correctly.
    """

    entropy_nats: float
    accuracy: float


def score_tokens(logits_SFV: np.ndarray, tokens_SF: np.ndarray) -> TokenScore:
    """
    Compare logits with the true tokens.

    :param logits_SFV: ``float32[S, F, V]``, up to a constant per factor.
    :param tokens_SF: ``int[S, F]`` factors.
    """
    logits = logits_SFV.astype(np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    log_odds = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    true_SF = np.take_along_axis(log_odds, tokens_SF[..., None].astype(np.int64), -1)[..., 0]
    is_right_S = (logits.argmax(-1) == tokens_SF).all(-1)
    return TokenScore(float(-true_SF.sum(-1).mean()), float(is_right_S.mean()))
