# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Put a new bundle in the place of an old one, and of nothing else."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hma_ros.core.errors import ConfigError
from hma_ros.core.writable import is_writable
from hma_ros.runtime.manifest_file import FILE_NAME


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """
    Give an empty folder, which takes the place of another if all goes well.

    The other one is whole until then: it is moved away, and deleted only after that.

    :param folder: where it is to be, see :func:`check_replaceable`.
    :raises ConfigError: there is something else, of which nothing is deleted.
    """
    folder = folder.absolute()
    check_replaceable(folder)
    with _beside(folder) as scratch:
        new = Path(scratch, 'new')
        new.mkdir()
        yield new
        # Much may have been put there since.
        check_replaceable(folder)
        _swap(new, folder, Path(scratch, 'old'))


def _beside(folder: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=f'.{folder.name}.', dir=folder.parent)
    except OSError as error:
        raise _not_writable(folder, error) from error


def _not_writable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f'{folder}: got {error.strerror or error}, expected a folder that can be made; choose '
        'another place'
    )


def check_replaceable(folder: Path) -> None:
    """
    Refuse a place that no bundle can take: ask before a long work that ends in one.

    :param folder: nothing yet, an empty folder, or a bundle, whatever its format.
    :raises ConfigError: it is something else.
    """
    if folder.is_mount():
        raise ConfigError(f'{folder}: a mount point, expected a folder in it')
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f'{folder}: a file or link, expected a folder to write a bundle to')
    parent = next(path for path in folder.absolute().parents if path.exists())
    if not is_writable(parent):
        raise ConfigError(
            f'{folder}: got {parent}, which cannot be written, expected a folder that can be '
            'made; choose another place'
        )
    if strange := sorted(_found(folder) - _listed(folder)):
        raise ConfigError(
            f'{folder}: {strange[0]} is no part of a bundle, expected a new folder, or a bundle '
            'to replace; nothing was deleted'
        )


def _found(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()} if folder.exists() else set()
    except OSError as error:
        raise ConfigError(
            f'{folder}: got {error.strerror or error}, expected a folder that can be read'
        ) from error


def _swap(new: Path, folder: Path, old: Path) -> None:
    """Put a folder in the place of what is there, or leave that as it is."""
    try:
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise
    except OSError as error:
        raise ConfigError(
            f'{folder}: got {error.strerror or error}, expected a folder that can be replaced'
        ) from error


def _listed(folder: Path) -> set[str]:
    """Name the files of a bundle; none where there is no manifest of one."""
    try:
        facts = json.loads((folder / FILE_NAME).read_text())
        names = {FILE_NAME, *facts['files'].keys()} if 'format' in facts else set()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return set()
    return {name for name in names if (folder / name).is_file()}
