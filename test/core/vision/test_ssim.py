# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Structural similarity against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.vision.ssim import ssim

images = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(0, 256, (9, 8, 3), dtype=np.uint8)
)


def test_even_images_differ_in_luminance_only() -> None:
    # (2 * 0 * 1 + 0.0001) / (0 + 1 + 0.0001), and no contrast in either.
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    assert ssim(black, white) == pytest.approx(0.0001 / 1.0001, rel=1e-6)


def test_one_window_of_stripes_against_their_negative() -> None:
    # 4 of 7 columns are 1 in the first, 3 of 7 in the second; both vary by 12/49, times 49/48.
    first = np.tile(np.arange(7) % 2 == 0, (7, 1)).astype(float)[..., None]
    luminance = (2 * 12 / 49 + 0.0001) / (25 / 49 + 0.0001)
    structure = (-2 * 12 / 48 + 0.0009) / (2 * 12 / 48 + 0.0009)
    assert ssim(first, 1 - first) == pytest.approx(luminance * structure)


def test_a_stack_is_averaged_and_bytes_are_shares() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 3, 9, 9, 3), dtype=np.uint8)
    each = [ssim(a, b / 255) for a, b in zip(first, second, strict=True)]
    assert ssim(first, second) == pytest.approx(np.mean(each))


@settings(max_examples=25, deadline=None)
@given(images, images)
def test_it_is_symmetric_and_largest_for_equal_images(a: np.ndarray, b: np.ndarray) -> None:
    assert ssim(a, b) == pytest.approx(ssim(b, a))
    assert ssim(a, 255 - a) < 0 < ssim(a, a)
    assert ssim(a, a) == pytest.approx(1)


@pytest.mark.parametrize('shape', [(8, 9, 3), (8, 6, 3)])
def test_unequal_and_small_images_are_refused(shape: tuple[int, ...]) -> None:
    first = np.zeros((8, shape[1] if shape[1] < 7 else 8, 3))
    with pytest.raises(ValueError, match=r'images: got .* at least 7 x 7 pixels'):
        ssim(first, np.zeros(shape))
