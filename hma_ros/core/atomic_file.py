# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all, and folders to have to oneself."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """
    Give another file to write, which then takes the place of this one, also over a power cut.

    :param path: of the file, whose folder is made. After an error it is as it was.
    :returns: the file to write, in the same folder; no other process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        yield part
        _sync(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    # Some network drives cannot.
    with suppress(OSError):
        _sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a file of text, UTF-8, as :func:`replacing` does."""
    with replacing(path) as part:
        part.write_text(text, encoding='utf-8')


@contextmanager
def locked(folder: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """
    Have a folder to oneself among those who ask so; another process waits meanwhile.

    :param folder: is made.
    :param on_wait: called first where another process has it.
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


def _sync(path: Path) -> None:
    """Have the disk hold a file or folder; raises OSError where it cannot."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
