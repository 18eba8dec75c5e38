# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Images reach the model cropped, padded and averaged as in training."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hma_ros.core.embodiment import CropSpec, load_embodiment
from hma_ros.core.errors import MessageError
from hma_ros.core.vision.image import preprocess, resize_area

CAMERA = replace(load_embodiment('sim_franka').camera, resize=(64, 64))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def test_whole_factor_is_the_exact_mean_of_each_box() -> None:
    image = noise(256, 256)
    mean = image.reshape(64, 4, 64, 4, 3).astype(np.float64).mean(axis=(1, 3))
    np.testing.assert_array_equal(preprocess(image, CAMERA), np.floor(mean + 0.5))


def test_image_of_the_right_size_is_unchanged() -> None:
    image = noise(64, 64)
    np.testing.assert_array_equal(resize_area(image, 64, 64), image)


def test_part_pixels_weigh_by_their_area() -> None:
    image = np.zeros((3, 3, 3), np.uint8)
    image[:, 1] = 90  # half of the middle column belongs to each output column
    np.testing.assert_array_equal(resize_area(image, 1, 2)[0, :, 0], [30, 30])


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 255))
def test_one_colour_stays_that_colour(height: int, width: int, value: int) -> None:
    image = np.full((height, width, 3), value, np.uint8)
    np.testing.assert_array_equal(resize_area(image, 64, 64), value)


@settings(deadline=None, max_examples=50)
@given(*[st.integers(1, 120)] * 4, st.integers(0, 1000))
def test_any_size_is_the_exact_mean_with_halves_up(
    height: int, width: int, out_height: int, out_width: int, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    # Each pixel as a box of small ones, which fill the boxes of the output: rows, then columns.
    rows = np.repeat(image.astype(np.int64), out_height, 0)
    rows = rows.reshape(out_height, height, width, 3).sum(1)
    sums = np.repeat(rows, out_width, 1).reshape(out_height, out_width, width, 3).sum(2)
    area = height * width
    expected = (2 * sums + area) // (2 * area)
    np.testing.assert_array_equal(resize_area(image, out_height, out_width), expected)


@pytest.mark.parametrize(('height', 'width'), [(480, 640), (640, 480), (719, 1280), (97, 31)])
def test_padding_is_that_of_a_black_square(height: int, width: int) -> None:
    image, side = noise(height, width), max(height, width)
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = image
    camera = replace(CAMERA, height=height, width=width)
    np.testing.assert_array_equal(preprocess(image, camera), resize_area(square, 64, 64))


def test_crop_takes_the_declared_rectangle() -> None:
    image = noise(256, 256)
    camera = replace(CAMERA, crop=CropSpec(top=10, left=20, height=64, width=64))
    np.testing.assert_array_equal(preprocess(image, camera), image[10:74, 20:84])


def test_wide_image_is_padded_with_black_above_and_below() -> None:
    camera = replace(CAMERA, height=64, width=128)
    result = preprocess(np.full((64, 128, 3), 200, np.uint8), camera)
    assert (result[:16] == 0).all()
    assert (result[48:] == 0).all()
    assert (result[16:48] == 200).all()


@pytest.mark.parametrize(
    ('image', 'got'),
    [
        (np.zeros((480, 640, 3), np.uint8), 'uint8[480, 640, 3]'),
        (np.zeros((256, 256, 3), np.float32), 'float32[256, 256, 3]'),
        (np.zeros((256, 256), np.uint8), 'uint8[256, 256]'),
    ],
)
def test_other_size_or_type_is_refused(image: np.ndarray, got: str) -> None:
    with pytest.raises(MessageError) as error:
        preprocess(image, CAMERA)
    assert str(error.value) == (
        f'camera/color/image_raw: got {got}, '
        'expected an image uint8[256, 256, 3] (height, width, RGB)'
    )
