# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether the activations that the blocks keep for the backward pass fit into memory."""

from __future__ import annotations

import os
from pathlib import Path

from hma_ros.network.config import HmaConfig

_MEMORY = Path('/proc/meminfo')
# Of a container (cgroup v2).
_GROUP = Path('/sys/fs/cgroup')
_FLOAT_BYTES = 4
# Measured with HMA-Base: a block keeps its attention scores twice, and for each token this many
# times the width.
_SCORES, _WIDTHS = 2, 36
# Of the available memory; the rest is for weights, optimiser state, heads and other programs.
_SHARE = 0.5


def activation_bytes(config: HmaConfig, steps: int) -> int:
    """
    Estimate the memory of the activations that the blocks keep for the backward pass.

    :param steps: of all windows together.
    """
    tokens = config.step_tokens
    numbers = _SCORES * config.heads * tokens**2 + _WIDTHS * tokens * config.width
    return _FLOAT_BYTES * steps * config.layers * numbers


def available_bytes() -> int | None:
    """
    Return the memory that Linux calls available, within the container's limit; else None.

    Processes that `torchrun` started on this machine share it.
    """
    if not _MEMORY.exists():
        return None
    lines = dict(line.split(':', 1) for line in _MEMORY.read_text().splitlines())
    free = int(lines['MemAvailable'].split()[0]) * 1024
    most, used = (_GROUP / name for name in ('memory.max', 'memory.current'))
    if most.exists() and (limit := most.read_text().strip()).isdigit():
        free = min(free, int(limit) - int(used.read_text()))
    return max(free, 0) // int(os.environ.get('LOCAL_WORLD_SIZE', '1'))


def fits(activations_bytes: int) -> bool:
    """Whether activations of this size fit beside everything else."""
    available = available_bytes()
    return available is None or activations_bytes < _SHARE * available
