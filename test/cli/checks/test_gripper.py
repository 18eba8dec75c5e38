# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The gripper's server is looked for, and its type compared: drivers differ by ROS release."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.faults.gripper_process import GripperProcess, has_actions
from benchmarks.faults.processes import DEADLINE_S, System
from hma_ros.cli.checks.finding import Finding, Level
from hma_ros.cli.checks.gripper import judge_gripper, judge_joint
from hma_ros.cli.checks.listening import Sample
from hma_ros.cli.checks.topics import check_topics
from hma_ros.core.embodiment import load_embodiment

pytestmark = [
    pytest.mark.ros,
    pytest.mark.skipif(not has_actions(), reason='control_msgs is not installed'),
]
GRIPPER = load_embodiment('kinova_gen3').gripper
NAME = '/robotiq_gripper_controller/gripper_cmd'
FEEDBACK = '/_action/feedback'
OTHER = '/gripper/gripper_cmd'
Judge = Callable[..., Finding]


@pytest.fixture
def judge(ros_context: Any) -> Iterator[Judge]:
    """Judge as a node that just came, with servers in another."""
    import control_msgs.action
    import rclpy
    from rclpy.action import ActionClient, ActionServer

    doctor, robot = (rclpy.create_node(name, context=ros_context) for name in ('doctor', 'robot'))
    made = list[Any]()

    def run(*served: tuple[str, str], clients: tuple[str, ...] = ()) -> Finding:
        assert GRIPPER is not None
        for name, kind in served:
            action = getattr(control_msgs.action, kind)
            made.append(ActionServer(robot, action, name, lambda _: None))
        for kind in clients:
            made.append(ActionClient(robot, getattr(control_msgs.action, kind), NAME))
        servers = Counter(f'{name}{FEEDBACK}' for name, _ in served)
        end_s = time.monotonic() + DEADLINE_S
        while doctor.count_subscribers(f'{NAME}{FEEDBACK}') < len(clients) or any(
            doctor.count_publishers(topic) < count for topic, count in servers.items()
        ):
            assert time.monotonic() < end_s, 'servers and clients were not discovered'
            rclpy.spin_once(doctor, timeout_sec=0.05)
        return judge_gripper(doctor, GRIPPER, simulated=False)

    yield run
    for item in made:
        item.destroy()
    doctor.destroy_node()
    robot.destroy_node()


def test_the_right_server_is_well(judge: Judge) -> None:
    finding = judge((NAME, 'ParallelGripperCommand'))
    assert (finding.level, finding.subject) == (Level.OK, NAME)
    assert finding.text == 'gripper action of control_msgs/action/ParallelGripperCommand'


@pytest.mark.parametrize(
    ('served', 'level', 'text', 'remedy'),
    [
        ([], Level.WARN, 'nobody serves this gripper action', 'activate its controller'),
        (
            [(OTHER, 'GripperCommand')],
            Level.WARN,
            'nobody serves',
            f'served now: {OTHER}; set gripper.name',
        ),
        (
            [(NAME, 'GripperCommand')],
            Level.FAIL,
            'expected a single control_msgs/action/ParallelGripperCommand',
            'set gripper.interface: gripper_command',
        ),
    ],
)
def test_what_is_wrong_is_named(
    judge: Judge, served: list[tuple[str, str]], level: Level, text: str, remedy: str
) -> None:
    finding = judge(*served)
    assert finding.level is level
    assert text in finding.text
    assert remedy in finding.remedy


def test_a_client_of_the_action_is_no_server(judge: Judge) -> None:
    # The executor, or another program that moves the gripper.
    finding = judge(clients=('ParallelGripperCommand',))
    assert finding.level is Level.WARN
    assert 'nobody serves' in finding.text


def test_one_gripper_has_one_server(judge: Judge) -> None:
    kind = 'ParallelGripperCommand'
    finding = judge((NAME, kind), (NAME, kind))
    assert (finding.level, finding.remedy) == (Level.FAIL, 'end all but one server')


@pytest.mark.parametrize(
    ('served', 'level', 'text'),
    [
        ('', Level.WARN, 'nobody serves this gripper action'),
        ('gripper_command', Level.FAIL, 'got a gripper action of control_msgs/action/GripperComm'),
        ('parallel_gripper_command', Level.OK, 'gripper action of control_msgs/action/Parallel'),
    ],
)
def test_the_doctor_finds_the_server_of_another_process(
    ros_context: Any, tmp_path: Path, served: str, level: Level, text: str
) -> None:
    spec = load_embodiment('kinova_gen3')
    assert spec.gripper is not None
    system = System(tmp_path, ros_context)
    gripper = GripperProcess(system, spec.gripper)
    if served:
        gripper.start(served)

    def finding() -> Finding:
        found = {item.subject: item for item in check_topics(spec, '', timeout_s=0.2)}
        return found[NAME]

    # A node that just came may not know of it yet.
    system.until(lambda: finding().level is level, text)
    assert text in finding().text
    gripper.close()
    system.close()


@pytest.mark.parametrize(
    ('names', 'position', 'text'),
    [
        (['a', 'robotiq_85_left_knuckle_joint'], [0.0, 0.1], ''),
        (['a'], [0.0], 'got no position of robotiq_85_left_knuckle_joint (only of a)'),
        (['robotiq_85_left_knuckle_joint'], [float('nan')], 'got no finite position'),
        (['robotiq_85_left_knuckle_joint'], [], 'got no finite position'),
    ],
)
def test_joint_states_without_the_grippers_joint_fail(
    names: list[str], position: list[float], text: str
) -> None:
    from sensor_msgs.msg import JointState

    assert GRIPPER is not None
    sample = Sample(JointState(name=names, position=position), None)
    findings = judge_joint(GRIPPER, 'gripper.joint', [sample])
    assert [finding.level for finding in findings] == ([Level.FAIL] if text else [])
    assert all(text in finding.text for finding in findings)
