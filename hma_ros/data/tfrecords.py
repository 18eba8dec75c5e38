# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Reads TFRecord files and the ``tf.train.Example`` in each record, without TensorFlow.

A record is its length (uint64, little endian), the masked CRC-32C of the length, the data, and
the masked CRC-32C of the data.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from hma_ros.core.errors import ConfigError, MessageError
from hma_ros.core.short_text import shortened

_MASK_DELTA = 0xA282EAD8
_HEAD, _TAIL = struct.Struct('<QI'), struct.Struct('<I')
# Of protobuf, which no record can exceed.
_MOST_BYTES = 2**31 - 1
# The lists of a feature by their number: item type as protobuf counts types.
_LISTS = (
    ('bytes_list', 'BytesList', 12),
    ('float_list', 'FloatList', 2),
    ('int64_list', 'Int64List', 3),
)

Example = Mapping[str, Sequence[Any]]


def records(path: Path) -> Iterator[bytes | MessageError]:
    """
    Yield the data of each record; an error in place of one that is damaged.

    Behind a length that is damaged, nothing of the file can be found: it ends there.
    """
    with path.open('rb') as file:
        left, number = path.stat().st_size, 0
        while left:
            head = file.read(_HEAD.size)
            where = f'{path}: record {number}'
            length, crc = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, None)
            if crc != masked_crc32c(head[:8]) or length > _MOST_BYTES:
                yield MessageError(f'{where}: got a damaged length, expected a TFRecord')
                return
            left -= _HEAD.size + length + _TAIL.size
            if left < 0:
                yield MessageError(
                    f'{where}: got the end of the file, expected {-left} more bytes'
                )
                return
            yield _data(file, length, where)
            number += 1


def _data(file: BinaryIO, length: int, where: str) -> bytes | MessageError:
    data = file.read(length)
    (crc,) = _TAIL.unpack(file.read(_TAIL.size))
    if crc == masked_crc32c(data):
        return data
    return MessageError(f'{where}: got data of another checksum than it carries; copy it again')


def masked_crc32c(data: bytes) -> int:
    """Return the masked CRC-32C of TFRecord: rotated right by 15 bits, plus a constant."""
    crc = _crc32c()(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


@cache
def _crc32c() -> Callable[[bytes], int]:
    try:
        import google_crc32c
    except ImportError as error:
        raise _missing('google-crc32c', error) from error
    checksum: Callable[[bytes], int] = google_crc32c.value
    return checksum


def _missing(package: str, error: ImportError) -> ConfigError:
    return ConfigError(
        f'data: got {error}, expected the package {package}; pip install -r requirements/data.txt'
    )


def parse_example(data: bytes, where: str) -> Example:
    """
    Return the features of an example, each a sequence of bytes, floats or integers.

    :raises MessageError: it is none, or a feature has no values.
    """
    message = _example_class()()
    try:
        message.ParseFromString(data)
    # protobuf has errors of its own, and UnicodeDecodeError for names.
    except Exception as error:
        raise MessageError(
            f'{where}: got {shortened(error)}, expected a tf.train.Example'
        ) from error
    found = {}
    for key, feature in message.features.feature.items():
        kind = feature.WhichOneof('kind')
        found[key] = getattr(feature, kind).value if kind else ()
    return found


@cache
def _example_class() -> Any:
    """Return the message class of ``tf.train.Example``, built from its few fields."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise _missing('protobuf', error) from error
    file = descriptor_pb2.FileDescriptorProto(
        name='hma_ros/example.proto', package='tensorflow', syntax='proto3'
    )
    feature = file.message_type.add(name='Feature')
    feature.oneof_decl.add(name='kind')
    for number, (name, kind, item) in enumerate(_LISTS, 1):
        _add_field(file.message_type.add(name=kind), 'value', 1, item, is_repeated=True)
        _add_field(feature, name, number, f'.tensorflow.{kind}').oneof_index = 0
    features = file.message_type.add(name='Features')
    entry = features.nested_type.add(name='FeatureEntry')
    entry.options.map_entry = True
    _add_field(entry, 'key', 1, 9)
    _add_field(entry, 'value', 2, '.tensorflow.Feature')
    _add_field(features, 'feature', 1, '.tensorflow.Features.FeatureEntry', is_repeated=True)
    _add_field(file.message_type.add(name='Example'), 'features', 1, '.tensorflow.Features')
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName('tensorflow.Example'))


def _add_field(
    message: Any, name: str, number: int, kind: int | str, is_repeated: bool = False
) -> Any:
    """Add a field of a scalar type, by its number, or of a message type, by its name."""
    field = message.field.add(name=name, number=number, label=3 if is_repeated else 1)
    if isinstance(kind, str):
        field.type, field.type_name = 11, kind
    else:
        field.type = kind
    return field
