# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Losses for TensorBoard, where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from hma_ros.core.errors import ConfigError

# Takes the losses of a step, by name, and its number.
Scalars = Callable[[Mapping[str, float], int], None]


def check_tensorboard() -> None:
    """Refuse to go on without the package: ConfigError."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f'--tensorboard: got {error}, expected the package; pip install tensorboard'
        ) from error


def tensorboard(folder: Path, step: int) -> Scalars:
    """
    Return a function that writes losses to event files.

    :param folder: of the files.
    :param step: after which the run goes on; what was written of later ones no longer counts.
    :raises ConfigError: see :func:`check_tensorboard`.
    """
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder), purge_step=step + 1)

    def write(losses: Mapping[str, float], number: int) -> None:
        for name, value in losses.items():
            writer.add_scalar(name, value, number)
        writer.flush()

    return write
