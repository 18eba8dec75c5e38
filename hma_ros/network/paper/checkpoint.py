# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Checkpoints of the paper's models: those the authors released, and our own.

Both are folders with ``config.json`` and ``model.safetensors``, and name parameters alike. They
differ in the configuration: a released one is upstream's (Hugging Face), read by
:meth:`~hma_ros.network.paper.config.PaperConfig.from_released` and followed in upstream's meaning;
ours is :class:`~hma_ros.network.paper.config.PaperConfig` as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import shortened
from hma_ros.network.checkpoint import build_strictly, load_weights, read_config, save_tensors
from hma_ros.network.paper.config import (
    Diffusion,
    Domain,
    Injection,
    Meaning,
    PaperConfig,
    TimePositions,
)
from hma_ros.network.paper.continuous import ContinuousHma
from hma_ros.network.paper.discrete import DiscreteHma

PaperModel = DiscreteHma | ContinuousHma

CONFIG_FILE = 'config.json'
WEIGHTS_FILE = 'model.safetensors'
# The authors build these heads, 25 million parameters each, also where nothing trains them.
_DEAD_HEADS = 'action_diff_losses.'


def read_released(folder: str | Path) -> PaperModel:
    """
    Read a checkpoint as the authors released it, in their code's meaning.

    The authors' loader leaves a parameter at random when its name is missing; this one does not.

    :param folder: local copy of the Hugging Face repository.
    :raises ConfigError: a file is missing or malformed, or parameters are not finite, missing,
        unknown or of another shape; the first of them are named.
    """
    path = Path(folder) / CONFIG_FILE
    config = PaperConfig.from_released(read_config(path), str(path))
    weights = Path(folder) / WEIGHTS_FILE
    tensors = load_weights(weights)
    if not config.predict_actions:
        tensors = {name: tensors[name] for name in tensors if not name.startswith(_DEAD_HEADS)}
    return _build(config, tensors, weights)


def read_paper(folder: str | Path) -> PaperModel:
    """
    Read what :func:`save_paper` wrote.

    :raises ConfigError: as in :func:`read_released`.
    """
    path = Path(folder) / CONFIG_FILE
    facts = read_config(path)
    try:
        config = _config(facts)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ConfigError(
            f'{path}: got {shortened(error)}, expected what save_paper wrote'
        ) from error
    weights = Path(folder) / WEIGHTS_FILE
    return _build(config, load_weights(weights), weights)


def save_paper(model: PaperModel, folder: str | Path) -> None:
    """Write a model for :func:`read_paper`: configuration as JSON, weights as safetensors."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(json.dumps(asdict(model.config), indent=1))
    save_tensors(model.state_dict(), folder / WEIGHTS_FILE)


def _build(config: PaperConfig, tensors: Mapping[str, Tensor], source: Path) -> PaperModel:
    kind = DiscreteHma if config.diffusion is None else ContinuousHma
    return build_strictly(lambda: kind(config), asdict(config), tensors, source)


def _config(facts: Mapping[str, Any]) -> PaperConfig:
    domains = tuple(
        Domain(one['name'], one['stride'], tuple(one['mean']), tuple(one['std']))
        for one in facts['domains']
    )
    diffusion = None if facts['diffusion'] is None else Diffusion(**facts['diffusion'])
    enums = {
        'injection': Injection(facts['injection']),
        'meaning': Meaning(facts['meaning']),
        'time': TimePositions(facts['time']),
    }
    return PaperConfig(**{**facts, **enums, 'domains': domains, 'diffusion': diffusion})
