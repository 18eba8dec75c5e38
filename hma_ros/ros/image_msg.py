# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Images: ROS messages to ``uint8[H, W, 3]`` RGB, and back."""

import io
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from hma_ros.core.errors import MessageError
from hma_ros.ros.stamps import to_stamp

Rgb = NDArray[np.uint8]

# Bytes per pixel, and for RGB orders the places of red, green and blue.
_CHANNELS = {
    'rgb8': (3, (0, 1, 2)),
    'bgr8': (3, (2, 1, 0)),
    'rgba8': (4, (0, 1, 2)),
    'bgra8': (4, (2, 1, 0)),
    'mono8': (1, (0, 0, 0)),
}
# Places of the first luma byte and of the two chroma bytes in four bytes of two pixels.
_YUV = {'yuv422': (1, 0, 2), 'yuv422_yuy2': (0, 1, 3)}
RAW_ENCODINGS = (*_CHANNELS, *_YUV)
COMPRESSED_ENCODINGS = ('jpeg', 'png')


def to_rgb(message: Any, topic: str, encodings: tuple[str, ...] | None = None) -> Rgb:
    """
    Decode an Image or a CompressedImage.

    :param topic: how errors name the image.
    :param encodings: those that are expected; all known ones by default.
    :returns: ``uint8[H, W, 3]``.
    :raises MessageError: unexpected encoding, data that do not fit the size, or a broken picture.
    """
    if isinstance(message, CompressedImage):
        return _decode_compressed(message, topic, encodings or COMPRESSED_ENCODINGS)
    _check_encoding(message.encoding, topic, encodings or RAW_ENCODINGS, RAW_ENCODINGS)
    if message.encoding in _YUV:
        return _decode_yuv(_rows(message, topic, 2), _YUV[message.encoding])
    channels, order = _CHANNELS[message.encoding]
    pixels = _rows(message, topic, channels).reshape(message.height, message.width, channels)
    return np.ascontiguousarray(pixels[:, :, list(order)])


def from_rgb(rgb: Rgb, time_ns: int, frame_id: str) -> Image:
    """
    Make an Image message.

    :param rgb: ``uint8[H, W, 3]``.
    :raises MessageError: another dtype or shape.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise MessageError(f'image: expected uint8[H, W, 3], got {rgb.dtype}{list(rgb.shape)}')
    message = Image()
    message.header.stamp = to_stamp(time_ns)
    message.header.frame_id = frame_id
    message.height, message.width = rgb.shape[:2]
    message.encoding, message.step = 'rgb8', 3 * rgb.shape[1]
    # An array of bytes is taken over as it is; a list or ndarray would be checked item by item.
    message.data = array('B', np.ascontiguousarray(rgb).tobytes())
    return message


def _check_encoding(
    got: str, topic: str, expected: tuple[str, ...], known: tuple[str, ...]
) -> None:
    if got not in expected or got not in known:
        raise MessageError(f'{topic}: expected encoding {" or ".join(expected)}, got {got!r}')


def _rows(message: Any, topic: str, channels: int) -> Rgb:
    """Return ``uint8[H, W * channels]`` without the padding at the end of the rows."""
    height, used, step = message.height, message.width * channels, message.step
    size = len(message.data)
    # The last row may come without its padding.
    needed = step * (height - 1) + used
    if height < 1 or used < 1 or step < used or size < needed:
        raise MessageError(
            f'{topic}: expected at least {needed} bytes in rows of {used} or more for '
            f'{message.width}x{height} {message.encoding}, got {size} bytes, step {step}'
        )
    data = np.frombuffer(message.data, np.uint8)
    strides = (step, 1)
    return np.lib.stride_tricks.as_strided(data, (height, used), strides, writeable=False)


def _decode_yuv(rows: Rgb, places: tuple[int, int, int]) -> Rgb:
    """Convert 4:2:2 with full-range BT.601, as camera drivers write it."""
    if rows.shape[1] % 4:
        raise MessageError(f'image: expected an even width for 4:2:2, got {rows.shape[1] // 2}')
    luma, first, second = places
    y = rows[:, luma::2].astype(np.float32)
    u = np.repeat(rows[:, first::4], 2, axis=1).astype(np.float32) - 128.0
    v = np.repeat(rows[:, second::4], 2, axis=1).astype(np.float32) - 128.0
    rgb = np.stack([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], axis=2)
    rounded: Rgb = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    return rounded


def _decode_compressed(message: Any, topic: str, expected: tuple[str, ...]) -> Rgb:
    from PIL import Image as Picture

    broken = (OSError, SyntaxError, ValueError, Picture.DecompressionBombError)
    try:
        with Picture.open(io.BytesIO(bytes(message.data))) as picture:
            _check_encoding(str(picture.format).lower(), topic, expected, COMPRESSED_ENCODINGS)
            return np.array(picture.convert('RGB'), np.uint8)
    except broken as error:
        raise MessageError(
            f'{topic}: expected a {" or ".join(expected)} picture, got {message.format!r} that '
            f'does not decode: {error}'
        ) from error
