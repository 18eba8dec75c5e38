# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The simulated robot behaves as a driver: publishes, obeys, refuses, and starts again."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, Float64MultiArray, String

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.ros.episode_client import EpisodeClient
from hma_ros.ros.qos import COMMAND, LATCHED, SENSOR_IN
from hma_ros.srv import ResetEpisode

pytestmark = pytest.mark.ros
PLANAR = load_embodiment('sim_planar')


def start(embodiment: str) -> subprocess.CompletedProcess[str]:
    """Run a simulated robot that is expected to refuse; it looks for others for long."""
    script = (
        'import sys\nfrom hma_ros.nodes import sim_robot_node\n'
        'sim_robot_node._LOOK_S = 60.0\nsys.exit(sim_robot_node.main())'
    )
    command = [sys.executable, '-c', script, '--ros-args', '-p', f'embodiment:={embodiment}']
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def test_publishes_obeys_refuses_and_resets(system: Any) -> None:
    camera, info = f'/{PLANAR.camera.topic}', f'/{PLANAR.camera.info_topic}'
    for kind, topic in (
        (Clock, '/clock'),
        (JointState, '/joint_states'),
        (Image, camera),
        (CameraInfo, info),
    ):
        system.watch(kind, topic, SENSOR_IN)
    system.watch(Bool, '/sim_robot/success', LATCHED)
    system.watch(String, '/robot_description', LATCHED)
    system.spawn('sim_robot', embodiment='sim_planar', seed=3, real_time_factor=0.5)
    commands = system.node.create_publisher(Float64MultiArray, PLANAR.commands[0].topic, COMMAND)
    system.until(lambda: len(system.last) == 6, 'all topics')
    assert system.last['/sim_robot/success'].data is False
    robot = ET.fromstring(system.last['/robot_description'].data)  # noqa: S314 - our own text
    joints_there = {item.get('name') for item in robot.iter('joint')}
    assert joints_there >= set(system.last['/joint_states'].name)
    assert to_rgb(system.last[camera], camera).shape == (256, 256, 3)
    period_ns = round(PLANAR.rates.frame_dt_s * 1e9)
    assert stamp_ns(system.last[camera].header.stamp) % period_ns == 0
    assert system.last[info].header.stamp == system.last[camera].header.stamp

    def joints() -> np.ndarray:
        return np.array(system.last['/joint_states'].position)

    begin = joints()
    goal = np.where(begin > 0, begin - 0.1, begin + 0.1)

    def command_and_look() -> bool:
        commands.publish(Float64MultiArray(data=goal.tolist()))
        return np.allclose(joints(), goal, atol=0.01)

    system.until(command_and_look, 'the commanded place')

    def refuse_and_look() -> bool:
        commands.publish(Float64MultiArray(data=[float('nan'), 0.0]))
        return 'expected finite ones' in system.log('sim_robot')

    system.until(refuse_and_look, 'refusal')

    before_ns = stamp_ns(system.last['/clock'].clock)
    assert system.call(ResetEpisode, 'sim_robot/reset', ResetEpisode.Request(seed=3)).success
    system.until(lambda: np.allclose(joints(), begin, atol=1e-3), 'the start of the episode')
    # The clock is published beside the joints, so it may be heard a moment later.
    system.until(lambda: stamp_ns(system.last['/clock'].clock) > before_ns, 'a later clock')
    answer = system.call(ResetEpisode, 'sim_robot/reset', ResetEpisode.Request(seed=-1))
    assert not answer.success
    assert 'seed -1' in answer.message


def test_a_second_simulation_ends_before_it_publishes(system: Any) -> None:
    names, stamps = set[str](), list[int]()

    def see(message: JointState) -> None:
        names.update(message.name)
        stamps.append(stamp_ns(message.header.stamp))

    system.node.create_subscription(JointState, '/joint_states', see, SENSOR_IN)
    system.spawn('sim_robot', embodiment='sim_planar')
    system.until(lambda: bool(stamps), 'the first robot')
    answer = start('sim_ur5e')
    assert answer.returncode == 1
    expected = '/clock: got 2 publishers, expected this simulation alone'
    assert expected in answer.stdout + answer.stderr
    last_ns = stamps[-1]
    system.until(lambda: stamps[-1] > last_ns, 'the first robot goes on')
    assert names == set(PLANAR.state.joints)


def test_episodes_run_through_the_lifecycle(system: Any, tiny_bundle: Path) -> None:
    system.watch(JointState, '/joint_states', SENSOR_IN)
    system.spawn('sim_robot', embodiment='sim_planar', real_time_factor=0.1)
    common = {'embodiment': 'sim_planar', 'use_sim_time': True}
    system.spawn('action_executor', mode='execute', **common)
    system.spawn(
        'world_model', bundle=str(tiny_bundle), mode='execute', horizon=1, threads=1, **common
    )

    def is_there() -> bool:
        message = system.last.get('/joint_states')
        return message is not None and np.allclose(message.position, 0.024, atol=0.01)

    with EpisodeClient(nodes=('action_executor', 'world_model'), timeout_s=300.0) as client:
        begun: list[int] = []
        for seed in (1, 2):
            result = client.run(seed, 0.8, begun.append)
            assert result.seed == seed
            assert result.sim_time_s >= 0.8 or result.success
            # The tiny policy wants 0.024 m in x and y, and the nodes stay active.
            system.until(is_there, 'the wanted place')
        assert begun[1] - begun[0] >= 0.8e9


def test_a_simulation_that_fails_ends_the_process_with_one_line() -> None:
    script = (
        'import sys\n'
        'from hma_ros.nodes import sim_robot_node as robot\n'
        'def fail(*_): raise RuntimeError("out of memory")\n'
        'robot.SimRobotNode._publish_image = fail\n'
        'sys.exit(robot.main())\n'
    )
    command = [sys.executable, '-c', script, '--ros-args', '-p', 'embodiment:=sim_planar']
    answer = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert answer.returncode == 1
    lines = (answer.stdout + answer.stderr).splitlines()
    told = [line for line in lines if 'the simulation ended: RuntimeError: out of memory' in line]
    assert len(told) == 1
    assert not [line for line in lines if 'Traceback' in line]


def test_a_gripper_that_takes_goals_is_refused(tmp_path: Path) -> None:
    path, text = tmp_path / 'sim_franka.yaml', Path(load_embodiment('sim_franka').path).read_text()
    path.write_text(text.replace('interface: forward_position', 'interface: gripper_command'))
    answer = start(str(path))
    assert answer.returncode == 1
    expected = 'gripper.interface: got gripper_command, expected forward_position: the simulated'
    assert expected in answer.stdout + answer.stderr
