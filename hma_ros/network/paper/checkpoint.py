# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Checkpoints of the paper's models: those the authors released, and our own.

Both are folders with ``config.json`` and ``model.safetensors``, and name parameters alike. They
differ in the configuration: a released one is upstream's (Hugging Face), read by
:func:`~hma_ros.network.paper.released_config.released_config` and followed in upstream's meaning;
ours is :class:`~hma_ros.network.paper.config.PaperConfig` as it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import shortened
from hma_ros.core.stem_spec import read_stem
from hma_ros.network.checkpoint import (
    build_strictly,
    check_names,
    load_weights,
    read_config,
    save_tensors,
)
from hma_ros.network.paper.config import (
    Diffusion,
    Domain,
    Injection,
    Joints,
    Meaning,
    PaperConfig,
    TimePositions,
)
from hma_ros.network.paper.continuous import ContinuousHma
from hma_ros.network.paper.discrete import DiscreteHma
from hma_ros.network.paper.released_config import missing_keys, released_config
from hma_ros.network.weight_files import (
    WEIGHTS_FILE,
    WeightFiles,
    refuse_broken_link,
    snapshot_of,
)

PaperModel = DiscreteHma | ContinuousHma

CONFIG_FILE = 'config.json'
# The authors build these heads, 25 million parameters each, also where nothing trains them.
_DEAD_HEADS = 'action_diff_losses.'


class ReleasedCheckpoint:
    """
    A checkpoint as the authors released it, in their code's meaning: all but its numbers.

    The authors' loader leaves a parameter at random when its name is missing; this one does not.

    :param source: local copy of the Hugging Face repository, or its folder in the cache.
    :raises ConfigError: a file is missing or malformed, or parameters are missing, unknown or of
        another shape; the first of them are named.
    """

    def __init__(self, source: str | Path) -> None:
        self.folder = snapshot_of(Path(source))
        path = self.folder / CONFIG_FILE
        refuse_broken_link(path)
        facts = read_config(path)
        self.config = released_config(facts, str(path))
        #: Keys that the file lacks, and what was taken for them.
        self.missing_keys = missing_keys(facts)
        self._weights = WeightFiles(self.folder)
        found = self._weights.meta()
        if not self.config.predict_actions:
            found = {name: found[name] for name in found if not name.startswith(_DEAD_HEADS)}
        self._meta = check_names(
            lambda: _empty(self.config), asdict(self.config), found, self._weights.path
        )

    @property
    def counts(self) -> dict[str, int]:
        """Numbers in each parameter."""
        return {name: parameter.numel() for name, parameter in self._meta.named_parameters()}

    def read(self, stems: Collection[str] = ()) -> PaperModel:
        """
        Read the parameters.

        :param stems: to keep, with the order of the checkpoint; none keeps all.
        :raises ConfigError: a file cannot be read, or parameters are not finite.
        """
        config, expected = self.config, self._meta
        if stems:
            kept = tuple(domain for domain in config.domains if domain.name in stems)
            config = replace(config, domains=kept)
            with torch.device('meta'):
                expected = _empty(config)
        tensors = self._weights.read(expected.state_dict().keys())
        return _build(config, tensors, self._weights.path)


def read_released(source: str | Path) -> PaperModel:
    """Read a :class:`ReleasedCheckpoint` with all its stems."""
    return ReleasedCheckpoint(source).read()


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
    return build_strictly(lambda: _empty(config), asdict(config), tensors, source)


def _empty(config: PaperConfig) -> PaperModel:
    return DiscreteHma(config) if config.diffusion is None else ContinuousHma(config)


def _config(facts: Mapping[str, Any]) -> PaperConfig:
    domains = tuple(_domain(one) for one in facts['domains'])
    diffusion = None if facts['diffusion'] is None else Diffusion(**facts['diffusion'])
    enums = {
        'injection': Injection(facts['injection']),
        'meaning': Meaning(facts['meaning']),
        'time': TimePositions(facts['time']),
    }
    return PaperConfig(**{**facts, **enums, 'domains': domains, 'diffusion': diffusion})


def _domain(facts: Mapping[str, Any]) -> Domain:
    joints, robot = facts.get('joints'), facts.get('robot')
    return Domain(
        facts['name'],
        facts['stride'],
        tuple(facts['mean']),
        tuple(facts['std']),
        None if joints is None else Joints(**_tuples(joints)),
        None if robot is None else read_stem(robot),
    )


def _tuples(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()
    }
