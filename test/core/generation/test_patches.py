# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Images to patches and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.core.generation.patches import patchify, unpatchify


def test_patches_go_row_by_row_and_so_do_their_pixels():
    pixels = np.arange(16).reshape(4, 4, 1)
    assert patchify(pixels, 2).tolist() == [
        [0, 1, 4, 5],
        [2, 3, 6, 7],
        [8, 9, 12, 13],
        [10, 11, 14, 15],
    ]


def test_channels_of_a_pixel_stay_together():
    assert patchify(np.arange(8).reshape(2, 2, 2), 2).tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]]


@given(*(st.integers(1, 4) for _ in range(4)), st.lists(st.integers(1, 3), max_size=2))
def test_an_image_comes_back(patch, rows, columns, channels, leading):
    size = (rows * patch, columns * patch)
    pixels = np.random.default_rng(0).normal(size=(*leading, *size, channels))
    patches = patchify(pixels, patch)
    assert patches.shape == (*leading, rows * columns, patch * patch * channels)
    assert (unpatchify(patches, patch, size) == pixels).all()
