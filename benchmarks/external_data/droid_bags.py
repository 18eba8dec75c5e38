# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Converts DROID episodes, in the form of Robert-gyj/Ctrl-World, to bags of a robot's topics.

``python -m benchmarks.external_data.droid_bags SET OUT`` needs ``requirements/data.txt``. SET has
``annotation/`` and ``videos/``. Frames, joints, poses and actions are real; no recorder wrote the
bags. SET has no stamps: joints and actions are at DROID's nominal 15 Hz, and every third of them
has a frame. The bags are MCAP, sqlite3 and zstd-compressed sqlite3 in turn.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.messages.chunk import message_units
from hma_ros.core.topics import EXECUTED_TOPIC
from hma_ros.data.video_frames import video_frames

HZ = 15
FRAME_EVERY = 3
_FINGER_OPEN_M = 0.04
_START_NS = 1_700_000_000_000_000_000
_STORAGES = (
    (StoragePlugin.MCAP, False),
    (StoragePlugin.SQLITE3, False),
    (StoragePlugin.SQLITE3, True),
)
_CHUNK = Path(__file__).parents[2] / 'msg' / 'ActionChunk.msg'
TYPES = get_typestore(Stores.ROS2_HUMBLE)
TYPES.register(get_types_from_msg(_CHUNK.read_text(), 'hma_ros/msg/ActionChunk'))
Recorded = tuple[int, str, Any]


class DroidEpisode:
    """
    One episode.

    :param folder: of the set.
    :param annotation: its JSON file.
    :param spec: names the topics; its stride is the number of actions from frame to frame.
    """

    def __init__(self, folder: Path, annotation: Path, spec: EmbodimentSpec, camera: int) -> None:
        self._spec = spec
        self._content = json.loads(annotation.read_text())
        self._video = folder / self._content['videos'][camera]['video_path']

    def messages(self) -> Iterator[Recorded]:
        """Yield time in nanoseconds, topic and message."""
        places = np.array(self._content['observation.state.cartesian_position'])
        gripper = np.array(self._content['observation.state.gripper_position'])
        joints = np.array(self._content['observation.state.joint_position'])
        targets = np.array(self._content['action.cartesian_position'])
        goals = np.array(self._content['action.gripper_position'])
        actions = np.concatenate([targets, goals[:, None]], axis=1)
        yield _time_ns(0) - 1, 'episode', _text('begin')
        for index in range(len(joints)):
            yield from self._robot(index, joints[index], places[index], float(gripper[index]))
        yield from self._frames(actions)
        result = 'succeed' if self._content['success'] else 'fail'
        yield _time_ns(len(joints)), 'episode', _text(result)

    def _robot(
        self, index: int, joints: NDArray[Any], place: NDArray[Any], gripper: float
    ) -> Iterator[Recorded]:
        spec, time_ns = self._spec, _time_ns(index)
        state, fingers = spec.state, spec.gripper
        if state.pose is None or fingers is None or fingers.joint_topic is None:
            raise ConfigError(
                f'{spec.path}: got no state.pose or gripper.joint_topic, expected both, as in '
                'franka_droid'
            )
        source = state.sources[0]
        yield time_ns, source.topic, _joints(time_ns, source.message_names, joints)
        yield time_ns, state.pose.topic, _pose(time_ns, state.pose.frame_id, place)
        finger = np.array([_FINGER_OPEN_M * (1 - gripper)])
        yield time_ns, fingers.joint_topic, _joints(time_ns, [str(fingers.joint)], finger)

    def _frames(self, actions: NDArray[Any]) -> Iterator[Recorded]:
        """Yield each frame, and the actions until the next one as an executor reports them."""
        spec, count = self._spec, int(self._content['video_length'])
        for number, read in enumerate(video_frames(self._video, 0.0, count, HZ / FRAME_EVERY)):
            first = number * FRAME_EVERY
            time_ns = _time_ns(first)
            yield time_ns, spec.camera.topic, _image(time_ns, read())
            chunk = actions[first : first + spec.rates.stride]
            if len(chunk) == spec.rates.stride:
                end_ns = _time_ns(first + spec.rates.stride)
                yield end_ns, EXECUTED_TOPIC, _executed(spec, time_ns, chunk)


def write_bag(bag: Path, episode: DroidEpisode, storage: StoragePlugin, is_packed: bool) -> None:
    """Write the messages of an episode in the order of their times."""
    writer = Writer(bag, version=9, storage_plugin=storage)
    if is_packed:
        writer.set_compression(CompressionMode.FILE, CompressionFormat.ZSTD)
    with writer:
        connections: dict[str, Any] = {}
        for time_ns, topic, message in sorted(episode.messages(), key=lambda item: item[0]):
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(f'/{topic}', kind, typestore=TYPES)
            writer.write(connections[topic], time_ns, bytes(TYPES.serialize_cdr(message, kind)))


def main() -> int:
    """Write a bag for each episode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path, metavar='SET')
    parser.add_argument('out', type=Path, metavar='OUT')
    parser.add_argument('--embodiment', default='franka_droid')
    parser.add_argument('--camera', type=int, default=0, help='0, 1: outside; 2: wrist')
    args = parser.parse_args()
    spec = load_embodiment(args.embodiment)
    annotations = sorted(args.folder.glob('annotation/*/*.json'))
    args.out.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(annotations):
        bag = args.out / f'{path.parent.name}_{path.stem}'
        episode = DroidEpisode(args.folder, path, spec, args.camera)
        write_bag(bag, episode, *_STORAGES[number % len(_STORAGES)])
    print(f'{args.out}: {len(annotations)} bags of real frames, converted')
    return 0


def _time_ns(index: int) -> int:
    return _START_NS + round(index * 1e9 / HZ)


def _make(kind: str, *values: Any) -> Any:
    return TYPES.types[kind](*values)


def _header(time_ns: int, frame_id: str) -> Any:
    stamp = _make('builtin_interfaces/msg/Time', time_ns // 10**9, time_ns % 10**9)
    return _make('std_msgs/msg/Header', stamp, frame_id)


def _text(text: str) -> Any:
    return _make('std_msgs/msg/String', text)


def _joints(time_ns: int, names: Any, values: NDArray[Any]) -> Any:
    empty = np.zeros(0)
    positions = np.asarray(values, np.float64)
    header = _header(time_ns, '')
    return _make('sensor_msgs/msg/JointState', header, list(names), positions, empty, empty)


def _pose(time_ns: int, frame_id: str, place: NDArray[Any]) -> Any:
    point = _make('geometry_msgs/msg/Point', *map(float, place[:3]))
    turn = _make('geometry_msgs/msg/Quaternion', *_quaternion(*place[3:6]))
    pose = _make('geometry_msgs/msg/Pose', point, turn)
    return _make('geometry_msgs/msg/PoseStamped', _header(time_ns, frame_id), pose)


def _quaternion(roll: float, pitch: float, yaw: float) -> tuple[float, float, float, float]:
    """Return x y z w of angles about the fixed axes x, y, z."""
    (sr, sp, sy), (cr, cp, cy) = (
        [function(angle / 2) for angle in (roll, pitch, yaw)] for function in (math.sin, math.cos)
    )
    return (
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
        cr * cp * cy + sr * sp * sy,
    )


def _image(time_ns: int, pixels: NDArray[np.uint8]) -> Any:
    height, width, _ = pixels.shape
    header = _header(time_ns, 'camera')
    flat = np.ascontiguousarray(pixels).ravel()
    return _make('sensor_msgs/msg/Image', header, height, width, 'rgb8', 0, 3 * width, flat)


def _executed(spec: EmbodimentSpec, time_ns: int, actions: NDArray[Any]) -> Any:
    step = _make('builtin_interfaces/msg/Duration', 0, round(1e9 / HZ))
    header, flat = _header(time_ns, spec.action.frame), np.asarray(actions, np.float64).ravel()
    names, units = list(spec.action.names), list(message_units(spec))
    kind = 'hma_ros/msg/ActionChunk'
    return _make(kind, header, spec.name, names, units, step, len(actions), flat)


if __name__ == '__main__':
    raise SystemExit(main())
