# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The checkpoints of a run, ``model`` and ``fine_tuned``, each with its provenance."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from hma_ros.data.windows import Windows
from hma_ros.network.checkpoint import Hma, save_hma
from hma_ros.network.strict_loading import read_config
from hma_ros.training import provenance
from hma_ros.training.trainer import HmaTrainer


def train(out: Path, trainer: HmaTrainer, windows: Callable[[], Mapping[str, Windows]]) -> Hma:
    """
    Train to the end, together with other processes of the run if there are any.

    :param out: folder of the run, which :func:`~hma_ros.training.provenance.begin` began.
    :param trainer: that writes to its ``model``.
    :param windows: opens the windows of every embodiment.
    :returns: the averaged model.
    """
    is_first = trainer.run.workers.is_first
    if is_first and trainer.run.step < trainer.run.steps:
        # Heads fitted to another trunk must not be exported with this one.
        shutil.rmtree(out / 'fine_tuned', ignore_errors=True)
    model = trainer.train(windows())
    if is_first:
        _say_origin(out, out / 'model')
    return model


def save_fitted(out: Path, model: Hma) -> None:
    """Write the model of a run whose heads were fitted to its trunk."""
    save_hma(model, out / 'fine_tuned')
    _say_origin(out, out / 'fine_tuned')


def _say_origin(out: Path, checkpoint: Path) -> None:
    provenance.copy_to(read_config(out / provenance.FILE_NAME), checkpoint)
