# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Put a new bundle in the place of an old one, and of nothing else."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hma_ros.core.errors import ConfigError
from hma_ros.runtime.manifest_file import FILE_NAME


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """
    Give an empty folder, which takes the place of another if all goes well.

    :param folder: where it is to be: nothing yet, an empty folder, or a bundle.
    :raises ConfigError: there is something else, of which nothing is deleted.
    """
    _check(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{folder.name}.', dir=folder.parent) as scratch:
        partial = Path(scratch, folder.name)
        partial.mkdir()
        yield partial
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)


def _check(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError(f'{folder}: a file, expected a folder to write a bundle to')
    found = {path.name for path in folder.iterdir()}
    if strange := sorted(found - _listed(folder)):
        raise ConfigError(
            f'{folder}: {strange[0]} is no part of a bundle, expected a new folder, or a bundle '
            'to replace; nothing was deleted'
        )


def _listed(folder: Path) -> set[str]:
    """Name the files of a bundle; none where there is no manifest."""
    try:
        files = json.loads((folder / FILE_NAME).read_text())['files']
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {FILE_NAME, *map(str, files)}
