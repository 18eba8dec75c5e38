# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The list of topics is that of the embodiment file."""

import pytest

from hma_ros.core.embodiment import available_embodiments, load_embodiment
from hma_ros.core.topics import CONTROLLER, OURS, ROBOT, robot_topics, topics


def test_a_robot_has_the_topics_of_its_file() -> None:
    found = {(item.name, item.side) for item in robot_topics(load_embodiment('sim_franka'))}
    assert found == {
        ('camera/color/image_raw', ROBOT),
        ('camera/color/camera_info', ROBOT),
        ('joint_states', ROBOT),
        ('franka_robot_state_broadcaster/current_pose', ROBOT),
        ('emergency_stop', ROBOT),
        ('target_pose', CONTROLLER),
        ('gripper/gripper_position_controller/commands', CONTROLLER),
    }


@pytest.mark.parametrize('name', available_embodiments())
def test_every_topic_is_named_once(name: str) -> None:
    found = topics(load_embodiment(name))
    assert len({item.name for item in found}) == len(found)
    assert {item.side for item in found} == {ROBOT, CONTROLLER, OURS}
    assert all(len(item.type.split('/')) == 3 for item in found)


def test_only_a_simulated_robot_is_a_clock() -> None:
    assert '/clock' in {item.name for item in topics(load_embodiment('sim_ur5e'))}
    assert '/clock' not in {item.name for item in topics(load_embodiment('ur5e'))}
