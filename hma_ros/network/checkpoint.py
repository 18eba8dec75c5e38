# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Checkpoints of HMA and of the frame tokenizer: our own, and those of HMA that were released.

All are folders with ``config.json`` and ``model.safetensors``. Released ones name parameters as
ours do and differ in the configuration: it is upstream's (Hugging Face), read by
:func:`~hma_ros.network.released_config.released_config` and followed with ``compat: upstream``;
ours is :class:`~hma_ros.network.config.HmaConfig` as it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hma_ros.core.atomic_file import write_text
from hma_ros.core.embodiment.stem_facts import read_stem_facts
from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import shortened
from hma_ros.network.config import (
    Anchor,
    Compat,
    Diffusion,
    Domain,
    HmaConfig,
    Injection,
    Joints,
    TimePositions,
)
from hma_ros.network.continuous import ContinuousHma
from hma_ros.network.discrete import DiscreteHma
from hma_ros.network.released_config import defaults_text, missing_keys, released_config
from hma_ros.network.strict_loading import (
    build_strictly,
    check_names,
    load_weights,
    read_config,
    save_tensors,
)
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig
from hma_ros.network.weight_files import (
    WEIGHTS_FILE,
    WeightFiles,
    refuse_broken_link,
    snapshot_of,
)

Hma = DiscreteHma | ContinuousHma

CONFIG_FILE = 'config.json'
# The authors build these heads, 25 million parameters each, also where nothing trains them.
_DEAD_HEADS = 'action_diff_losses.'


class ReleasedCheckpoint:
    """
    A checkpoint as the authors released it, with ``compat: upstream``: all but its numbers.

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
        self._meta = self._fitting(found)

    def _fitting(self, found: Mapping[str, Tensor]) -> Hma:
        config, missing = self.config, self.missing_keys
        try:
            return check_names(lambda: unfilled(config), asdict(config), found, self._weights.path)
        except ConfigError as error:
            if not missing:
                raise
            raise ConfigError(
                f'{error}; {CONFIG_FILE} lacks {len(missing)} keys, took '
                f'{defaults_text(missing)}; set those that the model was trained with otherwise'
            ) from error

    @property
    def counts(self) -> dict[str, int]:
        """Numbers in each parameter."""
        return {name: parameter.numel() for name, parameter in self._meta.named_parameters()}

    @property
    def weights_file(self) -> Path:
        """File of the parameters, or of the index of its parts."""
        return self._weights.path

    def read(self, stems: Collection[str] = ()) -> Hma:
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
                expected = unfilled(config)
        tensors = self._weights.read(expected.state_dict().keys())
        return _build(config, tensors, self._weights.path)


def load_released(source: str | Path) -> Hma:
    """Read a :class:`ReleasedCheckpoint` with all its stems."""
    return ReleasedCheckpoint(source).read()


def load_hma(folder: str | Path) -> Hma:
    """
    Read what :func:`save_hma` wrote.

    :raises ConfigError: as in :func:`load_released`.
    """
    path = Path(folder) / CONFIG_FILE
    facts = read_config(path)
    try:
        config = _config(facts)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ConfigError(
            f'{path}: got {shortened(error)}, expected what save_hma wrote'
        ) from error
    weights = Path(folder) / WEIGHTS_FILE
    return _build(config, load_weights(weights), weights)


def save_hma(model: Hma, folder: str | Path) -> None:
    """Write a model for :func:`load_hma`: configuration as JSON, weights as safetensors."""
    _save(model, folder)


def save_tokenizer(model: FrameTokenizer, folder: str | Path) -> None:
    """Write a frame tokenizer for :func:`load_tokenizer`."""
    _save(model, folder)


def load_tokenizer(folder: str | Path) -> FrameTokenizer:
    """Read a frame tokenizer; raises ConfigError naming the file that is missing or wrong."""
    facts, weights = read_config(Path(folder) / CONFIG_FILE), Path(folder) / WEIGHTS_FILE
    tensors = load_weights(weights)
    return build_strictly(
        lambda: FrameTokenizer(TokenizerConfig(**facts)), facts, tensors, weights
    )


def _save(model: Hma | FrameTokenizer, folder: str | Path) -> None:
    folder = Path(folder)
    write_text(folder / CONFIG_FILE, json.dumps(asdict(model.config), indent=1))
    save_tensors(model.state_dict(), folder / WEIGHTS_FILE)


def _build(config: HmaConfig, tensors: Mapping[str, Tensor], source: Path) -> Hma:
    return build_strictly(lambda: unfilled(config), asdict(config), tensors, source)


def unfilled(config: HmaConfig) -> Hma:
    """Build the network of a configuration, whose weights are to be read or drawn."""
    return DiscreteHma(config) if config.diffusion is None else ContinuousHma(config)


def _config(facts: Mapping[str, Any]) -> HmaConfig:
    domains = tuple(_domain(one) for one in facts['domains'])
    diffusion = None if facts['diffusion'] is None else Diffusion(**facts['diffusion'])
    enums = {
        'injection': Injection(facts['injection']),
        'compat': Compat(facts['compat']),
        'time': TimePositions(facts['time']),
    }
    own = {**facts, **enums, 'domains': domains, 'diffusion': diffusion}
    if 'action_delay' in own:
        # Older checkpoints say it with two numbers.
        own['twin'] = bool(own.pop('action_delay'))
        own.pop('keypoints', None)
    return HmaConfig(**own)


def _domain(facts: Mapping[str, Any]) -> Domain:
    stem = read_stem_facts(facts['name'], facts)
    joints, anchor = facts.get('joints'), facts.get('anchor')
    return Domain(
        *(stem.name, stem.stride, stem.mean, stem.std, stem.robot),
        None if joints is None else Joints(**_tuples(joints)),
        None if anchor is None else Anchor(**_tuples(anchor)),
    )


def _tuples(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()
    }
