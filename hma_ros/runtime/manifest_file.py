# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The file of a manifest, and the hashes that tell what was changed after export.

Hashes detect corruption, not tampering by someone who recomputes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from hma_ros.core.errors import BundleError
from hma_ros.core.file_hash import sha256
from hma_ros.core.json_file import json_fault
from hma_ros.core.lfs_pointer import refuse_lfs_pointer
from hma_ros.core.short_text import shortened

FORMAT = 4
FILE_NAME = 'manifest.json'


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """
    Write a manifest: format, facts, and a digest of both.

    :param facts: what JSON can hold; raises TypeError of anything else.
    """
    said = {'format': FORMAT, **facts}
    text = json.dumps({**said, 'digest': _digest(said)}, indent=1)
    (folder / FILE_NAME).write_text(text + '\n')


def read_facts(folder: Path) -> dict[str, Any]:
    """
    Read the facts of a manifest, of which format and digest are as they should be.

    :raises BundleError: missing, not JSON, of another format, or changed after export.
    """
    path = folder / FILE_NAME
    if not folder.is_dir():
        raise BundleError(f"bundle '{folder}': no such folder, expected one holding {FILE_NAME}")
    refuse_lfs_pointer(path, BundleError)
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(
            f'{path}: got {json_fault(error)}, expected the manifest of a bundle; copy the bundle '
            'again, or export or import it again'
        ) from error
    if not isinstance(facts, dict) or 'format' not in facts:
        raise BundleError(f'{path}: got no format, expected the manifest of a bundle')
    found, digest = facts['format'], facts.pop('digest', None)
    if found != FORMAT:
        raise BundleError(
            f'{path}: format: got {shortened(found)}, expected {FORMAT}; renew it: '
            'hma export --renew OLD --out NEW (of `hma train`), or import the checkpoint again'
        )
    if digest != (expected := _digest(facts)):
        raise BundleError(
            f'{path}: digest {str(digest)[:12]}…, expected {expected[:12]}… of what it says; '
            'it was changed after export'
        )
    del facts['format']
    return facts


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """
    Compare files with their hashes.

    :param files: SHA-256 by name.
    :raises BundleError: naming the file that is missing, unreadable, was changed, or put there.
    """
    held = {path.name for path in _visible(folder)}
    if strange := sorted(held - set(files) - {FILE_NAME}):
        raise BundleError(
            f'{folder}: no hash of {shortened(strange[0])}, expected it in files of {FILE_NAME}; '
            'it was put there after export, remove it'
        )
    for name, expected in files.items():
        path = folder / name
        if not _is_file(path):
            raise BundleError(
                f'{folder}: {shortened(name)}: missing, expected the file listed in {FILE_NAME}'
            )
        try:
            found = sha256(path)
        except OSError as error:
            raise BundleError(f'{path}: {error}; expected a file that can be read') from error
        if found != expected:
            refuse_lfs_pointer(path, BundleError)
            raise BundleError(
                f'{path}: sha256 {found[:12]}…, expected {expected[:12]}… as in {FILE_NAME}; '
                'the file was changed after export'
            )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False  # A name that no file can have.


def _visible(folder: Path) -> list[Path]:
    """List files; hidden ones are those of file managers and network drives."""
    try:
        return [path for path in folder.iterdir() if path.is_file() and path.name[0] != '.']
    except OSError as error:
        raise BundleError(f'{folder}: {error}; expected a folder that can be read') from error


def check_facts(manifest: Any, least: int) -> None:
    """
    Check numbers and files of a manifest.

    :param manifest: a dataclass, with ``files``.
    :param least: that whole numbers may be.
    :raises ValueError: a whole number is none or too small, or files are no hashes by plain name.
    """
    for field in fields(manifest):
        value = getattr(manifest, field.name)
        if field.type == 'int' and (type(value) is not int or value < least):
            raise ValueError(f'{field.name} {value!r}, expected a whole number from {least} on')
    for name, value in manifest.files.items():
        if Path(name).name != name or not isinstance(value, str):
            raise ValueError(
                f'files {name!r}: got {value!r}, expected a hash by a plain file name'
            )


def _digest(facts: Mapping[str, Any]) -> str:
    """Hash facts in whatever order and with whatever spaces they are written."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
