# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Speed of resizing images and importing bags, and memory of importing a large bag.

Rates are per second of processor time of one thread, so that a busy machine does not change them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

# Before numpy counts the cores.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from benchmarks.report.data_tables import data_import_table, import_memory_table
from hma_ros.core.embodiment import CameraSpec, load_embodiment
from hma_ros.core.vision.image import preprocess
from hma_ros.data.bag_import import import_bags
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.evaluation.measurements import write_measurements

_TYPES = get_typestore(Stores.ROS2_HUMBLE)
_START_NS = 1_700_000_000_000_000_000
_SIZES = ((256, 256), (480, 640), (720, 1280))
_CAMERA_HZ = 30
_IMAGE_BYTES = 480 * 640 * 3
_LOOK_S = 0.2


def main() -> int:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.data_import', description=__doc__)
    parser.add_argument('--out', type=Path, default=Path('benchmarks/out/data_import.json'))
    parser.add_argument('--seconds', type=float, default=20.0, help='length of the made-up bag')
    parser.add_argument(
        '--gigabytes',
        type=float,
        default=10.0,
        help='size of the bag for memory, in a temporary folder',
    )
    args = parser.parse_args()
    rates = {
        **{f'images {w}x{h} averaged down to 64x64': _preprocess_rate(h, w) for h, w in _SIZES},
        **_import_rates(args.seconds),
    }
    results = [{'name': 'data_import', 'what': what, 'rate': rates[what]} for what in rates]
    memory = [{'name': 'import_memory', **_memory(args.gigabytes)}]
    command = f'python -m benchmarks.data_import --seconds {args.seconds:g}'
    command += f' --gigabytes {args.gigabytes:g}'
    write_measurements(args.out, command, [*results, *memory])
    print(data_import_table(results))
    print(import_memory_table(memory))
    return 0


def _preprocess_rate(height: int, width: int) -> float:
    camera = _camera(height, width)
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    preprocess(image, camera)
    count, begin_s = 0, time.process_time()
    while time.process_time() - begin_s < 2.0:
        preprocess(image, camera)
        count += 1
    return round(count / (time.process_time() - begin_s), 1)


def _camera(height: int, width: int) -> CameraSpec:
    camera = load_embodiment('sim_planar').camera
    return replace(camera, height=height, width=width)


def _import_rates(seconds: float) -> dict[str, float]:
    spec = replace(load_embodiment('sim_planar'), camera=_camera(480, 640))
    with tempfile.TemporaryDirectory() as folder:
        bag = _write_bag(Path(folder) / 'bag', seconds)
        images = round(seconds * _CAMERA_HZ)
        writer = LeRobotWriter(Path(folder) / 'set', spec, 'push')
        plain_s = _spent_s(lambda: _read(bag))
        import_s = _spent_s(lambda: list(import_bags([bag], writer)))
        steps = sum(item['length'] for item in writer.sources[0]['episodes'])
    return {
        'images 640x480 read with rosbags alone': round(images / plain_s, 1),
        'images 640x480 imported from a bag': round(images / import_s, 1),
        'steps imported, 3 images 640x480 each': round(steps / import_s, 1),
    }


def _memory(gigabytes: float) -> dict[str, Any]:
    """Import a large bag; its memory in the second tenth of the time, in the last, and at most."""
    spec = replace(load_embodiment('sim_planar'), camera=_camera(480, 640))
    with tempfile.TemporaryDirectory() as folder:
        seconds = gigabytes * 1e9 / _IMAGE_BYTES / _CAMERA_HZ
        bag = _write_bag(Path(folder) / 'bag', seconds)
        writer = LeRobotWriter(Path(folder) / 'set', spec, 'push')
        samples, begin_s = [_private_mib()], time.monotonic()
        is_done = threading.Event()

        def look() -> None:
            while not is_done.wait(_LOOK_S):
                samples.append(_private_mib())

        looker = threading.Thread(target=look)
        looker.start()
        try:
            list(import_bags([bag], writer))
        finally:
            is_done.set()
            looker.join()
        tenth = max(len(samples) // 10, 1)
        return {
            'gigabytes': round(sum(file.stat().st_size for file in bag.iterdir()) / 1e9, 2),
            'steps': sum(item['length'] for item in writer.sources[0]['episodes']),
            'seconds': round(time.monotonic() - begin_s, 1),
            'first_mib': round(median(samples[tenth : 2 * tenth] or samples), 1),
            'last_mib': round(median(samples[-tenth:]), 1),
            'most_mib': round(max(samples), 1),
        }


def _private_mib() -> float:
    """Return the memory of this process without files that are mapped."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('RssAnon')) / 1024.0


def _spent_s(run: Callable[[], object]) -> float:
    begin_s = time.process_time()
    run()
    return time.process_time() - begin_s


def _read(bag: Path) -> None:
    with AnyReader([bag]) as reader:
        for connection, _, data in reader.messages():
            reader.deserialize(data, connection.msgtype)


def _write_bag(folder: Path, seconds: float) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, _IMAGE_BYTES, np.uint8)
    empty = np.zeros(0)
    times = [(round(k * 1e9 / _CAMERA_HZ), True) for k in range(round(seconds * _CAMERA_HZ))]
    times += [(k * 10_000_000 + 1, False) for k in range(round(seconds * 100))]
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}
        for offset_ns, is_image in sorted(times):
            header = _header(_START_NS + offset_ns)
            if is_image:
                topic, kind = '/camera/color/image_raw', 'sensor_msgs/msg/Image'
                values: tuple[Any, ...] = (480, 640, 'rgb8', 0, 1920, pixels)
            else:
                topic, kind = '/joint_states', 'sensor_msgs/msg/JointState'
                place = 0.1 * np.sin(offset_ns * 1e-9 + np.arange(2))
                values = (['joint_x', 'joint_y'], place, empty, empty)
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=_TYPES)
            message = _TYPES.types[kind](header, *values)
            data = _TYPES.serialize_cdr(message, kind)
            writer.write(connections[topic], _START_NS + offset_ns + 1_000_000, data)
    return folder


def _header(time_ns: int) -> Any:
    stamp = _TYPES.types['builtin_interfaces/msg/Time'](time_ns // 10**9, time_ns % 10**9)
    return _TYPES.types['std_msgs/msg/Header'](stamp, 'camera')


if __name__ == '__main__':
    raise SystemExit(main())
