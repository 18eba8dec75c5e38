# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Messages of the right form and useless content are found, and the advice names a key."""

import io
import re
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from geometry_msgs.msg import PoseStamped
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from std_msgs.msg import Bool, Byte, Int32

from hma_ros.cli.checks import contents
from hma_ros.cli.checks.finding import Finding, Level
from hma_ros.cli.checks.listening import Sample
from hma_ros.cli.checks.units import coordinate_bounds, coordinate_units
from hma_ros.core.embodiment import CameraSpec, StateSource, StopSpec, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.ros.interfaces import stop_class

SPEC = load_embodiment('so101')
NAMES = SPEC.state.sources[0].message_names
GOOD = [0.0, -0.6, 0.6, 0.9, 0.0, 0.3]
NAN = float('nan')
POSE = load_embodiment('franka').state.pose


def camera(**changes: Any) -> CameraSpec:
    return CameraSpec(**{**vars(SPEC.camera), **changes})


def samples(*messages: Any) -> list[Sample]:
    return [Sample(message, bytes([number])) for number, message in enumerate(messages)]


def raw(height: int = 480, width: int = 640, encoding: str = 'rgb8', missing: int = 0) -> Image:
    message = Image(height=height, width=width, encoding=encoding, step=3 * width)
    message.data = array('B', bytes(3 * width * height - missing))
    return message


def jpeg(height: int = 480, width: int = 640, missing: int = 0) -> CompressedImage:
    buffer = io.BytesIO()
    PilImage.fromarray(np.full((height, width, 3), 90, np.uint8)).save(buffer, 'JPEG')
    data = buffer.getvalue()
    return CompressedImage(format='jpeg', data=array('B', data[: len(data) - missing]))


def judge_joints(*messages: Any, source: StateSource = SPEC.state.sources[0]) -> list[Finding]:
    limits = coordinate_bounds(SPEC), coordinate_units(SPEC)
    return contents.judge_joints(source, 'state.sources[0]', '/js', limits, samples(*messages))


def joints(position: Any, names: Any = NAMES, velocity: Any = ()) -> JointState:
    return JointState(name=list(names), position=list(position), velocity=list(velocity))


def judge_image(message: Any, **changes: Any) -> list[Finding]:
    return contents.judge_image(camera(**changes), '/cam', samples(message))


def test_what_the_nodes_can_use_is_well() -> None:
    assert judge_image(raw()) == []
    assert judge_image(jpeg(), transport='compressed', encodings=('jpeg',)) == []
    assert judge_joints(joints(GOOD)) == []


@pytest.mark.parametrize(
    ('message', 'changes', 'text', 'remedy'),
    [
        (
            raw(encoding='mono16'),
            {},
            'mono16',
            'configure the driver to publish one of rgb8, bgr8',
        ),
        (raw(720, 1280), {}, '1280', 'set camera.width: 1280 and camera.height: 720'),
        (raw(missing=5000), {}, 'bytes', 'broken images'),
        (jpeg(720, 1280), {'encodings': ('jpeg',)}, '1280', 'set camera.width: 1280'),
        (jpeg(missing=2000), {'encodings': ('jpeg',)}, '', 'broken images'),
        (jpeg(), {'encodings': ('png',)}, 'jpeg', 'camera.encodings: [jpeg]'),
        (CompressedImage(format='jpeg'), {'encodings': ('jpeg',)}, '', 'broken images'),
    ],
)
def test_a_useless_image_fails(message: Any, changes: Any, text: str, remedy: str) -> None:
    (finding,) = judge_image(message, **changes)
    assert finding.level is Level.FAIL
    assert text in finding.text
    assert remedy in finding.remedy


# Those of sensor_msgs/image_encodings.hpp, and others that drivers send.
_RAW = (
    *(f'{order}{bits}' for order in ('rgb', 'rgba', 'bgr', 'bgra', 'mono') for bits in (8, 16)),
    *('RGB8', 'jpeg'),
    *(f'{bits}{kind}C{n}' for bits in (8, 16) for kind in 'US' for n in range(1, 5)),
    *(f'{kind}C{n}' for kind in ('32S', '32F', '64F') for n in range(1, 5)),
    *(f'bayer_{order}{bits}' for order in ('rggb', 'bggr', 'gbrg', 'grbg') for bits in (8, 16)),
    *['uyvy', 'yuyv', 'yuv422', 'yuv422_yuy2', 'nv12', 'nv21', 'nv24'],
)


def image(kind: str) -> CompressedImage:
    buffer = io.BytesIO()
    PilImage.fromarray(np.full((480, 640, 3), 90, np.uint8)).save(buffer, kind)
    return CompressedImage(format=kind, data=array('B', buffer.getvalue()))


@pytest.mark.parametrize(
    ('transport', 'encoding'),
    [
        *(('raw', name) for name in _RAW),
        *(('compressed', name) for name in ('jpeg', 'png', 'gif', 'webp', 'bmp', 'tiff')),
    ],
)
def test_advice_about_the_encoding_is_taken_by_the_file(
    transport: str, encoding: str, tmp_path: Path
) -> None:
    message: Any = Image(height=480, width=640, encoding=encoding, step=4 * 640)
    message.data = array('B', bytes(480 * message.step))
    message = message if transport == 'raw' else image(encoding)
    encodings = ('bgr8',) if transport == 'raw' else ()
    for finding in judge_image(message, encodings=encodings):
        advised = re.search(r'set camera.encodings: \[(.*)\]', finding.remedy)
        if advised is None:
            assert 'configure the driver to publish one of' in finding.remedy
            assert 'camera.encodings' not in finding.text
            continue
        data = yaml.safe_load(Path(SPEC.path).read_text())
        data['camera'] |= {'transport': transport, 'encodings': [advised[1]]}
        path = tmp_path / 'so101.yaml'
        path.write_text(yaml.safe_dump(data))
        assert judge_image(message, **vars(load_embodiment(path).camera)) == []


def test_camera_info_of_another_size_fails() -> None:
    message = CameraInfo(height=720, width=1280)
    (finding,) = contents.judge_camera_info(camera(), '/info', samples(message))
    assert finding.text == 'got 1280x720, expected 640x480 pixels'
    assert 'camera.width: 1280' in finding.remedy
    message.height, message.width = 480, 640
    assert contents.judge_camera_info(camera(), '/info', samples(message)) == []


@pytest.mark.parametrize(
    ('message', 'text', 'remedy'),
    [
        (joints([NAN] * 6), 'shoulder_pan', 'activate the hardware'),
        (joints([], velocity=[0.0] * 6), '', 'velocities without positions'),
        (joints([]), '', 'state.sources[0].topic'),
        (joints(np.degrees(GOOD)), 'looks like degrees', 'limits.lower'),
        (joints([0, -34, 34, 51, 0, 60]), 'looks like degrees', 'radians'),
        (joints([0, -0.6, 0.6, 0.9, 0, 100]), 'looks like degrees', ''),
        (joints([50, 20, 90, 99, 55, 1.0]), 'looks like degrees', ''),
        (joints([0, 0, 0, 99, 0, 0]), 'wrist_flex: got 99', ''),
        (joints([0, 0, 0, 1e9, 0, 0]), 'wrist_flex: got 1e+09', 'limits'),
        (joints(GOOD, [f'other_{name}' for name in NAMES]), '', 'state.sources[0].message_names'),
    ],
)
def test_useless_joints_fail(message: Any, text: str, remedy: str) -> None:
    (finding,) = judge_joints(message)
    assert finding.level is Level.FAIL
    assert text in finding.text
    assert remedy in finding.remedy


def test_a_robot_a_little_outside_its_limits_is_warned_of() -> None:
    (finding,) = judge_joints(joints([2.0, *GOOD[1:]]))
    assert (finding.level, finding.text) == (
        Level.WARN,
        'shoulder_pan: got 2, expected -1.92 to 1.92 rad: outside limits, mode execute does not '
        'start here',
    )


def test_a_source_may_be_spread_over_messages_and_mixed_with_strangers() -> None:
    arm, jaw = joints(GOOD[:5], NAMES[:5]), joints(GOOD[5:], NAMES[5:])
    assert judge_joints(joints([NAN], ['wheel']), arm, jaw) == []


def test_a_joint_of_two_publishers_fails() -> None:
    (finding,) = judge_joints(joints(GOOD), joints(GOOD))
    assert finding.text == 'shoulder_pan: got 2 publishers of this joint, expected 1'


@given(st.lists(st.floats(), max_size=8), st.lists(st.sampled_from(NAMES), max_size=8))
def test_any_joint_state_is_judged(values: list[float], names: list[str]) -> None:
    findings = judge_joints(joints(values, names))
    complete = len(values) == len(names) and set(names) == set(NAMES)
    assert findings or (complete and all(np.isfinite(values)))


@given(
    st.binary(max_size=64),
    st.sampled_from(['rgb8', 'yuv422', 'jpeg', '', 'mono8']),
    st.tuples(*[st.integers(0, 2**32 - 1)] * 3),
)
def test_any_image_is_judged(data: bytes, encoding: str, sizes: tuple[int, int, int]) -> None:
    message = Image(height=sizes[0], width=sizes[1], step=sizes[2], encoding=encoding)
    message.data = array('B', data)
    assert judge_image(message)[0].level is Level.FAIL
    compressed = CompressedImage(format=encoding, data=array('B', data))
    assert judge_image(compressed, encodings=('jpeg', 'png'))[0].level is Level.FAIL


def pose(xyz: Any, quat_xyzw: Any, frame_id: str = 'base') -> PoseStamped:
    message = PoseStamped()
    message.header.frame_id = frame_id
    place, turn = message.pose.position, message.pose.orientation
    place.x, place.y, place.z = xyz
    turn.x, turn.y, turn.z, turn.w = quat_xyzw
    return message


DOWN = (1.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ('message', 'level', 'text'),
    [
        (pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)), Level.FAIL, 'got the default'),
        (pose((0.5, 0.0, 0.2), (0.0, 0.0, 0.0, 0.0)), Level.FAIL, 'quaternion'),
        (pose((0.5, 0.0, 0.2), (2.0, 0.0, 0.0, 0.0)), Level.FAIL, 'quaternion'),
        (pose((NAN, 0.0, 0.2), DOWN), Level.FAIL, 'finite'),
        (pose((0.5, 0.0, 0.2), DOWN, 'world'), Level.FAIL, "expected 'base'"),
        (pose((500.0, 10.0, 200.0), DOWN), Level.FAIL, 'looks like millimetres'),
        (pose((0.5, 0.0, 0.0), DOWN), Level.WARN, 'outside limits'),
        (pose((0.5, 0.0, 0.2), (0.0, 1.0, 0.0, 0.0)), Level.WARN, 'orientation: got 3.14 rad'),
    ],
)
def test_a_useless_pose_is_found(message: Any, level: Level, text: str) -> None:
    franka = load_embodiment('franka')
    limits = coordinate_bounds(franka), coordinate_units(franka)
    (finding,) = contents.judge_pose(
        POSE, '/pose', limits, franka.limits.orientation, samples(message)
    )
    assert finding.level is level
    assert text in finding.text


def test_a_good_pose_is_well() -> None:
    franka = load_embodiment('franka')
    limits = coordinate_bounds(franka), coordinate_units(franka)
    message = pose((0.5, 0.0, 0.2), DOWN)
    assert (
        contents.judge_pose(POSE, '/pose', limits, franka.limits.orientation, samples(message))
        == []
    )


def test_a_pressed_stop_is_warned_of() -> None:
    stop = SPEC.stops[0]
    (finding,) = contents.judge_stop(stop, '/stop', samples(Bool(data=True)))
    assert (finding.level, finding.text) == (
        Level.WARN,
        'data: got True: emergency stop; says stop now',
    )
    assert contents.judge_stop(stop, '/stop', samples(Bool(data=False))) == []


def stop_of(kind: str, field: str) -> StopSpec:
    return StopSpec('stop', kind, field, (1,), 'reason')


def test_the_class_of_a_stop_is_found() -> None:
    assert stop_class(stop_of('std_msgs/msg/Int32', 'data'), 'stops[0]') is Int32


def test_a_stop_in_a_byte_is_read() -> None:
    stop = stop_of('std_msgs/msg/Byte', 'data')
    (finding,) = contents.judge_stop(stop, '/stop', samples(Byte(data=b'\x01')))
    assert finding.text == 'data: got 1: reason; says stop now'
    assert contents.judge_stop(stop, '/stop', samples(Byte(data=b'\x00'))) == []


@pytest.mark.parametrize(
    ('kind', 'field', 'text'),
    [
        ('std_msgs/msg/Bool', 'value', r"stops\[0\].field: got 'value' .no such field.*of data"),
        ('std_msgs/msg/String', 'data', r"stops\[0\].field: got 'data' .string."),
        ('sensor_msgs/msg/JointState', 'position', r'stops\[0\].field: got .*sequence<double>'),
        ('std_msgs/msg/Bool', 'data', r'stops\[0\].stop_values: got 1, expected true or false'),
        ('nowhere_msgs/msg/X', 'data', r'ros-.*-nowhere-msgs .rosdep key nowhere_msgs.'),
        ('std_msgs/msg/Nothing', 'data', r'stops\[0\].type: got no std_msgs/msg/Nothing here'),
    ],
)
def test_a_stop_that_cannot_be_read_names_its_key(kind: str, field: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        stop_class(stop_of(kind, field), 'stops[0]')
