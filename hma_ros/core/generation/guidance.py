# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Classifier-free guidance (Ho and Salimans, arXiv 2207.12598)."""

from __future__ import annotations

import numpy as np


def guide(conditional: np.ndarray, unconditional: np.ndarray, scale: float) -> np.ndarray:
    """
    Exaggerate the difference that a condition makes.

    :param conditional: ``float32``, logits or noise as predicted with the condition.
    :param unconditional: the same without.
    :param scale: 1 follows the condition, more exaggerates it.
    """
    difference = conditional - unconditional
    guided: np.ndarray = unconditional + np.float32(scale) * difference
    return guided
