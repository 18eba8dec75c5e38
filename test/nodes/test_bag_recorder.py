# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A recording holds what was sent, and overwrites nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from benchmarks.faults.processes import DEADLINE_S
from hma_ros.core.errors import ConfigError
from hma_ros.msg import ActionChunk
from hma_ros.ros.bag_file import BagFile
from hma_ros.ros.qos import LATCHED, REPORT, SENSOR_IN

pytestmark = pytest.mark.ros
SCRIPT = 'import sys; from hma_ros.nodes.bag_recorder_node import main; sys.exit(main())'


def _command(folder: Path) -> list[str]:
    command = [sys.executable, '-c', SCRIPT, '--ros-args', '-p', 'embodiment:=sim_planar']
    return [*command, '-p', f'folder:={json.dumps(str(folder))}', '-r', '__ns:=/left']


def record(folder: Path, log: Path) -> 'subprocess.Popen[bytes]':
    with log.open('wb') as stream:
        return subprocess.Popen(_command(folder), stdout=stream, stderr=subprocess.STDOUT)


def test_records_what_was_sent(system: Any, tmp_path: Path) -> None:
    folder, log = tmp_path / 'bags' / 'run', tmp_path / 'log'
    folder.mkdir(parents=True)
    (folder / 'precious').write_text('kept')
    # Best effort, reliable, and latched; one of each kind that must match.
    chunks = system.node.create_publisher(ActionChunk, '/left/world_model/action_chunk', REPORT)
    states = system.node.create_publisher(JointState, '/left/joint_states', SENSOR_IN)
    stops = system.node.create_publisher(Bool, '/left/sim_robot/success', LATCHED)
    other = system.node.create_publisher(Bool, '/left/something_else', LATCHED)
    stops.publish(Bool(data=True))
    child = record(folder, log)
    try:
        for publisher in (chunks, states, stops):
            system.until(publisher.get_subscription_count, 'the recorder')
        chunk = ActionChunk(embodiment='sim_planar', names=['x', 'y'], actions=[1.0, 2.0])
        chunks.publish(chunk)
        states.publish(JointState(name=['joint_x'], position=[0.5]))
        other.publish(Bool(data=True))
        chunks.wait_for_all_acked()
    finally:
        child.send_signal(signal.SIGINT)
        assert child.wait(DEADLINE_S) == 0
    written = tmp_path / 'bags' / 'run_2'
    text = log.read_text()
    assert f'to {written}' in text
    assert 'wrote ' in text
    assert (folder / 'precious').read_text() == 'kept'
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


def test_becomes_ros2_bag_where_it_is_installed(tmp_path: Path) -> None:
    (tmp_path / 'ros2bag').mkdir()
    (tmp_path / 'ros2bag' / '__init__.py').touch()
    command = tmp_path / 'ros2'
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    command.chmod(0o755)
    environment = {
        **os.environ,
        'PATH': f'{tmp_path}{os.pathsep}{os.environ["PATH"]}',
        'PYTHONPATH': f'{os.environ.get("PYTHONPATH", "")}{os.pathsep}{tmp_path}',
    }
    folder = tmp_path / 'bags' / 'run'
    answer = subprocess.run(
        _command(folder), env=environment, capture_output=True, text=True, timeout=DEADLINE_S
    )
    said, *arguments = answer.stdout.splitlines()
    assert said.endswith(f'topics to {folder}')
    assert arguments[:4] == ['bag', 'record', '--output', str(folder)]
    assert '/left/camera/color/image_raw' in arguments[4:]
    assert folder.parent.is_dir()
    assert not folder.exists()


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
    from rclpy.qos import QoSProfile

    bag = BagFile(tmp_path / 'bag')
    with pytest.raises(ConfigError, match=r'got no share/nowhere/msg/Odd\.msg'):
        bag.add('/odd', 'nowhere/msg/Odd', QoSProfile(depth=1))
    bag.close()
