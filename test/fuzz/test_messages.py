# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Messages that any node on the network may send."""

import io
from array import array
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Duration, Time
from cases import fuzz, outcome
from geometry_msgs.msg import PoseStamped
from hypothesis import given
from hypothesis import strategies as st
from mutations import FLOATS, TEXTS, data
from PIL import Image as PilImage
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64MultiArray, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from hma_ros.core.control.position_history import PositionHistory
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.control.stop_board import StopBoard
from hma_ros.core.embodiment import StopSpec, available_embodiments, load_embodiment
from hma_ros.core.messages.chunk import to_actions
from hma_ros.core.messages.image import RAW_ENCODINGS, to_rgb
from hma_ros.core.messages.pose import to_pose
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.msg import ActionChunk, PredictedRollout
from hma_ros.ros import chunk_msg, command_msg, rollout_msg
from hma_ros.ros.image_msg import from_rgb

pytestmark = pytest.mark.ros
SPECS = [load_embodiment(name) for name in available_embodiments()]
# Where two joints have one name in two messages, each message is of one source.
UINT32 = st.sampled_from([0, 1, 2, 3, 4, 8, 64, 640, 2**16, 2**31, 2**32 - 1]) | st.integers(0, 99)
STAMPS = st.builds(
    Time,
    sec=st.sampled_from([0, 1, 100, 2**31 - 1, -(2**31)]) | st.integers(90, 110),
    nanosec=st.sampled_from([0, 999_999_999, 2**32 - 1]),
)
DURATIONS = st.builds(
    Duration,
    sec=st.sampled_from([0, 0, 1, -1, 2**31 - 1, -(2**31)]),
    nanosec=st.sampled_from([0, 1, 50_000_000, 2**32 - 1]),
)
GID = st.sampled_from([None, b'a', b'b'])
JOINT_NAMES = [name for spec in SPECS for name in spec.state.sources[0].message_names]


def headers(*frames: str) -> st.SearchStrategy[Header]:
    return st.builds(Header, stamp=STAMPS, frame_id=st.sampled_from(frames) | TEXTS)


@fuzz(1500)
@given(
    height=UINT32,
    width=UINT32,
    step=UINT32 | st.none(),
    encoding=st.sampled_from([*RAW_ENCODINGS, 'bayer_rggb8', '16UC1']) | TEXTS,
    size=st.integers(0, 4096) | st.none(),
    is_bigendian=st.integers(0, 255),
)
def test_raw_images(
    height: int, width: int, step: int | None, encoding: str, size: int | None, is_bigendian: int
) -> None:
    message = Image(height=height, width=width, encoding=encoding, is_bigendian=is_bigendian)
    message.step = min(width * 3, 2**32 - 1) if step is None else step
    fitting = message.step * height if message.step * height <= 1 << 16 else 64
    message.data = array('B', bytes(fitting if size is None else size))
    rgb = outcome('raw images', lambda: to_rgb(message, 'camera'))
    assert rgb is None or (rgb.shape == (height, width, 3) and rgb.dtype == np.uint8)


def image(kind: str, mode: str = 'RGB', size: tuple[int, int] = (16, 12)) -> bytes:
    stream = io.BytesIO()
    PilImage.linear_gradient('L').resize(size).convert(mode).save(stream, kind)
    return stream.getvalue()


IMAGES = [
    image('JPEG'),
    image('JPEG', 'L'),
    image('JPEG', 'CMYK'),
    *(image('PNG', mode) for mode in ('RGB', 'RGBA', 'L', 'P', '1', 'I;16')),
    *(image(kind) for kind in ('GIF', 'BMP', 'TIFF', 'WEBP')),
]


@fuzz(1000)
@given(
    case=st.sampled_from(IMAGES).flatmap(lambda valid: st.just(valid) | data(valid)),
    named=st.sampled_from(['jpeg', 'png', 'rgb8; jpeg compressed bgr8']) | TEXTS,
)
def test_compressed_images(case: bytes, named: str) -> None:
    message = CompressedImage(format=named, data=array('B', case))
    rgb = outcome('compressed images', lambda: to_rgb(message, 'camera'))
    assert rgb is None or (rgb.ndim == 3 and rgb.dtype == np.uint8)


@st.composite
def joint_states(draw: st.DrawFn, valid: list[str]) -> JointState:
    """Return joint states in any order, with some missing, others there, and odd positions."""
    names = draw(st.permutations(valid)) if draw(st.booleans()) else list(valid)
    names = names[draw(st.integers(0, 2)) :]
    names += draw(st.lists(TEXTS | st.sampled_from(JOINT_NAMES), max_size=3))
    count = len(names) + draw(st.sampled_from([0, 0, 0, -1, 1]))
    positions = draw(st.lists(FLOATS, min_size=max(count, 0), max_size=max(count, 0)))
    message = JointState(header=draw(headers('')), name=names, position=positions)
    message.velocity = draw(st.lists(FLOATS, max_size=3))
    return message


@fuzz(1100)
@given(
    spec=st.sampled_from(SPECS),
    source=st.integers(0, 3),
    count=st.integers(1, 4),
    draw=st.data(),
)
def test_joint_states(spec: Any, source: int, count: int, draw: Any) -> None:
    measured = StateHistory(spec)
    index = source % len(spec.state.sources)
    valid = list(spec.state.sources[index].message_names)
    for number in range(count):
        message, publisher = draw.draw(joint_states(valid)), draw.draw(GID)
        stamp = stamp_ns(message.header.stamp)
        outcome(
            None if number else 'joint states',
            lambda message=message, publisher=publisher, stamp=stamp: measured.add_joints(
                index, stamp, message.name, message.position, publisher
            ),
        )
        outcome(
            None,
            lambda message=message, stamp=stamp: measured.add_gripper(
                stamp, message.name, message.position
            ),
        )
        outcome(None, lambda stamp=stamp: measured.joints_at(stamp))


@st.composite
def poses(draw: st.DrawFn) -> PoseStamped:
    message = PoseStamped(header=draw(headers('base', 'panda_link0')))
    place, turn = message.pose.position, message.pose.orientation
    place.x, place.y, place.z = (draw(FLOATS) for _ in range(3))
    if draw(st.booleans()):
        turn.x, turn.y, turn.z, turn.w = (draw(FLOATS) for _ in range(4))
    return message


@fuzz(500)
@given(messages=st.lists(st.tuples(poses(), GID), min_size=1, max_size=3))
def test_poses(messages: list[tuple[PoseStamped, Any]]) -> None:
    history = PositionHistory(('x', 'y', 'z'), 'pose', 0.1)
    for number, (message, publisher) in enumerate(messages):
        pose = outcome(
            None if number else 'poses', lambda message=message: to_pose(message, 'base', 'pose')
        )
        if pose is None:
            continue
        assert np.isfinite([*pose[0], *pose[1]]).all()
        stamp = stamp_ns(message.header.stamp)
        history.add(stamp, ('x', 'y', 'z'), pose[0], publisher)
        outcome(None, lambda stamp=stamp: history.at(stamp))


STOPS = tuple(
    StopSpec(f'stop_{index}', 'std_msgs/msg/Bool', 'data', values, 'stopped', mandatory=index == 1)
    for index, values in enumerate([(True,), (0, 3), (False,)])
)
STOP_VALUES = st.booleans() | st.integers(-5, 5) | FLOATS | TEXTS


@fuzz(500)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), STOP_VALUES, GID, st.integers(0, 10**12)),
        min_size=1,
        max_size=8,
    )
)
def test_stops(said: list[tuple[int, Any, Any, int]]) -> None:
    board = StopBoard(STOPS, [stop.topic for stop in STOPS])
    for number, (index, value, publisher, time_ns) in enumerate(said):
        reason = outcome(
            None if number else 'stops',
            lambda item=(index, value, publisher, time_ns): board.take(*item),
        )
        assert (reason is not None) == (value in STOPS[index].stop_values)
        assert reason is None or board.refusal(time_ns) is not None
        board.forget_dead(index, [None, b'a'], 0)
        assert len(board.refusal(time_ns) or '') <= 2000


@st.composite
def chunks(draw: st.DrawFn, spec: Any) -> ActionChunk:
    """Return a chunk of an embodiment with some fields that it does not expect."""
    steps = draw(st.integers(0, 2 * spec.rates.stride + 1))
    valid = np.zeros((steps, len(spec.action.names)))
    message = chunk_msg.from_actions(spec, 10**11, valid)
    fields: dict[str, st.SearchStrategy[Any]] = {
        'header': headers(spec.action.frame),
        'embodiment': TEXTS,
        'names': st.lists(TEXTS, max_size=3) | st.just(list(spec.action.names) * 300),
        'units': st.lists(st.sampled_from(['m', 'rad', '1']) | TEXTS, max_size=8),
        'step_dt': DURATIONS,
        'horizon': UINT32,
        'actions': st.lists(FLOATS, min_size=valid.size, max_size=valid.size)
        | st.lists(FLOATS, max_size=3),
    }
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=2, unique=True)):
        setattr(message, name, draw(fields[name]))
    return message


@fuzz(1100)
@given(case=st.sampled_from(SPECS).flatmap(lambda spec: st.tuples(st.just(spec), chunks(spec))))
def test_action_chunks(case: tuple[Any, ActionChunk]) -> None:
    spec, message = case
    actions = outcome('action chunks', lambda: to_actions(message, spec, 'chunks'))
    if actions is None:
        return
    assert actions.shape == (message.horizon, len(spec.action.names))
    assert np.isfinite(actions).all()


@st.composite
def rollouts(draw: st.DrawFn, spec: Any) -> PredictedRollout:
    count = draw(st.integers(0, 3))
    frames = np.zeros((count, 4, 4, 3), np.uint8)
    shape = (count, spec.rates.stride, len(spec.action.names))
    actions = np.zeros(shape, np.float32) if draw(st.booleans()) else None
    message = rollout_msg.from_rollout(spec, 10**9, frames, actions, 'camera')
    other = st.just(from_rgb(np.zeros((2, 4, 3), np.uint8), 0, 'camera')) | st.builds(
        Image, height=UINT32, width=UINT32, encoding=st.sampled_from(RAW_ENCODINGS), step=UINT32
    )
    fields: dict[str, st.SearchStrategy[Any]] = {
        'horizon': UINT32,
        'stride': UINT32,
        'frame_dt': DURATIONS,
        'frames': st.lists(other, max_size=3),
        'action_names': st.lists(TEXTS, max_size=3),
        'actions': st.lists(FLOATS, max_size=12),
    }
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True)):
        setattr(message, name, draw(fields[name]))
    return message


@fuzz(600)
@given(st.sampled_from(SPECS).flatmap(rollouts))
def test_rollouts(message: PredictedRollout) -> None:
    frames = outcome('rollouts', lambda: rollout_msg.to_frames(message, 'rollouts'))
    assert frames is None or len(frames) == message.horizon
    actions = outcome(None, lambda: rollout_msg.to_actions(message, 'rollouts'))
    assert actions is None or np.isfinite(actions).all()


COMMANDS = [
    (spec, command)
    for spec in SPECS
    for command in spec.commands
    if not command.interface.startswith('interbotix')
]


@st.composite
def command_messages(draw: st.DrawFn, command: Any) -> Any:
    names = list(command.message_names)
    if command.interface == 'cartesian_pose':
        return draw(poses())
    if command.interface == 'joint_target':
        return draw(joint_states(names))
    count = st.sampled_from([len(names), len(names), 0, 1])
    if command.interface == 'forward_position':
        size = draw(count)
        return Float64MultiArray(data=draw(st.lists(FLOATS, min_size=size, max_size=size)))
    message = JointTrajectory(header=draw(headers('')), joint_names=names)
    if draw(st.booleans()):
        message.joint_names = draw(st.lists(TEXTS | st.sampled_from(names), max_size=8))
    for _ in range(draw(st.integers(0, 3))):
        size = draw(count)
        point = JointTrajectoryPoint(time_from_start=draw(DURATIONS))
        point.positions = draw(st.lists(FLOATS, min_size=size, max_size=size))
        message.points.append(point)
    return message


@fuzz(600)
@given(
    st.sampled_from(COMMANDS).flatmap(
        lambda item: st.tuples(st.just(item[1]), command_messages(item[1]))
    )
)
def test_commands(case: tuple[Any, Any]) -> None:
    command, message = case
    read = outcome('commands', lambda: command_msg.read_targets(command, message, 10**11))
    if read is not None:
        times_ns, targets = read
        assert targets.shape == (len(times_ns), len(command.coordinates))
        assert np.isfinite(targets).all()
