# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""SHA-256 of files, read in blocks."""

import hashlib
from pathlib import Path
from typing import Protocol

_BLOCK_BYTES = 1 << 20


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


def sha256(path: Path) -> str:
    """Hash a file, in hexadecimal digits; raises OSError if it cannot be read."""
    digest = hashlib.sha256()
    add_file(digest, path)
    return digest.hexdigest()


def add_file(digest: _Digest, path: Path) -> None:
    """Add the content of a file to a digest; raises OSError if it cannot be read."""
    with path.open('rb') as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
