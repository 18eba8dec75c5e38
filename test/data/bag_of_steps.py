# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writes bags of a made-up planar robot, with what can go wrong with them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

TYPES = get_typestore(Stores.ROS2_HUMBLE)
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
JOINTS = ('joint_x', 'joint_y')


def stamp(time_ns: int) -> Any:
    return TYPES.types['builtin_interfaces/msg/Time'](
        sec=time_ns // 1_000_000_000, nanosec=time_ns % 1_000_000_000
    )


def header(time_ns: int) -> Any:
    return TYPES.types['std_msgs/msg/Header'](stamp=stamp(time_ns), frame_id='table')


def place(time_ns: int) -> np.ndarray:
    angle = (time_ns - START_NS) * 1e-9
    return np.array([0.1 * np.sin(angle), 0.05 * np.cos(3 * angle)])


def image(time_ns: int) -> Any:
    pixels = np.full((256, 256, 3), 40, np.uint8)
    x, y = (place(time_ns) * 400 + 128).astype(int)
    pixels[y - 20 : y + 20, x - 20 : x + 20] = (250, 120, 0)
    return TYPES.types['sensor_msgs/msg/Image'](
        header(time_ns), 256, 256, 'rgb8', 0, 768, pixels.ravel()
    )


def joints(time_ns: int, values: Any = None) -> Any:
    positions = place(time_ns) if values is None else np.asarray(values, np.float64)
    empty = np.zeros(0)
    kind = TYPES.types['sensor_msgs/msg/JointState']
    return kind(header(time_ns), list(JOINTS), positions, empty, empty)


def messages(seconds: float) -> Iterator[tuple[str, int, Any]]:
    """Yield topic, receipt and message: the camera at 30 Hz, joints at 100 Hz."""
    events = [(round(k * 1e9 / 30), 0) for k in range(round(30 * seconds))]
    events += [(k * 10 * MS + 1, 1) for k in range(round(100 * seconds))]
    for offset, kind in sorted(events):
        time_ns = START_NS + offset
        if kind == 0:
            yield '/camera/color/image_raw', time_ns + 5 * MS, image(time_ns)
        else:
            yield '/joint_states', time_ns + MS, joints(time_ns)


def write(
    folder: Path,
    recorded: Sequence[tuple[str, int, Any]],
    storage: Any = StoragePlugin.MCAP,
    behind: bytes = b'',
    empty: Sequence[tuple[str, str]] = (),
    is_sorted: bool = True,
    **compression: Any,
) -> Path:
    writer = Writer(folder, version=9, storage_plugin=storage)
    if compression:
        writer.set_compression(**compression)
    with writer:
        connections: dict[str, Any] = {}
        for topic, kind in empty:
            writer.add_connection(topic, kind, typestore=TYPES)
        rows = sorted(recorded, key=lambda item: item[1]) if is_sorted else recorded
        for topic, time_ns, message in rows:
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic, message.__msgtype__, typestore=TYPES
                )
            data = bytes(TYPES.serialize_cdr(message, message.__msgtype__)) + behind
            writer.write(connections[topic], time_ns, data)
    return folder


def mark(text: str, time_ns: int) -> tuple[str, int, Any]:
    return '/episode', time_ns, TYPES.types['std_msgs/msg/String'](text)
