# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The records of an MCAP file, also of a truncated one."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MAGIC = b'\x89MCAP0\r\n'
METADATA, END_OF_DATA = 0x0C, 0x0F
_HEAD = struct.Struct('<BQ')


class Record(NamedTuple):
    """
    One record.

    :param code: its opcode.
    :param start: of its content, in bytes from the beginning of the file.
    :param length: of its content, in bytes.
    """

    code: int
    start: int
    length: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + self.length


def records(file: BinaryIO) -> Iterator[Record]:
    """Yield the records after the magic bytes, up to the first that is truncated."""
    size, place = os.fstat(file.fileno()).st_size, len(MAGIC)
    while place + _HEAD.size <= size:
        file.seek(place)
        code, length = _HEAD.unpack(file.read(_HEAD.size))
        record = Record(code, place + _HEAD.size, length)
        if record.end > size:
            return
        yield record
        place = record.end
