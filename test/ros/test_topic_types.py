# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The types that core names are those of the messages that are sent."""

import re

import pytest

from hma_ros.core.embodiment import available_embodiments, load_embodiment
from hma_ros.core.embodiment.spec import COMMAND_INTERFACES, GRIPPER_INTERFACES
from hma_ros.core.errors import ConfigError
from hma_ros.core.topics import COMMAND_TYPES, robot_topics
from hma_ros.ros.command_msg import message_type
from hma_ros.ros.interfaces import interface_class, type_name


@pytest.mark.parametrize('name', sorted(set(available_embodiments()) - {'aloha'}))
def test_commands_have_the_types_of_the_list(name: str) -> None:
    spec = load_embodiment(name)
    types = {item.name: item.type for item in robot_topics(spec)}
    for command in spec.commands:
        assert types[command.topic] == type_name(message_type(command))


def test_every_interface_that_a_file_may_name_has_a_type() -> None:
    assert set(COMMAND_TYPES) == {*COMMAND_INTERFACES, *GRIPPER_INTERFACES}


@pytest.mark.parametrize(
    ('name', 'sentence'),
    [
        (
            'nowhere_msgs/msg/Stop',
            'got no nowhere_msgs/msg/Stop here, expected nowhere_msgs to be installed; apt-get',
        ),
        (
            'std_msgs/msg/Newer',
            'got no std_msgs/msg/Newer here, expected it in the std_msgs that is installed; '
            'correct gripper.interface, or use a newer distribution of ROS',
        ),
        ('Bool', "got 'Bool', expected a type such as std_msgs/msg/Bool; correct"),
        ('std_msgs//Bool', "got 'std_msgs//Bool', expected a type such as"),
    ],
)
def test_a_type_that_is_not_here_is_named_with_what_lacks_it(name: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f'gripper.interface: {sentence}')):
        interface_class(name, 'gripper.interface')
