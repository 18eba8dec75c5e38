# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bad input gives one clear sentence: what, where, and what would be right; nothing moves."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image, JointState

from hma_ros.core.embodiment import load_embodiment
from hma_ros.msg import ActionChunk
from hma_ros.ros.chunk_msg import from_actions
from hma_ros.ros.image_msg import from_rgb
from hma_ros.ros.joint_state_msg import from_positions
from hma_ros.ros.qos import REPORT, SENSOR_OUT
from hma_ros.runtime.manifest_file import read_facts, write_facts

pytestmark = pytest.mark.ros
UR5E = load_embodiment('sim_ur5e')


def set_parameters(system: Any, node: str, **values: object) -> None:
    request = SetParameters.Request(
        parameters=[
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
    )
    answer = system.call(SetParameters, f'{node}/set_parameters', request)
    assert all(result.successful for result in answer.results)


def test_refused_configurations_say_why_and_a_good_one_still_works(
    system: Any, tiny_bundle: Path, tmp_path: Path
) -> None:
    tampered = tmp_path / 'tampered'
    shutil.copytree(tiny_bundle, tampered)
    with (tampered / 'encoder.onnx').open('ab') as graph:
        graph.write(b'x')
    poor, left = tmp_path / 'poor', tmp_path / 'left'
    for folder in (poor, left):
        shutil.copytree(tiny_bundle, folder)
    manifest = read_facts(poor)
    stem = manifest['stems'].pop('ur5e_push')
    write_facts(poor, manifest)
    robot = stem['robot']
    robot['joint_names'] = [f'left_{name}' for name in robot['joint_names']]
    manifest['stems']['ur5e_push'] = stem
    write_facts(left, manifest)
    system.spawn('world_model', threads=1)
    good = {
        'embodiment': 'sim_ur5e',
        'bundle': str(tiny_bundle),
        'mode': 'shadow',
        'provider': 'cpu',
    }
    for change, sentence in (
        ({'embodiment': 'r2d2'}, 'expected one of aloha, franka, franka_droid'),
        ({'bundle': str(tmp_path / 'nowhere')}, 'no such folder'),
        ({'bundle': str(tampered)}, 'encoder.onnx'),
        ({'bundle': str(poor)}, "no stem 'ur5e_push'"),
        ({'bundle': str(left)}, "expected ['left_shoulder_pan_joint'"),
        ({'mode': 'fly'}, 'expected one of shadow, execute'),
        ({'provider': 'npu'}, "provider: got 'npu', expected one of auto, cpu, cuda, tensorrt"),
        ({'embodiment': 'ur5e', 'mode': 'execute'}, 'got one trained in simulation'),
    ):
        set_parameters(system, 'world_model', **{**good, **change})
        assert not system.transition('world_model', 'configure')
        system.until_logged('world_model', sentence)
        assert system.state('world_model') == 'unconfigured'
    set_parameters(system, 'world_model', **good)
    assert system.transition('world_model', 'configure')
    assert 'Traceback' not in system.log('world_model')


def test_executor_refuses_a_simulation_bundle_on_a_real_robot(
    system: Any, tiny_bundle: Path
) -> None:
    system.spawn('action_executor', embodiment='ur5e', mode='execute')
    assert not system.transition('action_executor', 'configure')
    system.until_logged(
        'action_executor', 'bundle: got nothing, expected the folder of the bundle'
    )
    set_parameters(system, 'action_executor', bundle=str(tiny_bundle))
    assert not system.transition('action_executor', 'configure')
    system.until_logged('action_executor', 'got one trained in simulation')
    topic = load_embodiment('ur5e').commands[0].topic
    assert system.node.count_publishers(topic) == 0
    set_parameters(system, 'action_executor', allow_sim_bundle=True)
    assert system.transition('action_executor', 'configure')
    assert system.transition('action_executor', 'activate')
    system.until(lambda: system.node.count_publishers(topic) == 1, 'command publisher')


@pytest.mark.parametrize(
    ('parameters', 'sentence'),
    [
        ({'colour': 'red'}, "got the parameter 'colour'"),
        ({'max_chunk_age_s': -1.0}, 'max_chunk_age_s: got -1.0, expected float of 0.01 to 10'),
        ({'embodiment': 'r2d2', 'autostart': True}, "got 'r2d2'"),
    ],
)
def test_a_node_that_cannot_start_ends_with_a_sentence(
    system: Any, parameters: dict[str, object], sentence: str
) -> None:
    child = system.spawn('action_executor', **parameters)
    system.until(lambda: child.poll() is not None, 'end of the node')
    assert child.returncode == 1
    assert sentence in system.log('action_executor')
    assert 'Traceback' not in system.log('action_executor')


def test_each_bad_camera_then_missing_joints_then_a_frozen_image(
    system: Any, tiny_bundle: Path
) -> None:
    system.watch(ActionChunk, '/world_model/action_chunk')
    system.spawn(
        'world_model',
        embodiment='sim_ur5e',
        bundle=str(tiny_bundle),
        threads=1,
        camera_timeout_s=0.5,
        autostart=True,
    )
    system.until(
        lambda: 'expected sensor_msgs/msg/Image within 0.5 s' in system.log('world_model'),
        'sentence about the silent camera',
    )
    assert '/camera/color/image_raw' in system.log('world_model')
    images = system.node.create_publisher(Image, UR5E.camera.topic, SENSOR_OUT)

    def publish(rgb: np.ndarray, encoding: str = 'rgb8') -> None:
        now_ns = system.node.get_clock().now().nanoseconds
        message = from_rgb(rgb, now_ns, 'camera')
        message.encoding = encoding
        images.publish(message)

    def until(rgb: np.ndarray, encoding: str, sentence: str) -> None:
        def publish_and_look() -> bool:
            publish(rgb, encoding)
            return sentence in system.log('world_model')

        system.until(publish_and_look, sentence)

    until(np.zeros((480, 640, 3), np.uint8), 'rgb8', 'got an image of 640x480, expected 256x256')
    # The camera is silent no more, though its images are no good.
    until(np.zeros((480, 640, 3), np.uint8), 'rgb8', 'cleared: camera timeouts')
    until(np.zeros((256, 256, 3), np.uint8), 'bgr8', "got 'bgr8', expected rgb8")
    assert '/world_model/action_chunk' not in system.counts

    good = np.zeros((256, 256, 3), np.uint8)
    until(good, 'rgb8', "/joint_states: position of 'shoulder_pan_joint': got none, expected one")
    assert '/world_model/action_chunk' not in system.counts
    joints = system.node.create_publisher(JointState, 'joint_states', SENSOR_OUT)
    position = np.zeros(6)

    def publish_both(rgb: np.ndarray) -> None:
        now_ns = system.node.get_clock().now().nanoseconds
        joints.publish(from_positions(now_ns, UR5E.state.joints, position, np.zeros(6)))
        publish(rgb)

    def publish_and_count() -> bool:
        publish_both(good)
        return '/world_model/action_chunk' in system.counts

    system.until(publish_and_count, 'a chunk after a good image and joints')
    for kind in ('dropped steps', 'missed joints'):
        system.until(
            lambda kind=kind: f'cleared: {kind}' in system.log('world_model'), f'{kind} to end'
        )
    assert 'got the same image' not in system.log('world_model')

    def move_before_a_frozen_camera() -> bool:
        position[0] = min(position[0] + 0.01, 0.3)
        publish_both(good)
        return 'while shoulder_pan_joint moved by' in system.log('world_model')

    system.until(move_before_a_frozen_camera, 'a warning')

    def publish_another() -> bool:
        publish_both(good + np.uint8(1))
        return 'cleared: frozen image' in system.log('world_model')

    system.until(publish_another, 'its end')


def test_a_model_that_fails_step_after_step_deactivates_itself(
    system: Any, tiny_bundle: Path
) -> None:
    system.spawn(
        'world_model',
        embodiment='sim_ur5e',
        bundle=str(tiny_bundle),
        threads=1,
        max_failures=3,
        autostart=True,
    )
    images = system.node.create_publisher(Image, UR5E.camera.topic, SENSOR_OUT)

    def publish_and_look() -> bool:
        now_ns = system.node.get_clock().now().nanoseconds
        images.publish(from_rgb(np.zeros((480, 640, 3), np.uint8), now_ns, 'camera'))
        return 'got 3 consecutive failures' in system.log('world_model')

    system.until(publish_and_look, 'the end of patience')
    system.until(lambda: system.state('world_model') == 'inactive', 'inactive')
    assert system.transition('world_model', 'activate')
    assert 'Traceback' not in system.log('world_model')


def test_executor_without_the_joints_commands_nothing(system: Any) -> None:
    system.spawn('action_executor', embodiment='sim_ur5e', mode='execute', autostart=True)
    command = UR5E.commands[0]
    system.until(lambda: system.node.count_publishers(command.topic) == 1, 'command publisher')
    from trajectory_msgs.msg import JointTrajectory

    system.watch(JointTrajectory, command.topic)
    joints = system.node.create_publisher(JointState, 'joint_states', SENSOR_OUT)
    chunks = system.node.create_publisher(ActionChunk, 'world_model/action_chunk', REPORT)
    names = [*UR5E.state.joints[:-1], 'wrist_4_joint']

    def publish_and_look() -> bool:
        now_ns = system.node.get_clock().now().nanoseconds
        joints.publish(from_positions(now_ns, names, np.zeros(6), np.zeros(6)))
        chunks.publish(from_actions(UR5E, now_ns, np.full((2, 6), 0.01)))
        return 'got no position of wrist_3_joint' in system.log('action_executor')

    system.until(publish_and_look, 'a sentence about the joint')
    assert command.topic not in system.counts
