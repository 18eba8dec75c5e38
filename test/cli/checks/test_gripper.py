# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The gripper's server is looked for, and its type compared: drivers differ by ROS release."""

from types import SimpleNamespace
from typing import Any

import pytest

from hma_ros.cli.checks.gripper import judge_gripper
from hma_ros.cli.finding import Finding, Level
from hma_ros.core.embodiment import load_embodiment

GRIPPER = load_embodiment('kinova_gen3').gripper
NAME = '/robotiq_gripper_controller/gripper_cmd'


def judge(**served: str) -> Finding:
    services = [
        (f'/{name.replace("__", "/")}/_action/send_goal', [f'control_msgs/action/{kind}_SendGoal'])
        for name, kind in served.items()
    ]
    node: Any = SimpleNamespace(
        resolve_topic_name=lambda name: f'/{name}',
        get_service_names_and_types=lambda: [('/other', ['std_srvs/srv/Trigger']), *services],
    )
    assert GRIPPER is not None
    return judge_gripper(node, GRIPPER, simulated=False)


def test_the_right_server_is_well() -> None:
    finding = judge(robotiq_gripper_controller__gripper_cmd='ParallelGripperCommand')
    assert (finding.level, finding.subject) == (Level.OK, NAME)


@pytest.mark.parametrize(
    ('served', 'level', 'text', 'remedy'),
    [
        ({}, Level.WARN, 'nobody serves this gripper action', 'activate its controller'),
        (
            {'gripper__gripper_cmd': 'GripperCommand'},
            Level.WARN,
            'nobody serves',
            'served now: /gripper/gripper_cmd; set gripper.name',
        ),
        (
            {'robotiq_gripper_controller__gripper_cmd': 'GripperCommand'},
            Level.FAIL,
            'expected control_msgs/action/ParallelGripperCommand',
            'set gripper.interface: gripper_command',
        ),
        (
            {'robotiq_gripper_controller__gripper_cmd': 'FollowJointTrajectory'},
            Level.FAIL,
            'got a gripper action of control_msgs/action/FollowJointTrajectory',
            'gripper.name',
        ),
    ],
)
def test_what_is_wrong_is_named(
    served: dict[str, str], level: Level, text: str, remedy: str
) -> None:
    finding = judge(**served)
    assert finding.level is level
    assert text in finding.text
    assert remedy in finding.remedy
