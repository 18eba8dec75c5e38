# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Truncated files of bags, read up to the damage: the recorder was killed, or a copy stopped.

Their index is lost, so messages are counted by reading them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import suppress
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, BinaryIO

from hma_ros.core.errors import ConfigError
from hma_ros.data.mcap_records import END_OF_DATA, MAGIC, records

MCAP, SQLITE = '.mcap', '.db3'
_MAGIC = {MCAP: MAGIC, SQLITE: b'SQLite format 3\0'}
# A message may be written this many places too late.
_MOST_WAITING = 64
# In the order of writing; the index on the time may be what is lost.
_ROWS = 'SELECT topic_id, timestamp, data FROM messages NOT INDEXED ORDER BY id'


def truncated_storage(path: Path) -> Any:
    """
    Return a storage for rosbags that reads a truncated file.

    :raises ConfigError: the file is no bag, not even the beginning of one.
    """
    if not path.stat().st_size:
        raise ConfigError(f'{path}: got an empty file, expected a bag; leave it out')
    with path.open('rb') as file:
        begins_as = _kind(file.read(max(map(len, _MAGIC.values()))))
    if begins_as is None:
        raise ConfigError(
            f'{path}: got a file that begins as neither MCAP nor sqlite3, expected a rosbag2 bag; '
            'give its folder, or convert a ROS 1 bag with rosbags-convert'
        )
    if begins_as != path.suffix:
        raise ConfigError(
            f'{path}: got a file that begins as {begins_as}, expected a name that ends so; '
            'rename it'
        )
    return _truncated_mcap(path) if begins_as == MCAP else _truncated_sqlite(path)


def has_unread_log(path: Path) -> bool:
    """Whether sqlite3 left a write-ahead log beside a bag: what is in it is not read."""
    logs = [Path(f'{path}-wal')] if path.is_file() else path.glob(f'*{SQLITE}-wal')
    return any(item.is_file() and item.stat().st_size for item in logs)


def _kind(beginning: bytes) -> str | None:
    return next((key for key, magic in _MAGIC.items() if beginning.startswith(magic)), None)


def _truncated_mcap(path: Path) -> Any:
    from rosbags.rosbag2.storage_mcap import McapReader

    class Truncated(McapReader):
        """Scans all whole records; there is no index."""

        def _open(self) -> None:
            reader: Any = self
            self.data_start, self.data_end = _whole_records(reader.bio)
            with suppress(Exception):  # a damaged chunk: what is before it can be read
                self.meta_scan()
            found, facts = reader.connections, reader.statistics
            if facts is None:
                counts = _counts(item.id for item, *_ in self.messages_scan(found))
            else:
                counts = Counter(facts.channel_message_counts)
            reader.connections = [item._replace(msgcount=counts[item.id]) for item in found]

        def messages(
            self, connections: Collection[Any], start: int | None = None, stop: int | None = None
        ) -> Generator[Any, None, None]:
            """Yield messages."""
            yield from _in_time(self.messages_scan(connections, start, stop))

    return Truncated(path)


def _in_time(messages: Iterable[tuple[Any, int, bytes]]) -> Iterator[tuple[Any, int, bytes]]:
    """Sort messages that were written a little too late by time, as an index does."""
    waiting = list[tuple[int, int, Any]]()
    try:
        for place, message in enumerate(messages):
            heappush(waiting, (message[1], place, message))
            if len(waiting) > _MOST_WAITING:
                yield heappop(waiting)[2]
    except Exception:
        yield from (item[2] for item in sorted(waiting))
        raise
    yield from (item[2] for item in sorted(waiting))


def _whole_records(file: BinaryIO) -> tuple[int, int]:
    """Return where the records begin, and where the last whole one of the data ends."""
    start = end = len(MAGIC)
    for record in records(file):
        if record.code == END_OF_DATA:
            break
        end = record.end
        if start == len(MAGIC):
            start = end  # behind the header
    return start, end


def _truncated_sqlite(path: Path) -> Any:
    from rosbags.interfaces import Connection, ConnectionExtRosbag2
    from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

    class Truncated(Sqlite3Reader):
        """Reads the rows in the order in which they were written, until one that is broken."""

        def _open(self) -> None:
            database: Any = self.dbconn
            # Else sqlite3 refuses a file that is shorter than its header says.
            database.execute('PRAGMA writable_schema=ON')
            counts = _counts(number for number, _, _ in database.execute(_ROWS))
            definitions = _definitions(database)
            rows = database.execute('SELECT id, name, type, serialization_format FROM topics')
            self.connections = [
                Connection(
                    *(number, topic, kind, definitions(kind), '', counts[number]),
                    ConnectionExtRosbag2(serialization, []),
                    self,
                )
                for number, topic, kind, serialization in rows
            ]

        def messages(
            self, connections: Collection[Any], start: int | None = None, stop: int | None = None
        ) -> Generator[Any, None, None]:
            """Yield messages; raises apsw.Error at the first that is broken."""
            wanted = {item.id: item for item in connections}
            database: Any = self.dbconn
            rows = database.execute(_ROWS)
            yield from _in_time((wanted[row[0]], *row[1:]) for row in rows if row[0] in wanted)

    return Truncated(path)


def _counts(topics: Iterable[int]) -> Counter[int]:
    """Count the messages of each topic that can be read whole."""
    counts = Counter[int]()
    with suppress(Exception):
        for number in topics:
            counts[number] += 1
    return counts


def _definitions(database: Any) -> Callable[[str], Any]:
    """Return what finds the definition of a type: in the bag, where it has any."""
    import apsw
    from rosbags.interfaces import MessageDefinition, MessageDefinitionFormat

    formats = {'ros2msg': MessageDefinitionFormat.MSG, 'ros2idl': MessageDefinitionFormat.IDL}
    found: dict[str, Any] = {}
    with suppress(apsw.Error):  # older bags have none
        for kind, encoding, text in database.execute(
            'SELECT topic_type, encoding, encoded_message_definition FROM message_definitions'
        ):
            found[kind] = MessageDefinition(formats[encoding], text)
    none = MessageDefinition(MessageDefinitionFormat.NONE, '')
    return lambda kind: found.get(kind, none)
