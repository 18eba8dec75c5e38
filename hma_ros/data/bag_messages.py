# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The messages of a bag, in the order in which they were recorded; the bag is only read.

Folders with their metadata, and single files without, also ones that end in the middle of a
record because the recorder was killed.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import shortened

_MAGIC = b'\x89MCAP0\r\n'
_END_OF_DATA = 0x0F
# Messages that no two recordings have in common.
_FIRST = 10
_SUFFIXES = ('.mcap', '.db3')


class Recorded(NamedTuple):
    """
    One message of a bag.

    ``log_ns`` is when it was recorded; ``message`` is None where it does not deserialize, and
    ``fault`` says why.
    """

    topic: str
    log_ns: int
    message: Any
    fault: str | None


class BagMessages:
    """
    Reads one bag; use it in a ``with`` statement.

    :param path: a rosbag2 folder (sqlite3 or MCAP, compressed or split), or one of its files.
    :raises ConfigError: it is not there, cannot be read, or rosbags is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_truncated = False
        self._stack = ExitStack()
        self._readers: list[Any] = []
        try:
            self._readers = self._open()
        except ConfigError:
            raise
        except ImportError as error:
            raise ConfigError(
                f'{path}: got {error}, expected the package rosbags; pip install '
                '-r requirements/data.txt'
            ) from error
        # rosbags and its parsers raise exceptions of many kinds on a broken bag.
        except Exception as error:
            raise ConfigError(f'{path}: got {shortened(error)}, expected a rosbag2 bag') from error

    @property
    def topics(self) -> dict[str, str]:
        """Names of the topics, and their types."""
        return {
            item.topic: item.msgtype for reader in self._readers for item in reader.connections
        }

    def count(self, topic: str) -> int:
        """Return how many messages of a topic there are."""
        return sum(
            item.msgcount
            for reader in self._readers
            for item in reader.connections
            if item.topic == topic
        )

    def beginning(self) -> str:
        """Return a digest of the first messages; of a broken bag, of those that can be read."""
        digest = hashlib.sha256()
        with suppress(Exception):  # as in _read
            for connection, log_ns, data in islice(self._readers[0].messages(), _FIRST):
                digest.update(f'{connection.topic} {log_ns} {len(data)} '.encode() + data)
        return digest.hexdigest()

    def messages(self, topics: Sequence[str]) -> Iterator[Recorded]:
        """Yield the messages of some topics; what is unreadable at the end is left out."""
        for reader in self._readers:
            wanted = [item for item in reader.connections if item.topic in topics]
            if wanted:
                yield from self._read(reader, wanted)

    def __enter__(self) -> BagMessages:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._stack.close()

    def _read(self, reader: Any, wanted: Sequence[Any]) -> Iterator[Recorded]:
        source = iter(reader.messages(wanted))
        while True:
            try:
                connection, log_ns, data = next(source)
            except StopIteration:
                return
            except Exception:  # a broken record: what is behind it cannot be found
                self.is_truncated = True
                return
            try:
                message, fault = _deserialized(reader, data, connection.msgtype), None
            except Exception as error:  # whatever the bytes make the parser raise
                message, fault = None, shortened(error)
            yield Recorded(connection.topic, log_ns, message, fault)

    def _open(self) -> list[Any]:
        if not self.path.exists():
            raise ConfigError(f'{self.path}: got nothing, expected a rosbag2 folder or file')
        if self.path.is_file() or (self.path / 'metadata.yaml').exists():
            try:
                return [self._opened(self.path)]
            except Exception:
                if self.path.is_file():
                    return [self._recovered(self.path)]
        files = bag_files(self.path)
        return [self._opened_or_recovered(item) for item in files]

    def _opened_or_recovered(self, path: Path) -> Any:
        try:
            return self._opened(path)
        except Exception:
            return self._recovered(path)

    def _opened(self, path: Path, storage: Any = None) -> Any:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore

        reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
        if storage is not None:
            reader.readers[0].storage = storage
        reader.open()
        self._stack.callback(reader.close)
        return reader

    def _recovered(self, path: Path) -> Any:
        """Open an MCAP file without its end."""
        if not path.stat().st_size:
            raise ConfigError(f'{path}: got an empty file, expected a bag; leave it out')
        if path.suffix != '.mcap':
            raise ConfigError(
                f'{path}: got a damaged database, expected one that opens; try sqlite3 .recover'
            )
        reader = self._opened(path, _truncated_mcap(path))
        self.is_truncated = True
        return reader


def bag_files(folder: Path) -> list[Path]:
    """
    Return the files of a bag in their order.

    :raises ConfigError: there are none.
    """
    files = sorted((item for item in folder.iterdir() if item.suffix in _SUFFIXES), key=_number)
    if files:
        return files
    if any(item for suffix in _SUFFIXES for item in folder.glob(f'*/*{suffix}')):
        raise ConfigError(
            f'{folder}: got a folder of bags, expected a bag; name them, such as {folder}/*'
        )
    raise ConfigError(
        f'{folder}: got a folder without {" or ".join(_SUFFIXES)} files, expected a rosbag2 bag'
    )


def _deserialized(reader: Any, data: bytes, kind: str) -> Any:
    """Read a message as the nodes do, who do not mind bytes behind its end."""
    try:
        return reader.deserialize(data, kind)
    except Exception as error:
        # Python's serialize_message leaves some there.
        if 'size mismatch' not in str(error):
            raise
    types = reader.typestore
    definition = types.get_msgdef(kind)
    is_little = bool(data[1])
    read = definition.deserialize_cdr_le if is_little else definition.deserialize_cdr_be
    return read(data[4:], 0, definition.cls, types)[0]


def _number(path: Path) -> tuple[int, str]:
    """Sort bag_10.mcap behind bag_9.mcap."""
    last = path.stem.rpartition('_')[2]
    return (int(last) if last.isdecimal() else -1), path.name


def _truncated_mcap(path: Path) -> Any:
    from rosbags.rosbag2.storage_mcap import McapReader

    class Truncated(McapReader):
        """Scans all whole records; there is no index."""

        def _open(self) -> None:
            file: Any = self.bio
            self.data_start, self.data_end = _whole_records(file)
            self.meta_scan()

    return Truncated(path)


def _whole_records(file: BinaryIO) -> tuple[int, int]:
    """Return where the records begin, and where the last whole one of the data ends."""
    size = os.fstat(file.fileno()).st_size
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError(f'no MCAP file: {file.name}')
    start = place = file.tell()
    while place + 9 <= size:
        file.seek(place)
        code, length = struct.unpack('<BQ', file.read(9))
        if place + 9 + length > size or code == _END_OF_DATA:
            break
        place += 9 + length
        if start == len(_MAGIC):
            start = place  # behind the header
    return start, place
