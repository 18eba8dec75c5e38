# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The types that core names are those of the messages that are sent."""

import pytest

from hma_ros.core.embodiment import available_embodiments, load_embodiment
from hma_ros.core.embodiment.spec import COMMAND_INTERFACES, GRIPPER_INTERFACES
from hma_ros.core.topics import COMMAND_TYPES, robot_topics
from hma_ros.ros.command_msg import message_type
from hma_ros.ros.interfaces import type_name


@pytest.mark.parametrize('name', sorted(set(available_embodiments()) - {'aloha'}))
def test_commands_have_the_types_of_the_list(name: str) -> None:
    spec = load_embodiment(name)
    types = {item.name: item.type for item in robot_topics(spec)}
    for command in spec.commands:
        assert types[command.topic] == type_name(message_type(command))


def test_every_interface_that_a_file_may_name_has_a_type() -> None:
    assert set(COMMAND_TYPES) == {*COMMAND_INTERFACES, *GRIPPER_INTERFACES}
