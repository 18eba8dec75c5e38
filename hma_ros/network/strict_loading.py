# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Configurations and tensors of checkpoints, read strictly: JSON and safetensors, no pickle."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from os.path import commonprefix
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from hma_ros.core.atomic_file import replacing
from hma_ros.core.errors import ConfigError
from hma_ros.core.json_file import read_json
from hma_ros.core.lfs_pointer import refuse_lfs_pointer
from hma_ros.core.short_text import counted, first_few, shortened

Model = TypeVar('Model', bound=nn.Module)
Value = TypeVar('Value')

# Parts of names that come from saving a model inside of torch.compile, DistributedDataParallel,
# FSDP or checkpointed activations.
_WRAPPERS = frozenset(
    ('_orig_mod', 'module', '_fsdp_wrapped_module', '_checkpoint_wrapped_module')
)

# Keys of parts that a model repeats: each has a tensor of its own.
_REPEATED = ('layers', 'blocks', 'encoder_blocks', 'decoder_blocks')
_LARGEST_SIZE = 1 << 20
# What torch and Python raise for sizes that no model has.
_IMPOSSIBLE = (
    *(ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError),
    UserWarning,
)


def save_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write tensors whole or not at all."""
    with replacing(path) as part:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part)


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors; raises ConfigError naming the file."""
    if not path.is_file():
        raise ConfigError(f'{path}: no such file, expected a safetensors file')
    refuse_lfs_pointer(path, ConfigError)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError | SafetensorError) -> ConfigError:
    """Return the refusal of a safetensors file that cannot be read."""
    if isinstance(error, OSError):
        return ConfigError(f'{path}: got {shortened(error)}, expected a file that can be read')
    return ConfigError(
        f'{path}: got a truncated or damaged file, or one of another kind ({shortened(error)}), '
        'expected safetensors; download or copy it again'
    )


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a model, see :func:`load_tensors` and :func:`unwrapped`."""
    return unwrapped(load_tensors(path), path)


def unwrapped(tensors: Mapping[str, Value], source: Path) -> dict[str, Value]:
    """
    Name weights as the model itself does, whatever it was wrapped in when they were saved.

    :param source: named in the error.
    :raises ConfigError: two tensors differ in the name of a wrapper only.
    """
    plain: dict[str, Value] = {}
    for name, tensor in tensors.items():
        key = '.'.join(part for part in name.split('.') if part not in _WRAPPERS)
        if key in plain:
            raise ConfigError(
                f'{source}: {shortened(key)}: got it with and without one of the prefixes '
                f'{", ".join(sorted(_WRAPPERS))}, expected it once'
            )
        plain[key] = tensor
    return plain


def fingerprint(model: nn.Module) -> str:
    """Tell models apart by their weights: twelve hexadecimal digits."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


def check_finite(tensors: Mapping[str, torch.Tensor], source: Path) -> None:
    """Refuse weights that are not finite; raises ConfigError naming file and tensors."""
    if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise ConfigError(
            f'{source}: got nan or inf in {first_few(broken)}, expected finite numbers'
        )


def load_strictly(model: nn.Module, tensors: Mapping[str, torch.Tensor], source: Path) -> None:
    """
    Copy tensors into a model that has exactly these.

    :param source: named in the error.
    :raises ConfigError: names or shapes differ, where the text names the first differences and
        counts the rest, or numbers are not finite.
    """
    _refuse_differences(model.state_dict(), tensors, source)
    check_finite(tensors, source)
    model.load_state_dict(tensors)


def _refuse_differences(
    expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], source: Path
) -> None:
    if prefix := _shared_prefix(expected, found):
        raise ConfigError(
            f'{source}: got {prefix!r} in front of every name, expected the names of the model; '
            'save the tensors again without it'
        )
    if differences := _differences(expected, found):
        raise ConfigError(
            f'{source}: got other parameters than the model has: {first_few(differences, "; ")}'
        )


def _differences(
    expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]
) -> list[str]:
    """Describe them, of each kind in turn: the first few show whether it was renamed."""
    shapes = {name: list(tensor.shape) for name, tensor in found.items()}
    kinds = (
        (f'missing {name}' for name in expected if name not in shapes),
        (f'unexpected {name}' for name in shapes if name not in expected),
        (
            f'{name} {shapes[name]}, expected {list(tensor.shape)}'
            for name, tensor in expected.items()
            if name in shapes and shapes[name] != list(tensor.shape)
        ),
    )
    return [text for turn in zip_longest(*kinds) for text in turn if text]


def _shared_prefix(expected: Collection[str], found: Collection[str]) -> str:
    """Return what stands in front of every name and leaves names of the model; or nothing."""
    shared = commonprefix(list(found))  # noqa: RUF071 - names, no paths
    prefix = shared[: shared.rfind('.') + 1]
    is_known = not prefix or any(name.startswith(prefix) for name in expected)
    is_extra = not is_known and any(name.removeprefix(prefix) in expected for name in found)
    return prefix if is_extra else ''


def build_strictly(
    make: Callable[[], Model], sizes: Any, tensors: Mapping[str, torch.Tensor], source: Path
) -> Model:
    """
    Build a model and fill it with tensors that it has exactly.

    Sizes are compared before memory is taken for them: a configuration may say anything.

    :param make: builds the model, on the device that is set.
    :param sizes: the configuration, as JSON has it.
    :param source: of the tensors, named in the error.
    :raises ConfigError: no such model can be, or see :func:`load_strictly`.
    """
    check_names(make, sizes, tensors, source)
    with _possible(source):
        model = make()
    load_strictly(model, tensors, source)
    return model.eval()


def check_names(
    make: Callable[[], Model], sizes: Any, tensors: Mapping[str, torch.Tensor], source: Path
) -> Model:
    """
    Compare names and shapes with those of a model, without memory for it.

    :param tensors: of whatever device; see :func:`build_strictly` for the rest.
    :returns: the model, on the meta device.
    :raises ConfigError: as :func:`build_strictly`, but for numbers that are not finite.
    """
    _check_sizes(sizes, len(tensors), source)
    # A warning here is about a size of 0.
    with _possible(source), torch.device('meta'), warnings.catch_warnings():
        warnings.simplefilter('error', UserWarning)
        model = make()
    _refuse_differences(model.state_dict(), tensors, source)
    return model


@contextmanager
def _possible(source: Path) -> Iterator[None]:
    """Blame the sizes for what torch and Python raise while a model is built."""
    try:
        yield
    except _IMPOSSIBLE as error:
        raise ConfigError(
            f'{source}: config.json beside it: got {shortened(repr(error))}, expected sizes that '
            'a model can have'
        ) from error


def _check_sizes(sizes: Any, tensors: int, source: Path) -> None:
    """Refuse numbers that would keep this machine busy for long, or for ever."""
    items = sizes.items() if isinstance(sizes, dict) else enumerate(sizes)
    for name, value in items:
        most = tensors if name in _REPEATED else _LARGEST_SIZE
        if isinstance(value, dict | list | tuple):
            _check_sizes(value, tensors, source)
        elif isinstance(value, int) and value > most:
            reason = ', each with tensors of its own' if name in _REPEATED else ''
            raise ConfigError(
                f'{source}: {name} in config.json beside it: got {shortened(value)}, expected at '
                f'most {most} with {counted(tensors, "tensor")}{reason}; take both files from one '
                'checkpoint'
            )


def read_config(path: Path) -> dict[str, Any]:
    """Read a configuration; raises ConfigError where it is no JSON object."""
    folder, expected = path.parent, f'expected a folder with {path.name} and model.safetensors'
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f'{folder}: got a file, {expected}; give {folder.parent}')
    if not folder.is_dir():
        raise ConfigError(f'{folder}: got no such folder, {expected}{_download(folder)}')
    if not path.is_file():
        raise ConfigError(
            f'{path.parent}: got no {path.name}, expected a folder with it and model.safetensors'
        )
    return read_json(path)


def _download(folder: Path) -> str:
    """Say how to get a folder that is written as a repository of Hugging Face, owner/name."""
    if folder.is_absolute() or len(folder.parts) != 2 or '..' in folder.parts:
        return ''
    return f'; if that is its name on Hugging Face: hf download {folder} --local-dir {folder.name}'
