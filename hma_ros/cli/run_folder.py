# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Keep the folder of a training run apart from the data that it reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hma_ros.core.errors import ConfigError
from hma_ros.core.writable import check_folder
from hma_ros.data.shards import DATA_FILES


def check_run_folder(out: Path, data: Iterable[Path]) -> None:
    """
    Refuse to write a run among the files of a data set.

    :param data: what the run reads.
    :raises ConfigError: ``out`` is one of them, or another data set, or cannot be written.
    """
    is_read = any(out.resolve() == folder.resolve() for folder in data)
    if is_read or any((out / name).exists() for name in DATA_FILES):
        raise ConfigError(
            f'--out: got {out}, which holds data, expected a folder of its own for the run; '
            'choose another, such as runs/mine'
        )
    check_folder('--out', out)
