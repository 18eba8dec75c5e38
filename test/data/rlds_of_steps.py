# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writes RLDS data sets of a made-up planar robot, byte by byte as TensorFlow Datasets does."""

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from lerobot_of_steps import image, place, png
from PIL import Image

FPS = 20
CAMERA = 'observation/image'


def checksum(data: bytes) -> int:
    """Return the masked CRC-32C, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def framed(data: bytes) -> bytes:
    head = struct.pack('<Q', len(data))
    tail = struct.pack('<I', checksum(data))
    return head + struct.pack('<I', checksum(head)) + data + tail


def example(features: dict[str, Any]) -> bytes:
    """Serialize lists of bytes, arrays of floats and arrays of integers by their names."""
    entries = [
        _field(1, _field(1, name.encode()) + _field(2, _list(values)))
        for name, values in features.items()
    ]
    return _field(1, b''.join(entries))


def _list(values: Any) -> bytes:
    if isinstance(values, list):
        return _field(1, b''.join(_field(1, item) for item in values))
    if values.dtype.kind == 'f':
        return _field(2, _field(1, values.astype('<f4').tobytes()))
    return _field(3, _field(1, b''.join(_varint(int(item)) for item in values.ravel())))


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def episode(length: int, format_name: str = 'PNG', success: bool | None = None) -> dict[str, Any]:
    """Return the features of an episode; the action of the last step means nothing."""
    times = [index / FPS for index in range(length)]
    actions = np.array([place(time_s + 1 / FPS) for time_s in times], np.float32)
    actions[-1:] = 99.0
    flags = np.arange(length) == length - 1
    found = {
        'steps/observation/image': [_encoded(image(time_s), format_name) for time_s in times],
        'steps/observation/state': np.array([[*place(time_s), 7.0] for time_s in times]),
        'steps/action/target': actions,
        'steps/action/gripper': np.zeros(length, np.float32),
        'steps/is_last': flags.astype(np.int64),
        'steps/language_instruction': [b'push'] * length,
        'episode_metadata/file_path': [b'/somewhere'],
    }
    if success is not None:
        found['episode_metadata/success'] = np.array([int(success)])
    return found


def write(
    folder: Path, shards: list[list[dict[str, Any]]], split: str = 'train', shape: str = '256'
) -> Path:
    """Write the shards of a split, each a list of episodes."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, episodes in enumerate(shards):
        name = f'pushes-{split}.tfrecord-{index:05d}-of-{len(shards):05d}'
        (folder / name).write_bytes(b''.join(framed(example(item)) for item in episodes))
    (folder / 'features.json').write_text(json.dumps(_features(shape)))
    return folder


def _encoded(pixels: np.ndarray, format_name: str) -> bytes:
    if format_name == 'PNG':
        return png(pixels)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format_name, quality=95)
    return file.getvalue()


def _features(size: str) -> dict[str, Any]:
    def tensor(dtype: str, *shape: str) -> dict[str, Any]:
        facts = {'shape': {'dimensions': list(shape)} if shape else {}, 'dtype': dtype}
        return {
            'pythonClassName': 'tensor_feature.Tensor',
            'tensor': {**facts, 'encoding': 'none'},
        }

    def group(**children: Any) -> dict[str, Any]:
        return {'pythonClassName': 'FeaturesDict', 'featuresDict': {'features': children}}

    text = {'pythonClassName': 'tensorflow_datasets.core.features.text_feature.Text', 'text': {}}
    shape = {'dimensions': [size, size, '3']}
    image = {'image': {'shape': shape, 'dtype': 'uint8', 'encodingFormat': 'png'}}
    steps = group(
        observation=group(image=image, state=tensor('float64', '3')),
        action=group(target=tensor('float32', '2'), gripper=tensor('float32')),
        is_last=tensor('bool'),
        language_instruction=text,
    )
    metadata = group(file_path=text, success=tensor('bool'))
    return group(steps={'sequence': {'feature': steps}}, episode_metadata=metadata)
