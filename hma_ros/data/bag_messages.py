# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The messages of a bag, in the order in which they were recorded; the bag is only read.

Folders with their metadata, and single files without, also ones that end too early because the
recorder was killed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from copy import copy
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import shortened
from hma_ros.data.bag_recovery import MCAP, SQLITE, has_unread_log, truncated_storage

# Messages that no two recordings have in common.
_FIRST = 10
_SUFFIXES = (MCAP, SQLITE)


class Recorded(NamedTuple):
    """
    One message of a bag.

    ``log_ns`` is when it was recorded; ``message`` is None where it does not deserialize, and
    ``fault`` says why. ``follows_damage``: it is the first behind the end of a file that is not
    whole, so nobody knows what came between.
    """

    topic: str
    log_ns: int
    message: Any
    fault: str | None
    follows_damage: bool = False


class BagMessages:
    """
    Reads one bag; use it in a ``with`` statement.

    :param path: a rosbag2 folder (sqlite3 or MCAP, compressed or split), or one of its files.
    :raises ConfigError: it is not there, cannot be read, or rosbags is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._broken = set[int]()
        self._stack = ExitStack()
        self._readers: list[Any] = []
        self._files: list[tuple[Any, Any]] = []
        try:
            self._readers = self._open()
            # With what reads them apart, to go on behind a damage with the next.
            self._files = [(item, file) for item in self._readers for file in _files(item)]
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
    def is_truncated(self) -> bool:
        """Whether a file ends too early, as far as is known by now."""
        return bool(self._broken)

    @property
    def topics(self) -> dict[str, str]:
        """Names of the topics, and their types."""
        return {
            item.topic: item.msgtype for reader in self._readers for item in reader.connections
        }

    def has(self, topic: str) -> bool:
        """Whether there is a message of a topic, whatever an index that may be lost says."""
        return self.count(topic) > 0 or next(self.messages([topic]), None) is not None

    def count(self, topic: str) -> int:
        """Return how many messages of a topic there are, by the index or else by reading."""
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
        is_behind_damage = False
        for reader, file in self._files:
            wanted = [item for item in reader.connections if item.topic in topics]
            for item in self._read(reader, file, wanted) if wanted else ():
                yield item._replace(follows_damage=is_behind_damage)
                is_behind_damage = False
            is_behind_damage = is_behind_damage or bool({id(reader), id(file)} & self._broken)

    def __enter__(self) -> BagMessages:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._stack.close()

    def _read(self, reader: Any, file: Any, wanted: Sequence[Any]) -> Iterator[Recorded]:
        source = iter(file.messages(wanted))
        while True:
            try:
                connection, log_ns, data = next(source)
            except StopIteration:
                return
            except Exception:  # a broken record: what is behind it cannot be found
                self._broken.add(id(file))
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
        if has_unread_log(path):
            self._broken.add(id(reader))
        return reader

    def _recovered(self, path: Path) -> Any:
        """Open a file without its end."""
        reader = self._opened(path, truncated_storage(path))
        self._broken.add(id(reader))
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


def _files(reader: Any) -> list[Any]:
    """Return what reads each file of a bag apart: with metadata, one reader has them all."""
    storage = reader.readers[0].storage
    return [_only(storage, item) for item in getattr(storage, 'storages', ())] or [storage]


def _only(folder: Any, file: Any) -> Any:
    only = copy(folder)
    only.storages = [file]
    return only


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
