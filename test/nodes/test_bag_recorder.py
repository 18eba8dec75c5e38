# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A recording holds what was sent, overwrites nothing, survives its end, and becomes steps."""

import os
import pty
import resource
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float64MultiArray, String
from std_srvs.srv import Trigger

from benchmarks.faults.processes import DEADLINE_S
from hma_ros.cli.main import main
from hma_ros.core.embodiment import embodiment_path, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.topics import EMBODIMENT_KEY, NAMESPACE_KEY
from hma_ros.core.vision.image import preprocess
from hma_ros.data.bag_custom_data import custom_data
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.msg import ActionChunk
from hma_ros.ros.bag_file import BagFile
from hma_ros.ros.qos import LATCHED, REPORT, SENSOR_IN

pytestmark = pytest.mark.ros
SPEC = load_embodiment('sim_planar')
TEXT = embodiment_path('planar', sim=True).read_text()
CLI = 'import sys; from hma_ros.cli.main import main; sys.exit(main())'


def record(system: Any, folder: Path, *arguments: str) -> 'subprocess.Popen[bytes]':
    """Start the recorder as launch does."""
    given = {'embodiment': 'sim_planar', 'folder': str(folder), 'use_sim_time': True}
    child: subprocess.Popen[bytes] = system.start('bag_recorder', given, arguments)
    system.until_logged('bag_recorder', 'topics to ')
    return child


def ended(system: Any, child: 'subprocess.Popen[bytes]') -> int:
    """Wait for the end of a process, and go on listening meanwhile."""
    deadline_s = time.monotonic() + DEADLINE_S
    while child.poll() is None and time.monotonic() < deadline_s:
        system.spin()
    return child.wait(0)


def interrupted(system: Any, child: 'subprocess.Popen[bytes]') -> int:
    child.send_signal(signal.SIGINT)
    return ended(system, child)


def mark(system: Any, text: str) -> None:
    """Call the service until it is obeyed: the recorder first has to hear of the topic."""
    system.until(
        lambda: system.call(Trigger, f'/bag_recorder/{text}', Trigger.Request()).success,
        f'mark {text}',
    )


class MovingRobot:
    """A simulated robot that is told to move, and what it said."""

    def __init__(self, system: Any) -> None:
        self.system = system
        self.images: dict[int, Image] = {}
        self.joints: dict[int, np.ndarray] = {}
        system.spawn('sim_robot', embodiment='sim_planar', real_time_factor=0.5)
        deep = QoSProfile(depth=1000)
        system.node.create_subscription(Image, SPEC.camera.topic, self._on_image, deep)
        system.node.create_subscription(JointState, 'joint_states', self._on_joints, deep)
        self._targets = system.node.create_publisher(
            Float64MultiArray, SPEC.commands[0].topic, REPORT
        )
        system.until(lambda: self.images, 'the camera')

    def move(self, frames: int) -> None:
        """Wait for so many further frames."""
        goal = len(self.images) + frames
        self.system.until(lambda: len(self.images) >= goal, f'{frames} frames')

    def _on_image(self, message: Image) -> None:
        self.images[stamp_ns(message.header.stamp)] = message

    def _on_joints(self, message: JointState) -> None:
        stamp = stamp_ns(message.header.stamp)
        self.joints[stamp] = np.array(message.position)
        angle = stamp * 1e-9
        target = 0.05 * np.array([np.sin(angle), np.cos(angle)])
        self._targets.publish(Float64MultiArray(data=target.tolist()))


def import_bag(folder: Path) -> LeRobotData:
    """Import as a user does who gives no embodiment."""
    sources = ['data', 'import', 'bag', str(folder / 'bag')]
    assert main([*sources, '--out', str(folder / 'set')]) == 0
    return LeRobotData(folder / 'set')


def check_steps(data: LeRobotData, robot: MovingRobot) -> int:
    """Compare the steps of a data set with what was heard beside the recorder."""
    compared = 0
    for episode in range(len(data)):
        for step in data.steps(episode):
            seen = preprocess(
                to_rgb(robot.images[step.stamp_ns], 'camera', SPEC.camera), SPEC.camera
            )
            np.testing.assert_array_equal(step.frame, seen)
            places = np.stack(
                [robot.joints[step.stamp_ns], robot.joints[step.stamp_ns + 100_000_000]]
            )
            np.testing.assert_allclose(step.joints, places[0], atol=1e-6)
            np.testing.assert_allclose(step.actions[0], places[1], atol=1e-6)
            compared += 1
    return compared


def test_two_marked_episodes_become_the_steps_that_were_seen(system: Any, tmp_path: Path) -> None:
    robot = MovingRobot(system)
    child = record(system, tmp_path / 'bag')
    robot.move(3)
    for result, frames in (('succeed', 8), ('fail', 6)):
        mark(system, 'begin')
        robot.move(frames)
        mark(system, result)
        robot.move(2)
    answer = system.call(Trigger, '/bag_recorder/fail', Trigger.Request())
    assert not answer.success
    assert 'expected begin' in answer.message
    assert interrupted(system, child) == 0
    # What the recorder heard may have been under way to this process.
    newest = max(robot.images)
    system.until(lambda: max(robot.joints) > newest + 200_000_000, 'the last joints')

    data = import_bag(tmp_path)
    assert [item['success'] for item in data.episodes] == [True, False]
    assert check_steps(data, robot) == sum(item['length'] for item in data.episodes)
    assert data.episodes[0]['length'] in range(6, 10)
    assert np.ptp([step.joints for step in data.steps(0)], axis=0).max() > 1e-3
    assert data.journal['embodiment'] == TEXT


def test_a_killed_recorder_leaves_what_it_wrote(system: Any, tmp_path: Path) -> None:
    robot = MovingRobot(system)
    child = record(system, tmp_path / 'bag')
    file = tmp_path / 'bag' / 'bag.mcap'
    system.until(lambda: file.stat().st_size > 3_000_000, 'a part of the recording')
    child.send_signal(signal.SIGKILL)
    assert ended(system, child) == -signal.SIGKILL
    # A record that was under way.
    file.write_bytes(file.read_bytes()[:-1000])
    data = import_bag(tmp_path)
    assert data.journal['sources'][0]['is_truncated']
    assert data.journal['embodiment'] == TEXT
    robot.move(3)
    assert check_steps(data, robot) > 3


def test_a_full_disk_is_said_and_leaves_what_was_written(system: Any, tmp_path: Path) -> None:
    robot = MovingRobot(system)
    child = record(system, tmp_path / 'bag')
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
    assert ended(system, child) == 1
    assert 'got [Errno 27] File too large, expected a message to be written' in system.log(
        'bag_recorder'
    )
    assert 'free some space' in system.log('bag_recorder')
    system.end(child)
    robot.move(3)
    assert check_steps(import_bag(tmp_path), robot) > 3


def test_the_command_marks_by_key_and_restores_the_terminal(system: Any, tmp_path: Path) -> None:
    robot = MovingRobot(system)
    keyboard, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    arguments = ['record', 'robot:=planar', 'sim:=true', '--out', str(tmp_path / 'bag')]
    with (tmp_path / 'log').open('wb') as log:
        child = subprocess.Popen(
            ['setsid', '--ctty', sys.executable, '-c', CLI, *arguments],
            stdin=terminal,
            stdout=log,
            stderr=log,
        )

    def until_said(text: str) -> None:
        system.until(lambda: text in (tmp_path / 'log').read_text(), text)

    until_said('keys: b begin')
    system.until(lambda: system.node.count_subscribers('/episode'), 'the recorder')
    robot.move(3)
    os.write(keyboard, b'b')
    until_said('episode 1: begin')
    robot.move(5)
    os.write(keyboard, b's')
    until_said('episode 1: succeed')
    os.write(keyboard, b'q')
    assert ended(system, child) == 0
    assert termios.tcgetattr(terminal) == before
    os.close(keyboard)
    os.close(terminal)
    assert [item['success'] for item in import_bag(tmp_path).episodes] == [True]


def test_records_what_was_sent(system: Any, tmp_path: Path) -> None:
    folder = tmp_path / 'bags' / 'run'
    folder.mkdir(parents=True)
    (folder / 'precious').write_text('kept')
    # Best effort, reliable, and latched; one of each kind that must match.
    chunks = system.node.create_publisher(ActionChunk, '/left/world_model/action_chunk', REPORT)
    states = system.node.create_publisher(JointState, '/left/joint_states', SENSOR_IN)
    stops = system.node.create_publisher(Bool, '/left/sim_robot/success', LATCHED)
    other = system.node.create_publisher(Bool, '/left/something_else', LATCHED)
    stops.publish(Bool(data=True))
    child = record(system, folder, '-r', '__ns:=/left')
    for publisher in (chunks, states, stops):
        system.until(publisher.get_subscription_count, 'the recorder')
    chunk = ActionChunk(embodiment='sim_planar', names=['x', 'y'], actions=[1.0, 2.0])
    chunks.publish(chunk)
    states.publish(JointState(name=['joint_x'], position=[0.5]))
    other.publish(Bool(data=True))
    chunks.wait_for_all_acked()
    assert interrupted(system, child) == 0
    written = tmp_path / 'bags' / 'run_2'
    text = system.log('bag_recorder')
    assert f'to {written}' in text
    assert 'wrote ' in text
    assert (folder / 'precious').read_text() == 'kept'
    assert custom_data(written) == {EMBODIMENT_KEY: TEXT, NAMESPACE_KEY: 'left'}
    with AnyReader([written]) as reader:
        found = {item.topic: (item.msgtype, item.digest) for item in reader.connections}
        raw = {item.topic: bytes(data) for item, _, data in reader.messages()}
        read = {
            item.topic: reader.deserialize(data, item.msgtype)
            for item, _, data in reader.messages()
        }
    assert '/left/something_else' not in found
    # Not byte for byte: what stands between aligned fields is left to chance.
    sent = raw['/left/world_model/action_chunk']
    assert deserialize_message(sent, ActionChunk) == chunk
    assert read['/left/world_model/action_chunk'].actions.tolist() == [1.0, 2.0]
    assert read['/left/sim_robot/success'].data is True
    info = system.node.get_publishers_info_by_topic('/left/world_model/action_chunk')[0]
    kind, digest = found['/left/world_model/action_chunk']
    assert (kind, digest) == ('hma_ros/msg/ActionChunk', str(info.topic_type_hash))


def test_what_cannot_be_imported_is_said_while_it_is_recorded(system: Any, tmp_path: Path) -> None:
    child = record(system, tmp_path / 'bag')
    camera = system.node.create_publisher(Image, SPEC.camera.topic, REPORT)
    joints = system.node.create_publisher(JointState, 'joint_states', REPORT)

    def is_said() -> bool:
        camera.publish(Image(height=2, width=2, step=6, encoding='rgb8', data=bytes(12)))
        joints.publish(JointState(name=['joint_x', 'J6'], position=[0.0, 0.0]))
        return str(system.log('bag_recorder')).count('cannot be imported') >= 2

    system.until(is_said, 'the warnings')
    said = system.log('bag_recorder')
    assert f'got an image of 2x2, expected {SPEC.camera.width}x{SPEC.camera.height}' in said
    assert 'got no position of joint_y (only of J6, joint_x)' in said
    assert interrupted(system, child) == 0


def test_marks_of_others_count(system: Any, tmp_path: Path) -> None:
    child = record(system, tmp_path / 'bag')
    marks = system.node.create_publisher(String, '/episode', REPORT)
    system.until(lambda: marks.get_subscription_count() == 2, 'the recorder')
    marks.publish(String(data='fail'))
    system.until_logged('bag_recorder', 'got fail, expected begin: no episode is on; it is in')
    marks.publish(String(data='begin'))
    system.until_logged('bag_recorder', 'episode 1: begin')
    marks.publish(String(data='start'))
    system.until_logged('bag_recorder', "/episode: got 'start', expected one of begin")
    answer = system.call(Trigger, '/bag_recorder/begin', Trigger.Request())
    assert not answer.success
    assert 'expected succeed, fail or discard of episode 1' in answer.message
    assert interrupted(system, child) == 0
    assert 'episode 1: got the end of the recording' in system.log('bag_recorder')


FAKE = """\
#!{python}
import os, pathlib, signal, sys
import rclpy, rclpy.signals, yaml
from std_msgs.msg import String
options, folder = os.environ['FAKE_OPTIONS'], pathlib.Path(os.environ['FAKE_FOLDER'])
if '--help' in sys.argv:
    print(options)
    sys.exit()
(folder / 'arguments').write_text('\\n'.join(sys.argv[1:]))
rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
stopped = []
signal.signal(signal.SIGINT, lambda number, frame: stopped.append(number))
node = rclpy.create_node('rosbag2_recorder')
def heard(message):
    with (folder / 'marks').open('a') as file:
        print(message.data, file=file)
node.create_subscription(String, '/left/episode', heard, 10)
while not stopped:
    rclpy.spin_once(node, timeout_sec=0.1)
bag = folder / 'bags' / 'run'
bag.mkdir()
facts = {{'version': 5, 'message_count': 0}}
(bag / 'metadata.yaml').write_text(yaml.safe_dump({{'rosbag2_bagfile_information': facts}}))
"""


@pytest.fixture
def with_ros2_bag(tmp_path: Path, system: Any) -> Callable[[str], 'subprocess.Popen[bytes]']:
    """Return a function that starts the recorder where a command ``ros2`` has some options."""
    (tmp_path / 'ros2bag').mkdir()
    (tmp_path / 'ros2bag' / '__init__.py').touch()
    command = tmp_path / 'ros2'
    command.write_text(FAKE.format(python=sys.executable))
    command.chmod(0o755)

    def start(options: str) -> 'subprocess.Popen[bytes]':
        system.environment = {
            'PATH': f'{tmp_path}{os.pathsep}{os.environ["PATH"]}',
            'PYTHONPATH': f'{os.environ.get("PYTHONPATH", "")}{os.pathsep}{tmp_path}',
            'FAKE_OPTIONS': options,
            'FAKE_FOLDER': str(tmp_path),
        }
        child = record(system, tmp_path / 'bags' / 'run', '-r', '__ns:=/left')
        system.until(lambda: system.node.count_subscribers('/left/episode') == 2, 'ros2 bag')
        return child

    return start


def mark_left(system: Any, text: str) -> None:
    system.until(
        lambda: system.call(Trigger, f'/left/bag_recorder/{text}', Trigger.Request()).success,
        f'mark {text}',
    )


def test_ros2_bag_records_where_it_is_installed(
    system: Any, tmp_path: Path, with_ros2_bag: Any
) -> None:
    child = with_ros2_bag('--custom-data --topics')
    mark_left(system, 'begin')
    mark_left(system, 'succeed')
    system.until(
        lambda: (
            (tmp_path / 'marks').exists()
            and (tmp_path / 'marks').read_text() == 'begin\nsucceed\n'
        ),
        'the marks',
    )
    assert interrupted(system, child) == 0
    text = (tmp_path / 'arguments').read_text()
    assert text.startswith(f'bag\nrecord\n--output\n{tmp_path}/bags/run\n--custom-data\n')
    assert f'{EMBODIMENT_KEY}={TEXT}' in text
    names = text.partition('--topics\n')[2].split('\n')
    assert '/left/camera/color/image_raw' in names
    assert '/clock' in names


def test_a_ros2_bag_without_custom_data_gets_them_at_the_end(
    system: Any, tmp_path: Path, with_ros2_bag: Any
) -> None:
    assert interrupted(system, with_ros2_bag('--output')) == 0
    assert '--topics' not in (tmp_path / 'arguments').read_text()
    bag = tmp_path / 'bags' / 'run'
    assert custom_data(bag) == {EMBODIMENT_KEY: TEXT, NAMESPACE_KEY: 'left'}
    facts = yaml.safe_load((bag / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
    assert facts['version'] == 5


def test_a_ros2_bag_that_ends_ends_the_recorder(
    system: Any, tmp_path: Path, with_ros2_bag: Any
) -> None:
    child = with_ros2_bag('--topics')
    mark_left(system, 'begin')
    found = subprocess.run(
        ['ps', '--ppid', str(child.pid), '-o', 'pid='], capture_output=True, text=True, check=True
    )
    os.kill(int(found.stdout), signal.SIGKILL)
    assert ended(system, child) == 1
    assert 'got the end of ros2 bag record with signal SIGKILL' in system.log('bag_recorder')


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write anywhere')
def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match='record: .*: got Permission denied'):
        BagFile(tmp_path / 'bag')


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='record: .*: got Not a directory'):
        BagFile(tmp_path / 'file' / 'bag')


def test_a_type_that_is_not_installed_is_named(tmp_path: Path) -> None:
    bag = BagFile(tmp_path / 'bag')
    with pytest.raises(ConfigError, match=r'got no share/nowhere/msg/Odd\.msg'):
        bag.add('/odd', 'nowhere/msg/Odd', QoSProfile(depth=1))
    bag.close()
