# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Every encoding arrives as the RGB it shows, whatever its padding."""

import io
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from sensor_msgs.msg import CompressedImage, Image

from hma_ros.core.errors import MessageError
from hma_ros.ros.image_msg import from_rgb, to_rgb

ORDERS = {'rgb8': (0, 1, 2), 'bgr8': (2, 1, 0), 'rgba8': (0, 1, 2), 'bgra8': (2, 1, 0)}


def pixels(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def message(rows: np.ndarray, height: int, width: int, encoding: str, padding: int = 0) -> Image:
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        step=padded.shape[1],
        data=array('B', padded.astype(np.uint8).tobytes()),
    )


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 5),
    st.integers(0, 9),
    st.sampled_from(sorted(ORDERS)),
)
def test_colour_orders_and_padding(
    height: int, width: int, padding: int, seed: int, encoding: str
) -> None:
    rgb = pixels(height, width, seed)
    stored = rgb[:, :, list(ORDERS[encoding])]
    if encoding.endswith('a8'):
        stored = np.concatenate([stored, np.full((height, width, 1), 9, np.uint8)], axis=2)
    got = to_rgb(message(stored.reshape(height, -1), height, width, encoding, padding), 'camera')
    np.testing.assert_array_equal(got, rgb)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 9))
def test_from_rgb_and_back(height: int, width: int, seed: int) -> None:
    rgb = pixels(height, width, seed)
    sent = from_rgb(rgb, 1_500_000_000, 'optical')
    assert (sent.header.stamp.sec, sent.header.stamp.nanosec) == (1, 500_000_000)
    assert sent.header.frame_id == 'optical'
    np.testing.assert_array_equal(to_rgb(sent, 'camera'), rgb)


def test_grey_is_equal_parts() -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(
        to_rgb(message(grey, 2, 3, 'mono8'), 'camera'), np.repeat(grey[:, :, None], 3, axis=2)
    )


@pytest.mark.parametrize(
    ('encoding', 'bytes_of_two'),
    [('yuv422', [90, 50, 240, 100]), ('yuv422_yuy2', [50, 90, 100, 240])],
)
def test_yuv_by_hand(encoding: str, bytes_of_two: list[int]) -> None:
    # u = 90 - 128 = -38, v = 240 - 128 = 112, luma 50 and 100
    # red 50 + 1.402 * 112 = 207.0, green 50 + 13.08 - 79.98 = -16.9, blue 50 - 67.3 = -17.3
    got = to_rgb(message(np.array([bytes_of_two]), 1, 2, encoding), 'camera')
    assert got.tolist() == [[[207, 0, 0], [255, 33, 33]]]


@pytest.mark.parametrize(('kind', 'tolerance'), [('jpeg', 8), ('png', 0)])
def test_compressed(kind: str, tolerance: int) -> None:
    rgb = np.full((16, 16, 3), (200, 60, 30), np.uint8)
    stream = io.BytesIO()
    Picture.fromarray(rgb).save(stream, kind)
    got = to_rgb(CompressedImage(format=kind, data=array('B', stream.getvalue())), 'camera')
    assert np.abs(got.astype(int) - rgb).max() <= tolerance


def test_errors_name_topic_expectation_and_value() -> None:
    good = message(np.zeros((2, 6)), 2, 2, 'rgb8')
    with pytest.raises(MessageError, match=r"^/camera: expected encoding bgr8, got 'rgb8'$"):
        to_rgb(good, '/camera', ('bgr8',))
    good.encoding = '16UC1'
    with pytest.raises(MessageError, match=r"^/camera: expected encoding rgb8 .*, got '16UC1'$"):
        to_rgb(good, '/camera')
    short = message(np.zeros((1, 6)), 2, 2, 'rgb8')
    with pytest.raises(MessageError, match=r'/camera: expected at least 12 bytes .* got 6 bytes'):
        to_rgb(short, '/camera')
    with pytest.raises(MessageError, match='/camera: expected a jpeg or png picture'):
        to_rgb(CompressedImage(format='jpeg', data=array('B', b'no picture')), '/camera')
    with pytest.raises(MessageError, match=r'expected uint8\[H, W, 3\], got float64'):
        from_rgb(np.zeros((2, 2, 3)), 0, '')


@pytest.mark.parametrize('kind', ['png', 'jpeg'])
def test_damaged_pictures_are_refused_or_decoded_and_nothing_else(kind: str) -> None:
    stream = io.BytesIO()
    Picture.fromarray(np.full((16, 16, 3), (200, 60, 30), np.uint8)).save(stream, kind)
    whole, rng = stream.getvalue(), np.random.default_rng(0)
    refused = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        try:
            to_rgb(CompressedImage(format=kind, data=array('B', bytes(damaged))), '/camera')
        except MessageError:
            refused += 1
        except Warning:
            pass  # a size that is merely suspicious
    assert refused > 8


def test_a_picture_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    Picture.fromarray(np.zeros((16, 16, 3), np.uint8)).save(stream, 'png')
    monkeypatch.setattr(Picture, 'MAX_IMAGE_PIXELS', 16)
    with pytest.raises(MessageError, match='/camera: expected a jpeg or png picture'):
        to_rgb(CompressedImage(format='png', data=array('B', stream.getvalue())), '/camera')
