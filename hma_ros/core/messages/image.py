# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Images: messages, live or from a bag, to ``uint8[H, W, 3]`` RGB.

A compressed image is decoded as ``image_transport`` does by default (OpenCV's
``IMREAD_UNCHANGED``): an EXIF orientation is ignored, the pixels stay as the sensor has them.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment.spec import ENCODINGS, OLD_ENCODING_NAMES, CameraSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.short_text import quoted

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
_YUV = {'uyvy': (1, 0, 2), 'yuyv': (0, 1, 3)}
RAW_ENCODINGS = (*_CHANNELS, *_YUV)
COMPRESSED_ENCODINGS = ENCODINGS['compressed']
# Black luma, and how many times larger RGB is than luma and chroma.
_YUV_RANGES = {'limited': (16.0, 255 / 219, 255 / 224), 'full': (0.0, 1.0, 1.0)}
# What may be decoded where no camera says how large an image is.
_MOST_PIXELS = 4096 * 4096
_ADVICE = {
    'mono16': '16 bits per pixel are not read; set the driver to one of these',
    'rgb16': '16 bits per channel are not read; set the driver to one of these',
    'bgr16': '16 bits per channel are not read; set the driver to one of these',
    '16UC': 'this is a depth or raw image; choose the topic of the colour image',
    '32FC': 'this is a depth image; choose the topic of the colour image',
    'bayer': 'choose the topic that image_proc makes in colour',
}


def to_rgb(message: Any, topic: str, camera: CameraSpec | None = None) -> Rgb:
    """
    Decode an Image or a CompressedImage.

    16 bits of a PNG become the 8 higher ones; transparency is dropped.

    :param topic: how errors name the image.
    :param camera: whose encodings, size and YUV range are expected; the size is compared before
        anything is decoded. By default all known encodings, limited range, at most 4096x4096.
    :returns: ``uint8[H, W, 3]``.
    :raises MessageError: unexpected encoding or size, data that do not fit the size, or an image
        that is broken, animated or one of several.
    """
    if not hasattr(message, 'encoding'):  # a CompressedImage
        return _decode_compressed(message, topic, camera)
    expected = RAW_ENCODINGS if camera is None else camera.encodings
    _check_encoding(message.encoding, topic, expected, RAW_ENCODINGS)
    _check_size(message.height, message.width, topic, camera)
    encoding = _new_name(message.encoding)
    if encoding in _YUV:
        yuv_range = 'limited' if camera is None else camera.yuv_range
        return _decode_yuv(_lines(message, topic, 2), _YUV[encoding], yuv_range)
    channels, order = _CHANNELS[encoding]
    pixels = _lines(message, topic, channels).reshape(message.height, message.width, channels)
    # Seven times faster than an index with the order.
    rgb = np.empty((message.height, message.width, 3), np.uint8)
    for channel, place in enumerate(order):
        rgb[:, :, channel] = pixels[:, :, place]
    return rgb


def _new_name(encoding: str) -> str:
    return OLD_ENCODING_NAMES.get(encoding, encoding)


def _check_encoding(
    got: str, topic: str, expected: tuple[str, ...], known: tuple[str, ...]
) -> None:
    name = _new_name(got)
    if name in known and name in map(_new_name, expected):
        return
    advice = 'set the driver to one of these'
    if name in known:
        advice = 'set the driver or camera.encodings'
    advice = next((text for start, text in _ADVICE.items() if got.startswith(start)), advice)
    raise MessageError(
        f'{topic}: encoding: got {quoted(got)}, expected {" or ".join(expected)}; {advice}'
    )


def _check_size(height: int, width: int, topic: str, camera: CameraSpec | None) -> None:
    if height < 1 or width < 1:
        raise MessageError(f'{topic}: got an image of {width}x{height}, expected at least 1x1')
    if camera is None and height * width > _MOST_PIXELS:
        raise MessageError(
            f'{topic}: got an image of {width}x{height}, expected at most {_MOST_PIXELS} pixels'
        )
    if camera is not None and (height, width) != (camera.height, camera.width):
        raise MessageError(
            f'{topic}: got an image of {width}x{height}, expected {camera.width}x{camera.height}; '
            'set the driver, or camera.width and camera.height'
        )


def _lines(message: Any, topic: str, channels: int) -> Rgb:
    """Return ``uint8[H, W * channels]`` without the padding at the end of the lines."""
    height, width, step = message.height, message.width, message.step
    used, size = width * channels, len(message.data)
    # The last line may come without its padding.
    needed = step * (height - 1) + used
    if channels == 2 and width % 2:
        raise MessageError(f'{topic}: got a width of {width}, expected an even one for 4:2:2')
    if step < used or size < needed:
        raise MessageError(
            f'{topic}: got {size} bytes with step {step}, expected at least {needed} bytes with '
            f'step {used} or more for {width}x{height} {message.encoding}'
        )
    data = np.frombuffer(message.data, np.uint8)
    strides = (step, 1)
    return np.lib.stride_tricks.as_strided(data, (height, used), strides, writeable=False)


def _decode_yuv(lines: Rgb, places: tuple[int, int, int], yuv_range: str) -> Rgb:
    """Convert 4:2:2 with BT.601, as V4L2 and OpenCV do."""
    luma, first, second = places
    black, luma_scale, chroma_scale = _YUV_RANGES[yuv_range]
    y = (lines[:, luma::2].astype(np.float32) - black) * luma_scale
    u = np.repeat(lines[:, first::4], 2, axis=1).astype(np.float32) - 128.0
    v = np.repeat(lines[:, second::4], 2, axis=1).astype(np.float32) - 128.0
    u, v = u * chroma_scale, v * chroma_scale
    rgb = np.stack([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], axis=2)
    rounded: Rgb = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    return rounded


def _decode_compressed(message: Any, topic: str, camera: CameraSpec | None) -> Rgb:
    expected = COMPRESSED_ENCODINGS if camera is None else camera.encodings
    try:
        with _open_header(bytes(message.data)) as image:
            _check_header(image, topic, expected, camera)
            return _eight_bits(image)
    except MessageError:
        raise
    # On a broken image Pillow raises exceptions of many kinds.
    except Exception as error:
        raise MessageError(
            f'{topic}: got {len(message.data)} bytes of {quoted(message.format)} that do not '
            f'decode ({error}), expected a {" or ".join(expected)} image'
        ) from error


def _open_header(data: bytes) -> Any:
    """Read the header only, and not by PIL.Image.open, which warns and tries all it knows."""
    from PIL.JpegImagePlugin import jpeg_factory
    from PIL.PngImagePlugin import PngImageFile

    if data.startswith(b'\x89PNG'):
        return PngImageFile(io.BytesIO(data))
    if data.startswith(b'\xff\xd8'):
        return jpeg_factory(io.BytesIO(data))
    raise ValueError('neither JPEG nor PNG')


def _check_header(
    image: Any, topic: str, expected: tuple[str, ...], camera: CameraSpec | None
) -> None:
    """Judge an image by its header; nothing has been decoded yet."""
    if image.format == 'MPO' or getattr(image, 'n_frames', 1) > 1:
        raise MessageError(f'{topic}: got several images in one, expected a single one')
    _check_encoding(image.format.lower(), topic, expected, COMPRESSED_ENCODINGS)
    _check_size(image.height, image.width, topic, camera)


def _eight_bits(image: Any) -> Rgb:
    if not image.mode.startswith('I'):
        return np.array(image.convert('RGB'), np.uint8)
    # Pillow clips 16 bits of grey; of 16-bit colours it takes the higher byte itself.
    grey = (np.asarray(image) >> 8).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
