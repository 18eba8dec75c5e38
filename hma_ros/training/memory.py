# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether what the blocks keep for the backward pass fits into the memory."""

from __future__ import annotations

from pathlib import Path

from hma_ros.network.config import HmaConfig

_MEMORY = Path('/proc/meminfo')
_FLOAT_BYTES = 4
# Measured with HMA-Base: a block keeps attention scores twice, and of each token as many
# numbers as this times the width.
_SCORES, _WIDTHS = 2, 36
# The rest is for weights, their optimiser, heads and others.
_SHARE = 0.5


def activation_bytes(config: HmaConfig, steps: int) -> int:
    """
    Estimate what the blocks keep for the backward pass.

    :param steps: of all windows together.
    """
    tokens = config.step_tokens
    numbers = _SCORES * config.heads * tokens**2 + _WIDTHS * tokens * config.width
    return _FLOAT_BYTES * steps * config.layers * numbers


def available_bytes() -> int | None:
    """Return how much memory programs can still take; None where the system does not tell."""
    if not _MEMORY.exists():
        return None
    lines = dict(line.split(':', 1) for line in _MEMORY.read_text().splitlines())
    return int(lines['MemAvailable'].split()[0]) * 1024


def fits(activations_bytes: int) -> bool:
    """Whether so much can be kept beside the rest."""
    available = available_bytes()
    return available is None or activations_bytes < _SHARE * available
