# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Check that folders can be written before anything depends on them."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hma_ros.core.errors import ConfigError

LOG_REMEDY = 'set ROS_LOG_DIR (or HOME) to a folder that can be written'


def is_writable(folder: Path) -> bool:
    """Whether a folder can be made, if need be, and written; leaves nothing behind."""
    folder = folder.absolute()
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110 - never raises
    try:
        # Permissions alone do not tell: they say nothing of root, and of some file systems.
        with tempfile.TemporaryDirectory(dir=there):
            return True
    except OSError:
        return False


def check_file(option: str, path: Path | None) -> None:
    """
    Refuse a file that cannot be written, before the work whose result it is to take.

    :param option: that names it, for the error.
    :param path: None for none.
    :raises ConfigError: it is a folder, or neither it nor its folder can be written.
    """
    if path is None:
        return
    if path.is_dir():
        raise ConfigError(f'{option}: got {path}, a folder, expected a file; name one in it')
    if not (os.access(path, os.W_OK) if path.exists() else is_writable(path.parent)):
        raise ConfigError(
            f'{option}: got {path}, expected a file that can be written; choose another, or '
            'change its permissions'
        )


def check_folder(option: str, path: Path | None) -> None:
    """
    Refuse a folder that cannot be made or written, before the work whose results it is to take.

    :param option: that names it, for the error.
    :param path: None for none.
    :raises ConfigError: it is a file, or cannot be written.
    """
    if path is not None and not is_writable(path):
        what = ', a file' if path.is_file() else ''
        raise ConfigError(
            f'{option}: got {path}{what}, expected a folder that can be made and written; choose '
            'another, or change its permissions'
        )


def log_folder(environment: Mapping[str, str]) -> str:
    """Return where ROS writes its logs, with a ``~`` in front for the home folder."""
    ros_home = environment.get('ROS_HOME') or '~/.ros'
    return environment.get('ROS_LOG_DIR') or f'{ros_home}/log'


def log_refusal(environment: Mapping[str, str]) -> str | None:
    """Return why ROS cannot write its logs, without which no node starts; None if it can."""
    folder, home = log_folder(environment), environment.get('HOME', '')
    is_known = bool(home) or not folder.startswith('~')
    path = folder.replace('~', home, 1) if folder.startswith('~') else folder
    if is_known and is_writable(Path(path)):
        return None
    note = f' (HOME is {home or "not set"})' if folder.startswith('~') else ''
    return f'cannot write {folder}{note}'
