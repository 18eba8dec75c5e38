# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Metrics against numbers worked out by hand, and properties they must have."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.vision.metrics import (
    SquaredError,
    changed_pixels,
    delta_psnr,
    psnr,
    squared_error,
)

BLACK = np.zeros((2, 2, 3), np.uint8)
images = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
)


@pytest.mark.parametrize(
    ('value', 'expected_db'),
    [(255, 0.0), (51, 13.9794), (1, 48.1308)],  # -20 log10 of 1, 1/5 and 1/255
)
def test_psnr_of_an_even_difference(value: int, expected_db: float) -> None:
    assert psnr(BLACK, np.full_like(BLACK, value)) == pytest.approx(expected_db, abs=1e-4)


def test_psnr_of_equal_images_and_of_nothing() -> None:
    assert psnr(BLACK, BLACK) == math.inf
    assert math.isnan(squared_error(BLACK, BLACK, np.zeros((2, 2), bool)).psnr_db)


def test_the_mask_chooses_pixels() -> None:
    other = BLACK.copy()
    other[0, 0] = 255
    mask = np.array([[True, True], [False, False]])
    assert psnr(BLACK, other) == pytest.approx(6.0206, abs=1e-4)  # a quarter differs
    chosen = squared_error(BLACK, other, mask)  # of which a half differs
    assert chosen.psnr_db == pytest.approx(3.0103, abs=1e-4)


def test_errors_are_pooled_over_pixels_not_averaged_over_images() -> None:
    both = SquaredError(1.0, 1) + SquaredError(0.0, 9)
    assert both.psnr_db == pytest.approx(10.0)


def test_delta_psnr_is_against_the_mean_of_the_draws() -> None:
    near, far, farther = (np.full_like(BLACK, value) for value in (1, 51, 255))
    # 48.13 dB less the mean of 13.98 and 0 dB.
    assert delta_psnr(BLACK, near, [far, farther]) == pytest.approx(41.1411, abs=1e-4)
    with pytest.raises(ValueError, match='no image, expected at least one'):
        delta_psnr(BLACK, near, [])


def test_floating_point_images_are_shares() -> None:
    bytes_ = np.full((2, 2, 3), 51, np.uint8)
    assert psnr(np.zeros((2, 2, 3), np.float32), bytes_) == pytest.approx(13.9794, abs=1e-4)


def test_a_pixel_changes_when_any_channel_exceeds_the_threshold() -> None:
    after = BLACK.copy()
    after[0, 0, 2] = 13
    after[0, 1] = 12
    assert changed_pixels(BLACK, after).tolist() == [[True, False], [False, False]]


def test_shapes_have_to_agree() -> None:
    with pytest.raises(ValueError, match=r'\[\[2, 2, 3\], \[2, 2, 3\], \[2, 1\]\]'):
        squared_error(BLACK, BLACK, np.zeros((2, 1), bool))


@settings(max_examples=25, deadline=None)
@given(images, images)
def test_error_is_symmetric_and_splits_at_any_mask(first: np.ndarray, second: np.ndarray) -> None:
    mask = changed_pixels(first, second, 0.3)
    whole = squared_error(first, second)
    parts = squared_error(first, second, mask) + squared_error(first, second, ~mask)
    assert whole == squared_error(second, first)
    assert parts.count == whole.count
    assert parts.total == pytest.approx(whole.total)


@settings(max_examples=25, deadline=None)
@given(images)
def test_a_closer_image_has_a_higher_psnr(image: np.ndarray) -> None:
    half = image // 2
    assert psnr(image, (image.astype(int) * 3 // 4).astype(np.uint8)) > psnr(image, half)
