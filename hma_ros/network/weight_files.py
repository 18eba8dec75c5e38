# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Where the weights of a checkpoint lie, as people have them.

A folder holds ``model.safetensors``, or its parts and ``model.safetensors.index.json``. It may be
a folder of the Hugging Face cache (``models--ORG--NAME``), which keeps such folders below
``snapshots``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hma_ros.core.errors import ConfigError
from hma_ros.core.json_file import json_fault
from hma_ros.core.lfs_pointer import refuse_lfs_pointer
from hma_ros.core.progress import Progress
from hma_ros.core.short_text import first_few, shortened
from hma_ros.network.strict_loading import unreadable, unwrapped

WEIGHTS_FILE = 'model.safetensors'
INDEX_FILE = 'model.safetensors.index.json'
_PICKLES = ('pytorch_model.bin', 'pytorch_model.bin.index.json')
# Reading less than this takes no time worth a progress bar.
_LARGE_BYTES = 1 << 28


@dataclass(frozen=True)
class StoredTensor:
    """
    A tensor that was not read yet.

    :param path: of the file that holds it.
    :param name: in that file.
    :param shape: of it.
    :param nbytes: in the file.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    nbytes: int


class WeightFiles:
    """
    The tensors of a checkpoint, of which only names and shapes are read.

    Parts of names that come from wrappers are dropped, see
    :func:`~hma_ros.network.strict_loading.unwrapped`.

    :param folder: of the checkpoint.
    :raises ConfigError: there are no weights, they are a pickle or a Git LFS pointer, a part is
        missing, or parts and index contradict each other.
    """

    def __init__(self, folder: Path) -> None:
        self.path, files = _files(folder)
        found: dict[str, StoredTensor] = {}
        for path in files:
            for tensor in _stored(path):
                if tensor.name in found:
                    raise ConfigError(
                        f'{path}: got {shortened(tensor.name)} again, expected it once: '
                        f'{found[tensor.name].path.name} has it'
                    )
                found[tensor.name] = tensor
        self._tensors = unwrapped(found, self.path)

    def meta(self) -> dict[str, Tensor]:
        """Return tensors of the same names and shapes, without any memory."""
        return {
            name: torch.empty(tensor.shape, device='meta')
            for name, tensor in self._tensors.items()
        }

    def read(self, names: Collection[str]) -> dict[str, Tensor]:
        """
        Read some tensors, with a progress bar where that takes long.

        :raises ConfigError: a file cannot be read; KeyError where a name is none of these.
        """
        wanted = {name: self._tensors[name] for name in names}
        total = sum(tensor.nbytes for tensor in wanted.values())
        tensors = {}
        with Progress(
            total=total,
            desc='reading',
            unit='byte',
            unit_scale=True,
            disable=total < _LARGE_BYTES,
        ) as bar:
            for path in dict.fromkeys(tensor.path for tensor in wanted.values()):
                with _opened(path) as file:
                    for name, tensor in wanted.items():
                        if tensor.path == path:
                            tensors[name] = file.get_tensor(tensor.name)
                            bar.update(tensor.nbytes)
        return {name: tensors[name] for name in names}


def snapshot_of(source: Path) -> Path:
    """
    Return the folder of a checkpoint.

    :param source: that folder, or one of the Hugging Face cache: then what ``refs/main`` names,
        or without it the newest snapshot.
    :raises ConfigError: a folder of the cache without a snapshot.
    """
    snapshots = source / 'snapshots'
    if (source / 'config.json').exists():
        return source
    if not snapshots.is_dir():
        if source.is_dir():
            _refuse_beside(source)
        return source
    found = {path.name: path for path in snapshots.iterdir() if path.is_dir()}
    if not found:
        raise ConfigError(
            f'{snapshots}: got no snapshot, expected at least one; download the checkpoint again'
        )
    reference = source / 'refs' / 'main'
    named = reference.read_text(errors='replace').strip() if reference.is_file() else ''
    return found.get(named) or max(found.values(), key=lambda path: path.stat().st_mtime_ns)


def _refuse_beside(source: Path) -> None:
    """Refuse a folder of the cache above or below the one that is meant: ConfigError names it."""
    inner = [path for path in sorted(source.glob('models--*')) if (path / 'snapshots').is_dir()]
    outer = [path for path in source.absolute().parents if path.name.startswith('models--')]
    if found := [str(path) for path in inner or outer[:1]]:
        raise ConfigError(
            f'{source}: got a folder {"around" if inner else "within"} a checkpoint of the '
            f'Hugging Face cache, expected that checkpoint; give {first_few(found, " or ")}'
        )


def refuse_broken_link(path: Path) -> None:
    """Refuse a link of the cache whose file is missing; raises ConfigError."""
    if path.is_symlink() and not path.exists():
        raise ConfigError(
            f'{path}: got a link to {path.readlink()}, which is missing, expected a file; '
            'download the checkpoint again'
        )


def _files(folder: Path) -> tuple[Path, list[Path]]:
    """Return the file to name in errors, and all files of the weights."""
    single, index = folder / WEIGHTS_FILE, folder / INDEX_FILE
    for path in (single, index):
        refuse_broken_link(path)
    if single.is_file():
        return single, [single]
    if index.is_file():
        return index, _parts(index)
    for name in _PICKLES:
        if (folder / name).exists():
            raise ConfigError(
                f'{folder / name}: got a pickle, which may run code and is not read, expected '
                f'{WEIGHTS_FILE}; where you trust it, convert it: '
                'docs/how-to/import-a-checkpoint.md has the command'
            )
    raise ConfigError(f'{folder}: got no {WEIGHTS_FILE}, expected it, or {INDEX_FILE} and parts')


def _parts(index: Path) -> list[Path]:
    refuse_lfs_pointer(index, ConfigError)
    try:
        places = json.loads(index.read_text())['weight_map']
        files = sorted(set(places.values()))
        is_plain = all(Path(name).name == name for name in files)
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise ConfigError(
            f'{index}: got {json_fault(error)}, expected "weight_map" with a file by tensor; '
            'download the checkpoint again'
        ) from error
    if not files or not is_plain:
        raise ConfigError(f'{index}: got files {first_few(files)}, expected some in its folder')
    paths = [index.parent / name for name in files]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise ConfigError(
            f'{index}: got no {first_few(missing)}, expected {len(paths)} parts beside it; '
            'download the checkpoint again'
        )
    _check_places(index, places, paths)
    return paths


def _check_places(index: Path, places: Mapping[str, str], paths: list[Path]) -> None:
    held = {path.name: {tensor.name for tensor in _stored(path)} for path in paths}
    if lost := [name for name, part in places.items() if name not in held[part]]:
        raise ConfigError(
            f'{index}: got {first_few(lost)}, expected only tensors that its parts hold'
        )


def _stored(path: Path) -> Iterator[StoredTensor]:
    with _opened(path) as file:
        for name in file.keys():  # noqa: SIM118  (no mapping)
            part = file.get_slice(name)
            shape = tuple(part.get_shape())
            yield StoredTensor(path, name, shape, math.prod(shape) * _bytes_of(part.get_dtype()))


def _bytes_of(dtype: str) -> int:
    """Return the bytes of a number, whose name has its bits: F32, BF16, I64; BOOL has none."""
    bits = re.search(r'\d+', dtype)
    return max(1, int(bits.group()) // 8) if bits else 1


class _opened:
    """A safetensors file, whose errors are those of a configuration."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            raise ConfigError(f'{path}: got no such file, expected a safetensors file')
        refuse_lfs_pointer(path, ConfigError)

    def __enter__(self) -> Any:
        try:
            self._file = safe_open(self._path, framework='pt')
            return self._file.__enter__()
        except (OSError, SafetensorError) as error:
            raise unreadable(self._path, error) from error

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._file.__exit__(kind, error, trace)
        if isinstance(error, (OSError, SafetensorError)):
            raise unreadable(self._path, error) from error
