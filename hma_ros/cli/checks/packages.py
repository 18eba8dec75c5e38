# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Are the message packages installed that an embodiment needs? Works without ROS."""

import importlib
import importlib.util
import os
from typing import Any

from hma_ros.cli.checks.finding import Finding, fail, ok, warn
from hma_ros.core.embodiment import EmbodimentSpec, StopSpec
from hma_ros.core.embodiment.stop_values import can_stop, impossible_value
from hma_ros.core.errors import ConfigError

COMMAND_TYPES = {
    'cartesian_pose': 'geometry_msgs/msg/PoseStamped',
    'joint_trajectory': 'trajectory_msgs/msg/JointTrajectory',
    'forward_position': 'std_msgs/msg/Float64MultiArray',
    'joint_target': 'sensor_msgs/msg/JointState',
    'interbotix_group': 'interbotix_xs_msgs/msg/JointGroupCommand',
    'interbotix_single': 'interbotix_xs_msgs/msg/JointSingleCommand',
}
GRIPPER_TYPES = {
    'gripper_command': 'control_msgs/action/GripperCommand',
    'parallel_gripper_command': 'control_msgs/action/ParallelGripperCommand',
    'forward_position': 'std_msgs/msg/Float64MultiArray',
}


def interface_class(name: str, key: str) -> Any:
    """
    Return the class of a message or action.

    :param name: e.g. ``std_msgs/msg/Bool``.
    :param key: of the embodiment file that names it.
    :raises ConfigError: it is not installed; the text says which package to install.
    """
    package, kind, item = name.split('/')
    try:
        return getattr(importlib.import_module(f'{package}.{kind}'), item)
    except (ImportError, AttributeError, ValueError) as error:
        distro = os.environ.get('ROS_DISTRO', '$ROS_DISTRO')
        raise ConfigError(
            f'{key}: got no {name} here, expected it to be installed; '
            f'apt-get install ros-{distro}-{package.replace("_", "-")} (rosdep key {package}), or '
            'source the workspace of the driver that brings it'
        ) from error


def stop_class(stop: StopSpec, key: str) -> Any:
    """
    Return the message class of a stop topic.

    :param key: of its section in the embodiment file.
    :raises ConfigError: it is not installed, or its field is missing or cannot equal a stop value.
    """
    kind = interface_class(stop.type, f'{key}.type')
    fields = kind.get_fields_and_field_types()
    got = fields.get(stop.field, '')
    if not can_stop(got):
        usable = [name for name, of in fields.items() if can_stop(of)]
        raise ConfigError(
            f'{key}.field: got {stop.field!r} ({got or "no such field"}), expected a boolean or '
            f'integer field of {stop.type}; choose one of {", ".join(usable) or "another type"}'
        )
    wrong = impossible_value(got, stop.stop_values)
    if wrong is not None:
        raise ConfigError(
            f'{key}.stop_values: got {wrong[0]}, expected {wrong[1]}; correct {key}.stop_values'
        )
    return kind


def check_packages(spec: EmbodimentSpec, executes: bool) -> list[Finding]:
    """
    Look for the types that the embodiment names beyond those every robot needs.

    :param executes: whether the robot is to be commanded: shadow mode needs fewer.
    """
    if importlib.util.find_spec('rclpy') is None:
        remedy = 'run it again where ROS 2 is sourced'
        return [warn('message types', 'not checked: no ROS 2 here', remedy)]
    found = _missing(spec, executes)
    return found or [ok('message types', 'all are installed')]


def _missing(spec: EmbodimentSpec, executes: bool) -> list[Finding]:
    found = []
    for index, stop in enumerate(spec.stops):
        try:
            stop_class(stop, f'stops[{index}]')
        except ConfigError as error:
            # In shadow mode the executor leaves out what is not installed.
            found.append(_finding(error, fails=executes or '.type:' not in str(error)))
    outputs = {
        f'commands[{index}].interface': COMMAND_TYPES[command.interface]
        for index, command in enumerate(spec.commands)
    }
    if spec.gripper is not None:
        outputs['gripper.interface'] = GRIPPER_TYPES[spec.gripper.interface]
    # Each type once, by the first key that needs it.
    for name, key in {name: key for key, name in reversed(outputs.items())}.items():
        try:
            interface_class(name, key)
        except ConfigError as error:
            found.append(_finding(error, fails=executes))
    return found


def _finding(error: ConfigError, fails: bool) -> Finding:
    where, _, rest = str(error).partition(': ')
    text, _, remedy = rest.partition('; ')
    return (fail if fails else warn)(where, text, remedy)
