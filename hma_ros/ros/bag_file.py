# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writes a rosbag2 bag (MCAP) without rosbag2: serialized messages, as they came."""

import os
import re
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rclpy.qos import QoSProfile

from hma_ros.core.errors import ConfigError

_VERSION = 9
_METADATA = 0x0C


class BagFile:
    """
    A new bag; nothing that exists is ever overwritten.

    :param folder: where to write; with a number behind it if there is such a folder already.
    :param custom_data: what the bag says of itself, in ``metadata.yaml`` and at the beginning of
        the MCAP file, where it survives a recorder that is killed.
    :raises ConfigError: the package rosbags is not installed, or the folder cannot be made.
    """

    def __init__(self, folder: Path, custom_data: Mapping[str, str] | None = None) -> None:
        try:
            from rosbags.rosbag2 import StoragePlugin, Writer
            from rosbags.typesys import Stores, get_typestore
        except ImportError as error:
            raise ConfigError(
                f'record: got {error}, expected the package rosbags or the command ros2 bag; '
                'pip install rosbags, or apt-get install ros-$ROS_DISTRO-ros2bag'
            ) from error
        self.folder = unused(folder)
        self._types = get_typestore(Stores.EMPTY)
        self._writer = Writer(self.folder, version=_VERSION, storage_plugin=StoragePlugin.MCAP)
        for key, value in (custom_data or {}).items():
            self._writer.set_custom_data(key, value)
        self.messages = self.kept = self._whole = self._newest_ns = 0
        try:
            self._writer.open()
            self._storage: Any = self._writer.storage
            self._storage.bio.write(_metadata_record(custom_data or {}))
            self.flush()
        except OSError as error:
            raise ConfigError(
                f'record: {self.folder}: got {error.strerror}, expected a folder that can be made'
            ) from error

    def add(self, topic: str, type_name: str, qos: QoSProfile) -> Any:
        """
        Add a topic; returns what :meth:`write` takes.

        :param type_name: such as ``std_msgs/msg/Bool``.
        :raises ConfigError: the definition of the type is not installed.
        """
        self._register(type_name)
        return self._writer.add_connection(
            topic, type_name, typestore=self._types, offered_qos_profiles=[_qos(qos)]
        )

    def write(self, connection: Any, stamp_ns: int, data: bytes) -> None:
        """
        Write one serialized message; raises OSError, e.g. when the disk is full.

        Stamps never go back, whatever the clock does: a file without its index is in their order.
        """
        self._newest_ns = max(self._newest_ns, stamp_ns)
        self._writer.write(connection, self._newest_ns, data)
        self.messages += 1

    def flush(self) -> None:
        """Hand all messages to the system: ``kept`` of them outlive this process."""
        if self._storage.chunk.msgs:
            self._storage.close_chunk()
        self._storage.bio.flush()
        self._whole, self.kept = self._storage.bio.tell(), self.messages

    def close(self) -> None:
        """Write the index and the metadata, without which a bag is harder to read."""
        self._writer.close()

    def cut(self) -> None:
        """Close after an error, and leave nothing behind the last message that was kept."""
        path = self._storage.path
        with suppress(OSError):
            self._storage.bio.close()
        os.truncate(path, self._whole)

    def _register(self, type_name: str) -> None:
        """Make a type and those in it known, from the installed definitions."""
        from rosbags.typesys import get_types_from_msg

        if type_name in self._types.fielddefs:
            return
        path = _definition(type_name)
        types = get_types_from_msg(path.read_text(encoding='utf-8'), type_name)
        for inner in sorted(set(re.findall(r'\w+/msg/\w+', repr(types))) - {type_name}):
            self._register(inner)
        self._types.register(types)


def unused(folder: Path) -> Path:
    """Return the folder, or the first of ``FOLDER_2``, ``FOLDER_3``... that does not exist."""
    free, number = folder, 1
    while free.exists():
        number += 1
        free = folder.with_name(f'{folder.name}_{number}')
    return free


def _metadata_record(values: Mapping[str, str]) -> bytes:
    entries = b''.join(_text(key) + _text(value) for key, value in values.items())
    record = _text('hma_ros') + struct.pack('<I', len(entries)) + entries
    return struct.pack('<BQ', _METADATA, len(record)) + record


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack('<I', len(data)) + data


def _definition(type_name: str) -> Path:
    package, _, name = type_name.split('/')
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    for prefix in filter(None, prefixes):
        path = Path(prefix) / 'share' / package / 'msg' / f'{name}.msg'
        if path.is_file():
            return path
    raise ConfigError(
        f'record: got no share/{package}/msg/{name}.msg, expected the definition of {type_name}; '
        f'install {package}, or source the workspace that has it'
    )


def _qos(profile: QoSProfile) -> Any:
    from rosbags.interfaces import (
        Qos,
        QosDurability,
        QosHistory,
        QosLiveliness,
        QosReliability,
        QosTime,
    )

    # As rosbag2 says it: no deadline, no lifespan.
    never = QosTime(9223372036, 854775807)
    return Qos(
        history=QosHistory(profile.history.value),
        depth=profile.depth,
        reliability=QosReliability(profile.reliability.value),
        durability=QosDurability(profile.durability.value),
        deadline=never,
        lifespan=never,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=never,
        avoid_ros_namespace_conventions=False,
    )
