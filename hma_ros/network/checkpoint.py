# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Checkpoints: `config.json` and `model.safetensors` in a folder. No pickle."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from hma_ros.core.errors import ConfigError
from hma_ros.network.hma import Hma
from hma_ros.network.tokenizer import FrameTokenizer, TokenizerConfig

Model = TypeVar('Model', FrameTokenizer, Hma)


def save_checkpoint(model: FrameTokenizer | Hma, folder: str | Path) -> None:
    """Write a model so that :func:`load_tokenizer` or :func:`load_hma` can read it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = asdict(model.config) if isinstance(model, FrameTokenizer) else model.config()
    (folder / 'config.json').write_text(json.dumps(config, indent=1))
    save_tensors(model.state_dict(), folder / 'model.safetensors')


def load_tokenizer(folder: str | Path) -> FrameTokenizer:
    """Read a tokenizer; raises ConfigError naming the file that is missing or wrong."""
    model = _build(Path(folder), lambda facts: FrameTokenizer(TokenizerConfig(**facts)))
    _load_weights(model, Path(folder))
    return model.eval()


def load_hma(folder: str | Path) -> Hma:
    """Read an HMA model; raises ConfigError naming the file that is missing or wrong."""
    model = _build(Path(folder), Hma.from_config)
    _load_weights(model, Path(folder))
    return model.eval()


def save_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write tensors whole or not at all."""
    partial = path.with_suffix('.partial')
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial)
    partial.replace(path)


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors; raises ConfigError naming the file."""
    if not path.is_file():
        raise ConfigError(f'{path}: no such file, expected a safetensors file')
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f'{path}: {error}; expected a safetensors file') from error


def check_finite(tensors: Mapping[str, torch.Tensor], source: Path) -> None:
    """Refuse weights that are not finite; raises ConfigError naming file and tensors."""
    if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise ConfigError(f'{source}: expected finite numbers, got others in {", ".join(broken)}')


def _build(folder: Path, make: Callable[[dict[str, Any]], Model]) -> Model:
    path = folder / 'config.json'
    try:
        return make(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f'{path}: {error!r}; expected the configuration of a checkpoint'
        ) from error


def _load_weights(model: nn.Module, folder: Path) -> None:
    path = folder / 'model.safetensors'
    tensors = load_tensors(path)
    check_finite(tensors, path)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ConfigError(f'{path}: {error}') from error
