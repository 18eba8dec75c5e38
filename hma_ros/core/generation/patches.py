# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Latent images as sequences of patches, each a token of the continuous model."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar('Scalar', bound=np.generic)


def patchify(pixels_HWC: NDArray[Scalar], patch: int) -> NDArray[Scalar]:
    """
    Cut images into square patches.

    :param pixels_HWC: ``[..., H, W, C]``, both sides multiples of `patch`.
    :param patch: pixels of a side.
    :returns: ``[..., H W / patch^2, patch^2 C]``: patches row by row, so their pixels, and the
        channels of each pixel last.
    """
    *leading, height, width, channels = pixels_HWC.shape
    grid = (height // patch, patch, width // patch, patch, channels)
    parts = np.moveaxis(pixels_HWC.reshape(*leading, *grid), -4, -3)
    tokens = height * width // patch**2
    return parts.reshape(*leading, tokens, patch * patch * channels)


def unpatchify(
    patches_SE: NDArray[Scalar], patch: int, size_HW: tuple[int, int]
) -> NDArray[Scalar]:
    """
    Undo :func:`patchify`.

    :param patches_SE: ``[..., S, E]``.
    :param size_HW: height and width in pixels.
    """
    height, width = size_HW
    *leading, _, _ = patches_SE.shape
    grid = (height // patch, width // patch, patch, patch, -1)
    parts = np.moveaxis(patches_SE.reshape(*leading, *grid), -4, -3)
    return parts.reshape(*leading, height, width, parts.shape[-1])
