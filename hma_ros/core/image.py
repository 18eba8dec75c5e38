# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""From a camera image to what the model sees: the same on the robot and in the training data."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.embodiment.spec import CameraSpec
from hma_ros.core.errors import MessageError


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
            f'{camera.topic}: expected an image uint8{list(expected)} (height, width, RGB), '
            f'got {rgb.dtype}{list(rgb.shape)}'
        )
    return resize_area(_pad_to_square(_cropped(rgb, camera)), *camera.resize)


def resize_area(rgb: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """
    Resize by area averaging: every output pixel is the mean of the input area it covers.

    :param rgb: ``uint8[H, W, 3]``.
    :returns: ``uint8[height, width, 3]``, halves rounded up.
    """
    rows = _area_weights(rgb.shape[0], height)
    columns = _area_weights(rgb.shape[1], width)
    averaged_rows = np.tensordot(rows, rgb.astype(np.float32), axes=(1, 0))
    averaged = np.einsum('xw,ywc->yxc', columns, averaged_rows, optimize=True)
    rounded: NDArray[np.uint8] = np.floor(averaged + np.float32(0.5)).clip(0, 255).astype(np.uint8)
    return rounded


@lru_cache(maxsize=32)
def _area_weights(size_in: int, size_out: int) -> NDArray[np.float32]:
    edges_out = np.arange(size_out + 1) * (size_in / size_out)
    edges_in = np.arange(size_in + 1)
    high = np.minimum(edges_out[1:, None], edges_in[None, 1:])
    low = np.maximum(edges_out[:-1, None], edges_in[None, :-1])
    overlap = np.maximum(high - low, 0.0)
    weights: NDArray[np.float32] = (overlap * (size_out / size_in)).astype(np.float32)
    weights.flags.writeable = False  # cached, hence shared
    return weights


def _cropped(rgb: NDArray[np.uint8], camera: CameraSpec) -> NDArray[np.uint8]:
    crop = camera.crop
    if crop is None:
        return rgb
    return rgb[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]


def _pad_to_square(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    if height == width:
        return rgb
    side = max(height, width)
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = rgb
    return square
