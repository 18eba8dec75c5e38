# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Atomic writes of files, and exclusive locks on folders."""

import fcntl
import glob
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """
    Give a temporary file to write, which then replaces a file atomically, also over a power cut.

    :param path: of the file; its folder is created. After an error the file is as it was.
    :returns: the temporary file, in the same folder; no other process writes it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    part = path.with_name(f'{_prefix(path)}{os.getpid()}.part')
    try:
        yield part
        _sync(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    # Some network drives cannot sync a folder.
    with suppress(OSError):
        _sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a file of text, UTF-8, as :func:`replacing` does."""
    with replacing(path) as part:
        part.write_text(text, encoding='utf-8')


@contextmanager
def locked(folder: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """
    Hold an exclusive lock on a folder; another process that asks for it waits.

    :param folder: created if it is missing.
    :param on_wait: called before the wait, if another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _remove_abandoned(path: Path) -> None:
    """Remove what processes of this machine that were killed left of a file."""
    prefix = _prefix(path)
    for part in path.parent.glob(f'{glob.escape(prefix)}*.part'):
        process = part.name.removeprefix(prefix).removesuffix('.part')
        if process.isdecimal() and not Path(f'/proc/{process}').exists():
            part.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    """Begin the name of a file that is being written: other machines may see the folder too."""
    return f'{path.name}.{platform.node()}.'


def _sync(path: Path) -> None:
    """Flush a file or folder to disk; raises OSError if that fails."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
