# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""From a camera image to what the model sees: the same on the robot and in the training data."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment.spec import CameraSpec
from hma_ros.core.errors import MessageError

# Height and width of a frame where nothing else is said: what the shipped bundle takes.
FRAME_PX = 128
# Height and width of a patch, which our frame tokenizer encodes as one token.
PATCH_PX = 16
_EXACT_FLOAT32 = 1 << 24


def preprocess(rgb: NDArray[np.uint8], camera: CameraSpec) -> NDArray[np.uint8]:
    """
    Crop, pad to a square with black, and average down.

    :param rgb: ``uint8[height, width, 3]`` as the camera section declares it.
    :param camera: the embodiment's camera section.
    :returns: ``uint8[H, W, 3]``, the height and width of ``camera.resize``.
    :raises MessageError: another dtype or another size; the text names the camera topic.
    """
    expected = (camera.height, camera.width, 3)
    if rgb.dtype != np.uint8 or rgb.shape != expected:
        raise MessageError(
            f'{camera.topic}: got {rgb.dtype}{list(rgb.shape)}, '
            f'expected an image uint8{list(expected)} (height, width, RGB)'
        )
    cropped = _cropped(rgb, camera)
    height, width = cropped.shape[:2]
    side = max(height, width)
    out_height, out_width = camera.resize
    rows = _placed(side, out_height, (side - height) // 2, height)
    columns = _placed(side, out_width, (side - width) // 2, width)
    return _averaged(cropped, rows, columns)


def resize_area(rgb: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """
    Resize by area averaging: every output pixel is the mean of the input area it covers.

    :param rgb: ``uint8[H, W, 3]``.
    :returns: ``uint8[height, width, 3]``, halves rounded up; exact, whatever the sizes.
    """
    rows, columns = rgb.shape[:2]
    return _averaged(rgb, _placed(rows, height, 0, rows), _placed(columns, width, 0, columns))


class _Areas(NamedTuple):
    """
    How much of each output pixel the input pixels are, along one side, as integers.

    :param shares: ``float64[size_out, length]``, read-only.
    :param bands: of each output pixel the first input pixel, and the one behind the last.
    :param total: what the shares of an output pixel sum up to; the rest of it is black.
    """

    shares: NDArray[np.float64]
    bands: tuple[tuple[int, int], ...]
    total: int


@lru_cache(maxsize=32)
def _placed(size_in: int, size_out: int, first: int, length: int) -> _Areas:
    """Return the areas of ``length`` pixels from ``first`` on, among ``size_in``."""
    common = math.gcd(size_in, size_out)
    edges_out = np.arange(size_out + 1) * (size_in // common)
    edges_in = np.arange(first, first + length + 1) * (size_out // common)
    high = np.minimum(edges_out[1:, None], edges_in[None, 1:])
    low = np.maximum(edges_out[:-1, None], edges_in[None, :-1])
    shares = np.maximum(high - low, 0).astype(np.float64)
    shares.flags.writeable = False  # cached, hence shared
    places = [np.flatnonzero(row) for row in shares]
    bands = tuple((int(at[0]), int(at[-1]) + 1) if at.size else (0, 0) for at in places)
    return _Areas(shares, bands, size_in // common)


def _averaged(rgb: NDArray[np.uint8], rows: _Areas, columns: _Areas) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    total = rows.total * columns.total
    # Sums of integers are exact in either, in any order; the smaller one is faster.
    kind = np.float32 if 255 * total < _EXACT_FLOAT32 else np.float64
    lines = rgb.reshape(height, width * 3)
    summed = np.zeros((len(rows.bands), width * 3), kind)
    weights = rows.shares.astype(kind)
    for place, (first, last) in enumerate(rows.bands):
        if last > first:
            band = lines[first:last].astype(kind)
            np.dot(weights[place, first:last], band, out=summed[place])
    channels = np.ascontiguousarray(summed.reshape(-1, width, 3).transpose(0, 2, 1))
    sums = (channels @ columns.shares.T.astype(kind)).transpose(0, 2, 1).astype(np.int64)
    rounded: NDArray[np.uint8] = ((2 * sums + total) // (2 * total)).astype(np.uint8)
    return rounded


def _cropped(rgb: NDArray[np.uint8], camera: CameraSpec) -> NDArray[np.uint8]:
    crop = camera.crop
    if crop is None:
        return rgb
    return rgb[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
