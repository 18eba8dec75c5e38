# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a bag says of itself: the custom data of ``metadata.yaml``, or of an MCAP file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from hma_ros.core.topics import EMBODIMENT_KEY
from hma_ros.data.mcap_records import MAGIC, METADATA, records

# More is no metadata of a recorder.
_MOST_BYTES = 1 << 24


def custom_data(path: Path) -> dict[str, str]:
    """
    Return the custom data of a bag; empty where it has none of ours.

    :param path: a rosbag2 folder, also one whose recorder was killed, or one of its files.
    """
    metadata = path / 'metadata.yaml'
    found: list[dict[str, str]] = []
    if metadata.is_file() and metadata.stat().st_size <= _MOST_BYTES:
        found.append(_of_yaml(metadata.read_bytes()))
    for file in [path] if path.is_file() else sorted(path.glob('*.mcap')):
        if not any(EMBODIMENT_KEY in item for item in found) and file.suffix == '.mcap':
            found += _of_mcap(file)
    return next((item for item in found if EMBODIMENT_KEY in item), {})


def _of_yaml(text: bytes) -> dict[str, str]:
    """Read ``metadata.yaml``, or the same without its first key."""
    try:
        content = yaml.safe_load(text)
    # PyYAML raises exceptions of many kinds on bytes that are none.
    except Exception:
        return {}
    inner = content.get('rosbag2_bagfile_information', content) if _is_map(content) else {}
    return _texts(inner.get('custom_data') if _is_map(inner) else None)


def _of_mcap(path: Path) -> list[dict[str, str]]:
    """Return the maps of the metadata records, those of rosbag2 unpacked."""
    with path.open('rb') as file:
        maps = [_map(data) for data in _metadata_records(file)]
    packed = [item['serialized_metadata'] for item in maps if 'serialized_metadata' in item]
    return [*maps, *(_of_yaml(text.encode()) for text in packed)]


def _metadata_records(file: BinaryIO) -> Iterator[bytes]:
    if file.read(len(MAGIC)) != MAGIC:
        return
    for record in records(file):
        if record.code == METADATA and record.length <= _MOST_BYTES:
            file.seek(record.start)
            yield file.read(record.length)


def _map(record: bytes) -> dict[str, str]:
    try:
        _, place = _text(record, 0)
        place += 4
        found = {}
        while place < len(record):
            key, place = _text(record, place)
            found[key], place = _text(record, place)
    except (struct.error, UnicodeDecodeError):
        return {}
    return found


def _text(record: bytes, place: int) -> tuple[str, int]:
    (length,) = struct.unpack_from('<I', record, place)
    end = place + 4 + length
    return record[place + 4 : end].decode(), end


def _texts(value: Any) -> dict[str, str]:
    if not _is_map(value):
        return {}
    return {key: item for key, item in value.items() if isinstance(item, str)}


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)
