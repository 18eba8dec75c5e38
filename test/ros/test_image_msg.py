# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Every encoding arrives as the RGB it shows, whatever its padding."""

import dataclasses
import io
import struct
import zlib
from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage
from sensor_msgs.msg import CompressedImage, Image

from hma_ros.core.embodiment import CameraSpec, load_embodiment
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.image import RAW_ENCODINGS, to_rgb
from hma_ros.ros.image_msg import from_rgb

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


def camera(
    height: int, width: int, encodings: tuple[str, ...], yuv_range: str = 'limited'
) -> CameraSpec:
    return dataclasses.replace(
        load_embodiment('sim_planar').camera,
        height=height,
        width=width,
        encodings=encodings,
        yuv_range=yuv_range,
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
    [
        ('uyvy', [90, 50, 240, 100]),
        ('yuv422', [90, 50, 240, 100]),
        ('yuyv', [50, 90, 100, 240]),
        ('yuv422_yuy2', [50, 90, 100, 240]),
    ],
)
def test_yuv_by_hand(encoding: str, bytes_of_two: list[int]) -> None:
    sent = message(np.array([bytes_of_two]), 1, 2, encoding)
    # u = 90 - 128 = -38, v = 240 - 128 = 112, luma 50 and 100
    # red 50 + 1.402 * 112 = 207.0, green 50 + 13.08 - 79.98 = -16.9, blue 50 - 67.3 = -17.3
    full = camera(1, 2, (encoding,), 'full')
    assert to_rgb(sent, 'camera', full).tolist() == [[[207, 0, 0], [255, 33, 33]]]
    # luma (50 - 16) * 255 / 219 = 39.6 and 97.8, chroma times 255 / 224: u = -43.3, v = 127.5
    # red 39.6 + 178.8 = 218.3, blue 39.6 - 76.7 = -37.1; green 97.8 + 14.9 - 91.1 = 21.6
    limited = [[[218, 0, 0], [255, 22, 21]]]
    assert to_rgb(sent, 'camera', camera(1, 2, (encoding,))).tolist() == limited
    assert to_rgb(sent, 'camera').tolist() == limited


@pytest.mark.parametrize(
    ('yuv', 'rgb'),
    [
        ((16, 128, 128), (0, 0, 0)),
        ((235, 128, 128), (255, 255, 255)),
        ((82, 90, 240), (255, 0, 0)),
        ((145, 54, 34), (0, 255, 0)),
        ((41, 240, 110), (0, 0, 255)),
    ],
)
def test_limited_range_colour_bars(yuv: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    y, u, v = yuv
    got = to_rgb(message(np.tile([y, u, y, v], (2, 2)), 2, 4, 'yuyv'), 'camera')
    assert np.abs(got.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize(('old', 'new'), [('yuv422', 'uyvy'), ('yuv422_yuy2', 'yuyv')])
def test_old_and_new_names_are_the_same_encoding(old: str, new: str) -> None:
    lines = np.arange(16).reshape(2, 8)
    for listed, sent in ((old, new), (new, old)):
        got = to_rgb(message(lines, 2, 4, sent), 'camera', camera(2, 4, (listed,)))
        np.testing.assert_array_equal(got, to_rgb(message(lines, 2, 4, listed), 'camera'))


def compressed(image: Any, kind: str, **options: Any) -> CompressedImage:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return CompressedImage(format=kind.lower(), data=array('B', stream.getvalue()))


def png(width: int, height: int, depth: int, colour: int, lines: bytes) -> CompressedImage:
    """Write a PNG by hand: any header, and the bytes of its lines with their filters."""
    header = struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, 0)
    data = b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(part)) + name + part + struct.pack('>I', zlib.crc32(name + part))
        for name, part in ((b'IHDR', header), (b'IDAT', zlib.compress(lines)), (b'IEND', b''))
    )
    return CompressedImage(format='png', data=array('B', data))


@pytest.mark.parametrize(('colour', 'channels'), [(0, 1), (4, 2), (2, 3), (6, 4)])
def test_sixteen_bits_become_the_eight_higher_ones(colour: int, channels: int) -> None:
    ramp = np.linspace(0, 65535, 64).astype('>u2')
    line = b'\0' + np.repeat(ramp[:, None], channels, axis=1).tobytes()
    got = to_rgb(png(64, 2, 16, colour, line * 2), 'camera')
    want = np.repeat((ramp >> 8).astype(np.uint8)[None, :, None], 3, axis=2)
    np.testing.assert_array_equal(got, np.repeat(want, 2, axis=0))


def test_an_exif_orientation_is_ignored_as_image_transport_does() -> None:
    tall = np.zeros((32, 64, 3), np.uint8)
    tall[:, :32] = 200
    exif = PilImage.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    got = to_rgb(compressed(PilImage.fromarray(tall), 'JPEG', quality=98, exif=exif), 'camera')
    assert got.shape == (32, 64, 3)
    assert np.abs(got.astype(int) - tall).max() <= 8


@pytest.mark.parametrize('kind', ['PNG', 'MPO'])
def test_several_images_in_one_are_refused(kind: str) -> None:
    first, second = (PilImage.fromarray(pixels(16, 16, seed)) for seed in (0, 1))
    sent = compressed(first, kind, save_all=True, append_images=[second])
    with pytest.raises(MessageError, match='/camera: got several images in one'):
        to_rgb(sent, '/camera')


def test_the_size_of_an_image_is_judged_before_it_is_decoded() -> None:
    # Its header alone is whole: whoever decodes it finds the lines missing.
    huge = png(30_000, 30_000, 8, 2, b'')
    with pytest.raises(MessageError, match='got an image of 30000x30000, expected 64x48; set'):
        to_rgb(huge, '/camera', camera(48, 64, ('png',)))
    with pytest.raises(MessageError, match='got an image of 5000x5000, expected at most 16777216'):
        to_rgb(png(5000, 5000, 8, 2, b''), '/camera')


def test_a_truncated_image_is_refused_wherever_it_ends() -> None:
    for kind in ('jpeg', 'png'):
        whole = compressed(PilImage.fromarray(pixels(16, 16, 0)), kind).data
        # The end marker of a JPEG and the last chunk of a PNG hold no pixels.
        for size in range(0, len(whole) - 20, 7):
            cut = CompressedImage(format=kind, data=whole[:size])
            with pytest.raises(MessageError, match='/camera: got .*, expected'):
                to_rgb(cut, '/camera')


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ({'width': 3, 'step': 6}, 'got a width of 3, expected an even one for 4:2:2'),
        ({'width': 0}, 'got an image of 0x2, expected at least 1x1'),
        ({'height': 0}, 'got an image of 4x0, expected at least 1x1'),
        ({'data': array('B')}, 'got 0 bytes with step 8, expected at least 16 bytes'),
        ({'step': 0}, 'got 16 bytes with step 0, expected at least 8 bytes with step 8'),
        ({'step': 2**32 - 1}, 'got 16 bytes with step 4294967295'),
        ({'height': 2**32 - 1, 'width': 2**32 - 2}, 'got an image of 4294967294x4294967295'),
    ],
)
def test_sizes_that_cannot_be_are_refused(change: dict[str, Any], text: str) -> None:
    sent = message(np.zeros((2, 8)), 2, 4, 'yuyv')
    for name, value in change.items():
        setattr(sent, name, value)
    with pytest.raises(MessageError, match=f'^/camera: {text}'):
        to_rgb(sent, '/camera')


@pytest.mark.parametrize(
    ('encoding', 'advice'),
    [
        ('mono16', '16 bits per pixel are not read'),
        ('16UC1', 'choose the topic of the colour image'),
        ('32FC1', 'this is a depth image'),
        ('bayer_rggb8', 'image_proc'),
        ('x' * 5000, 'set the driver to one of these'),
    ],
)
def test_other_encodings_are_refused_with_advice(encoding: str, advice: str) -> None:
    with pytest.raises(MessageError, match=f'^/camera: encoding: got .*{advice}') as error:
        to_rgb(message(np.zeros((2, 8)), 2, 4, encoding), '/camera')
    assert len(str(error.value)) < 400


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=60),
    st.integers(0, 2**32 - 1) | st.integers(0, 5),
    st.integers(0, 2**32 - 1) | st.integers(0, 5),
    st.integers(0, 2**32 - 1) | st.integers(0, 20),
    st.sampled_from(RAW_ENCODINGS) | st.text(max_size=9),
)
def test_any_raw_message_is_an_image_or_an_error(
    data: bytes, height: int, width: int, step: int, encoding: str
) -> None:
    sent = Image(height=height, width=width, step=step, data=array('B', data))
    sent.encoding = encoding.encode('utf-8', 'ignore').decode()
    try:
        got = to_rgb(sent, '/camera')
    except MessageError:
        return
    assert (got.dtype, got.shape) == (np.uint8, (height, width, 3))


WHOLE = {
    kind: compressed(PilImage.fromarray(pixels(8, 8, 0)), kind).data.tobytes()
    for kind in ('jpeg', 'png')
}


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_any_compressed_message_is_an_image_or_an_error(kind: str, data: st.DataObject) -> None:
    whole = WHOLE[kind]
    place = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 30))
    damaged = whole[:place] + data.draw(st.binary(max_size=30)) + whole[place + length :]
    try:
        got = to_rgb(CompressedImage(format=kind, data=array('B', damaged)), '/camera')
    except MessageError:
        return
    assert (got.dtype, got.shape[2]) == (np.uint8, 3)


@pytest.mark.parametrize(('kind', 'tolerance'), [('jpeg', 8), ('png', 0)])
def test_compressed(kind: str, tolerance: int) -> None:
    rgb = np.full((16, 16, 3), (200, 60, 30), np.uint8)
    got = to_rgb(compressed(PilImage.fromarray(rgb), kind), 'camera', camera(16, 16, (kind,)))
    assert np.abs(got.astype(int) - rgb).max() <= tolerance


def test_errors_name_topic_expectation_and_value() -> None:
    good = message(np.zeros((2, 6)), 2, 2, 'rgb8')
    with pytest.raises(MessageError, match=r"^/camera: encoding: got 'rgb8', expected bgr8; set"):
        to_rgb(good, '/camera', camera(2, 2, ('bgr8',)))
    with pytest.raises(MessageError, match=r'^/camera: got an image of 2x2, expected 4x2; set'):
        to_rgb(good, '/camera', camera(2, 4, ('rgb8',)))
    good.encoding = '16UC1'
    with pytest.raises(MessageError, match=r"^/camera: encoding: got '16UC1', expected rgb8 "):
        to_rgb(good, '/camera')
    short = message(np.zeros((1, 6)), 2, 2, 'rgb8')
    with pytest.raises(MessageError, match=r'/camera: got 6 bytes .* expected at least 12'):
        to_rgb(short, '/camera')
    with pytest.raises(MessageError, match='/camera: got .* expected a jpeg or png image'):
        to_rgb(CompressedImage(format='jpeg', data=array('B', b'no image')), '/camera')
    with pytest.raises(MessageError, match=r'got float64.*, expected uint8\[H, W, 3\]'):
        from_rgb(np.zeros((2, 2, 3)), 0, '')


@pytest.mark.parametrize('kind', ['png', 'jpeg'])
def test_damaged_images_are_refused_or_decoded_and_nothing_else(kind: str) -> None:
    stream = io.BytesIO()
    PilImage.fromarray(np.full((16, 16, 3), (200, 60, 30), np.uint8)).save(stream, kind)
    whole, rng = stream.getvalue(), np.random.default_rng(0)
    refused = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        try:
            to_rgb(CompressedImage(format=kind, data=array('B', bytes(damaged))), '/camera')
        except MessageError:
            refused += 1
    assert refused > 8
