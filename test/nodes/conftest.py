# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Real processes, real DDS, and a bundle so small that it is made here.

Nothing sleeps: every wait is for a condition, with a deadline that only a broken test meets.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from onnx import TensorProto, checker, helper, numpy_helper, save
from sensor_msgs.msg import Image, JointState

from benchmarks.faults.processes import System
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.embodiment.action_meaning import meaning_of
from hma_ros.core.file_hash import sha256
from hma_ros.ros.image_msg import from_rgb
from hma_ros.ros.joint_state_msg import from_positions
from hma_ros.ros.qos import SENSOR_OUT
from hma_ros.ros.stamps import to_stamp
from hma_ros.runtime.manifest_file import write_facts

SIDE, FACTORS, LEVELS, WINDOW = 8, 3, 16, 4
STATE_MS, FRAME_MS, MS = 20, 100, 1_000_000
FLOAT, INT64, UINT8, BOOL = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.UINT8,
    TensorProto.BOOL,
)


@pytest.fixture
def system(tmp_path: Path, ros_context: object) -> Iterator[System]:
    """Yield a place to start processes in; they are ended with the test."""
    running = System(tmp_path, ros_context)
    yield running
    running.close()


class Robot:
    """The driver of a real robot that is moved by hand: states on time, images with a delay."""

    def __init__(self, system: Any, spec: EmbodimentSpec, camera_delay_ms: int) -> None:
        self._node, self._spec, self._delay_ns = system.node, spec, camera_delay_ms * MS
        self._images = self._node.create_publisher(Image, spec.camera.topic, SENSOR_OUT)
        source = spec.state.sources[0]
        self._joints = self._node.create_publisher(JointState, source.topic, SENSOR_OUT)
        gripper, pose = spec.gripper, spec.state.pose
        if gripper is not None and gripper.joint_topic is not None:
            self._grippers = self._node.create_publisher(
                JointState, gripper.joint_topic, SENSOR_OUT
            )
        if pose is not None:
            self._poses = self._node.create_publisher(PoseStamped, pose.topic, SENSOR_OUT)
        self._frame = np.zeros((spec.camera.height, spec.camera.width, 3), np.uint8)
        # A camera may be faster than the model.
        self._frame_ms = min(round(1000 * spec.rates.frame_dt_s), FRAME_MS)
        self._begin_ns = self._next_ns = self._node.get_clock().now().nanoseconds

    def begin(self) -> None:
        """Publish from now on."""
        self._node.create_timer(0.005, self._publish_due)

    def _publish_due(self) -> None:
        while self._next_ns <= self._node.get_clock().now().nanoseconds:
            self._publish(self._next_ns)
            self._next_ns += STATE_MS * MS

    def _publish(self, stamp_ns: int) -> None:
        since_ms = (stamp_ns - self._begin_ns) // MS
        travel = 0.01 * np.sin(since_ms / 1000)
        names = self._spec.state.sources[0].message_names
        # The arm in two messages on one topic, the gripper on another.
        self._send(self._joints, stamp_ns, names[:3], np.full(3, travel))
        self._send(self._joints, stamp_ns, names[3:], np.full(len(names) - 3, travel))
        if self._spec.gripper is not None and self._spec.gripper.joint is not None:
            self._send(self._grippers, stamp_ns, [self._spec.gripper.joint], np.array([0.04]))
        if self._spec.state.pose is not None:
            message = PoseStamped()
            message.header.stamp = to_stamp(stamp_ns)
            message.header.frame_id = self._spec.state.pose.frame_id
            message.pose.position.x = 0.5 + float(travel)
            self._poses.publish(message)
        if since_ms % self._frame_ms == 0:
            self._images.publish(from_rgb(self._frame, stamp_ns - self._delay_ns, 'camera'))

    def _send(self, publisher: Any, stamp_ns: int, names: Any, positions: np.ndarray) -> None:
        publisher.publish(from_positions(stamp_ns, names, positions, np.zeros(len(names))))


@pytest.fixture
def move_by_hand(system: System) -> Callable[..., None]:
    """Return a function that starts the drivers of a robot, by its name."""

    def begin(name: str, camera_delay_ms: int = 0) -> None:
        Robot(system, load_embodiment(name), camera_delay_ms).begin()

    return begin


@pytest.fixture(scope='session')
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Return a bundle whose world stands still and whose policy is constant.

    A frame is its 8 x 8 block means; the imagined frame is the last one; each stem's chunk is a
    tenth of the range of its actions, so that delta robots move steadily.
    """
    folder = tmp_path_factory.mktemp('bundle')
    robots = {name: load_embodiment(name) for name in ('sim_ur5e', 'sim_planar', 'sim_franka')}
    graphs = {'encoder': _encoder(), 'decoder': _decoder()}
    for spec in robots.values():
        step = np.array(spec.action.upper, np.float32) * 0.1
        graphs[f'stem_{spec.stem}'] = _stem()
        graphs[f'trunk_{spec.stem}'] = _trunk(np.tile(step, spec.rates.stride))
    for name, graph in graphs.items():
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10
        )
        checker.check_model(model)
        save(model, folder / f'{name}.onnx')
    write_manifest(
        folder,
        {
            spec.stem: {
                'action_names': spec.action.names,
                'stride': spec.rates.stride,
                'frame_hz': spec.rates.frame_hz,
                'embodiment': spec.name,
                'trained_on': 'simulation',
                'lower': spec.action.lower,
                'upper': spec.action.upper,
                'joint_names': spec.state.joints,
                'joint_motion': 'unknown',
                'meaning': asdict(meaning_of(spec)),
            }
            for spec in robots.values()
        },
    )
    return folder


def write_manifest(folder: Path, stems: dict[str, Any]) -> None:
    files = {path.name: sha256(path) for path in sorted(folder.glob('*.onnx'))}
    write_facts(
        folder,
        {
            'kind': 'discrete',
            'compat': 'corrected',
            'time': 'lag',
            'stems': {
                name: {
                    'stride': robot['stride'],
                    'mean': [0.0] * len(robot['action_names']),
                    'std': [1.0] * len(robot['action_names']),
                    'robot': robot,
                }
                for name, robot in stems.items()
            },
            'frames': {'tokenizer': 'levels', 'image_size': 128, 'latent_scale': 1.0},
            'image_tokens': SIDE * SIDE,
            'kept_tokens': 1,
            'factors': FACTORS,
            'factor_size': LEVELS,
            'patch_size': 0,
            'layers': 1,
            'heads': 1,
            'head_width': 1,
            'window': WINDOW,
            'predicts_actions': True,
            'hides_actions': True,
            'previous_frame': True,
            'action_delay': 1,
            'reads_joints': True,
            'drawing': 'expected',
            'precision': 'fp32',
            'mask_steps': 1,
            'files': files,
            'parity': {},
        },
    )


def _value(name: str, kind: int, *shape: int | str) -> Any:
    return helper.make_tensor_value_info(name, kind, list(shape))


def _constant(name: str, values: object, kind: Any) -> Any:
    return numpy_helper.from_array(np.array(values, kind), name)


def _encoder() -> Any:
    nodes = [
        helper.make_node('Cast', ['frames'], ['f'], to=FLOAT),
        helper.make_node('Transpose', ['f'], ['nchw'], perm=[0, 3, 1, 2]),
        helper.make_node(
            'AveragePool', ['nchw'], ['mean'], kernel_shape=[16, 16], strides=[16, 16]
        ),
        helper.make_node('Mul', ['mean', 'scale'], ['scaled']),
        helper.make_node('Round', ['scaled'], ['rounded']),
        helper.make_node('Transpose', ['rounded'], ['nhwc'], perm=[0, 2, 3, 1]),
        helper.make_node('Reshape', ['nhwc', 'shape'], ['flat']),
        helper.make_node('Cast', ['flat'], ['tokens'], to=INT64),
    ]
    constants = [
        _constant('scale', (LEVELS - 1) / 255, np.float32),
        _constant('shape', [-1, SIDE * SIDE, FACTORS], np.int64),
    ]
    return helper.make_graph(
        nodes,
        'encoder',
        [_value('frames', UINT8, 'B', 128, 128, 3)],
        [_value('tokens', INT64, 'B', SIDE * SIDE, FACTORS)],
        constants,
    )


def _decoder() -> Any:
    nodes = [
        helper.make_node('Add', ['tokens', 'one'], ['shifted']),
        helper.make_node('Mul', ['shifted', 'half'], ['bytes']),
        helper.make_node('Reshape', ['bytes', 'shape'], ['small']),
        helper.make_node('Expand', ['small', 'blocks'], ['large']),
        helper.make_node('Reshape', ['large', 'image'], ['drawn']),
        helper.make_node('Round', ['drawn'], ['rounded']),
        helper.make_node('Cast', ['rounded'], ['frames'], to=UINT8),
    ]
    constants = [
        _constant('one', 1, np.float32),
        _constant('half', 127.5, np.float32),
        _constant('shape', [1, SIDE, 1, SIDE, 1, FACTORS], np.int64),
        _constant('blocks', [1, SIDE, 16, SIDE, 16, FACTORS], np.int64),
        _constant('image', [1, 128, 128, 3], np.int64),
    ]
    return helper.make_graph(
        nodes,
        'decoder',
        [_value('tokens', FLOAT, 1, SIDE * SIDE, FACTORS)],
        [_value('frames', UINT8, 1, 128, 128, 3)],
        constants,
    )


def _trunk(chunk: np.ndarray) -> Any:
    nodes = [
        helper.make_node('OneHot', ['previous', 'depth', 'off_on'], ['logits'], axis=-1),
        helper.make_node('Identity', ['previous'], ['best']),
        helper.make_node('Cast', ['tokens'], ['f'], to=FLOAT),
        helper.make_node('ReduceMean', ['f', 'last'], ['confidence'], keepdims=0),
        helper.make_node('ReduceMean', ['confidence', 'middle'], ['mean'], keepdims=1),
        helper.make_node('Mul', ['mean', 'zero'], ['nothing']),
        helper.make_node('Add', ['nothing', 'constant'], ['chunk']),
        helper.make_node('Unsqueeze', ['nothing', 'two'], ['kept_key_0']),
        helper.make_node('Identity', ['kept_key_0'], ['kept_value_0']),
    ]
    constants = [
        _constant('depth', LEVELS, np.int64),
        _constant('off_on', [0, 50], np.float32),
        _constant('last', [3], np.int64),
        _constant('middle', [2], np.int64),
        _constant('two', [3, 4], np.int64),
        _constant('zero', 0, np.float32),
        _constant('constant', chunk, np.float32),
    ]
    steps = ('B', 'R')
    tokens = (*steps, SIDE * SIDE)
    past, kept = ('B', 1, 1, WINDOW - 1, 1), (*steps, 1, 1, 1)
    return helper.make_graph(
        nodes,
        'trunk',
        [
            _value('tokens', INT64, *tokens, FACTORS),
            _value('previous', INT64, *tokens, FACTORS),
            _value('masked', BOOL, *tokens),
            _value('index', INT64, 'R'),
            _value('past_index', INT64, WINDOW - 1),
            _value('joints', FLOAT, *steps, 'J'),
            _value('measured', BOOL, *steps),
            _value('shift_scale', FLOAT, *steps, 1),
            _value('past_key_0', FLOAT, *past),
            _value('past_value_0', FLOAT, *past),
        ],
        [
            _value('best', INT64, *tokens, FACTORS),
            _value('confidence', FLOAT, *tokens),
            _value('logits', FLOAT, *tokens, FACTORS, LEVELS),
            _value('chunk', FLOAT, *steps, len(chunk)),
            _value('kept_key_0', FLOAT, *kept),
            _value('kept_value_0', FLOAT, *kept),
        ],
        constants,
    )


def _stem() -> Any:
    nodes = [
        helper.make_node('Cast', ['known'], ['f'], to=FLOAT),
        helper.make_node('Unsqueeze', ['f', 'last'], ['one']),
        helper.make_node('ReduceSum', ['chunk', 'last'], ['sum'], keepdims=1),
        helper.make_node('Mul', ['one', 'sum'], ['shift_scale']),
    ]
    steps = ('B', 'R')
    return helper.make_graph(
        nodes,
        'stem',
        [
            _value('chunk', FLOAT, *steps, 'K'),
            _value('known', BOOL, *steps),
            _value('index', INT64, 'R'),
        ],
        [_value('shift_scale', FLOAT, *steps, 1)],
        [_constant('last', [2], np.int64)],
    )
