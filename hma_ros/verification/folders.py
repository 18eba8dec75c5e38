# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Find golden folders, tell their kind, and check them.

============  ===================================================================
kind          told by, beside ``golden.npz``
============  ===================================================================
discrete      ``config.json`` of a masked-token model
continuous    ``config.json`` with a diffusion head (``diffloss_d``)
loaders       data sets: ``*/metadata.json``
metrics       nothing, but arrays ``gt`` and ``pred``
============  ===================================================================

Each kind has a module of its name here with ``check(folder)``, imported only when it is needed:
models need torch, the others only numpy.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from hma_ros.core.errors import ConfigError
from hma_ros.core.json_file import read_json
from hma_ros.verification.golden import GOLDEN_FILE, GoldenArrays
from hma_ros.verification.report import Comparison

_REMEDY = 'give one, such as test/data/golden of a checkout'


def find_folders(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """
    List the golden folders among `paths`, or directly below them, with their kinds.

    Plain files are passed over, so that a wildcard may meet a README.

    :raises ConfigError: a folder is of no known layout, or there is none at all.
    """
    folders = [folder for path in paths if not path.is_file() for folder in _expand(path)]
    if not folders:
        raise ConfigError(
            f'{", ".join(map(str, paths))}: got no folder, expected one with '
            f'{GOLDEN_FILE}; {_REMEDY}'
        )
    return [(folder, kind_of(folder)) for folder in folders]


def kind_of(folder: Path) -> str:
    """
    Tell which module checks a golden folder.

    :raises ConfigError: its layout is unknown, or its ``config.json`` unreadable.
    """
    config = folder / 'config.json'
    if config.is_file():
        return 'continuous' if 'diffloss_d' in read_json(config) else 'discrete'
    if any(folder.glob('*/metadata.json')):
        return 'loaders'
    if {'gt', 'pred'} <= set(GoldenArrays(folder)):
        return 'metrics'
    raise ConfigError(
        f'{folder}: got an unknown layout, expected config.json (a model), */metadata.json '
        f"(data sets) or the arrays 'gt' and 'pred' in {GOLDEN_FILE} (metrics)"
    )


def check_folder(folder: Path, kind: str) -> Iterator[Comparison]:
    """Compare all arrays of one folder; names begin with the folder's."""
    module = importlib.import_module(f'hma_ros.verification.{kind}')
    for item in module.check(folder):
        yield Comparison(f'{folder.resolve().name}/{item.name}', item.error, item.tolerance)


def _expand(path: Path) -> list[Path]:
    if (path / GOLDEN_FILE).is_file():
        return [path]
    below = sorted(found.parent for found in path.glob(f'*/{GOLDEN_FILE}'))
    if not below:
        got = f'no {GOLDEN_FILE} in it or one level below' if path.is_dir() else 'no such folder'
        raise ConfigError(f'{path}: got {got}, expected a folder with {GOLDEN_FILE}; {_REMEDY}')
    return below
