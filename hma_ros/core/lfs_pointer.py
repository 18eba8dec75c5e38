# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Files that were cloned without Git LFS.

In the place of each large file lies a text of three lines that points to it.
"""

from pathlib import Path

from hma_ros.core.errors import HmaError

_BEGINNING = b'version https://git-lfs.github.com/spec/'


def refuse_lfs_pointer(path: Path, kind: type[HmaError]) -> None:
    """
    Refuse a pointer; what else is wrong with a file is for those who read it.

    :param path: of a file, which may be missing.
    :param kind: raised, with the command that gets the file.
    """
    try:
        with path.open('rb') as file:
            is_pointer = file.read(len(_BEGINNING)) == _BEGINNING
    except (OSError, ValueError):
        return
    if is_pointer:
        raise kind(
            f'{path}: got a Git LFS pointer, expected the file that it points to; run `git lfs '
            'pull` where it was cloned'
        )
