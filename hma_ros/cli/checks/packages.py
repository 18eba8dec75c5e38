# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Are the message packages installed that an embodiment needs? Works without ROS."""

import importlib.util

from hma_ros.cli.checks.finding import Finding, fail, ok, warn
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import ConfigError
from hma_ros.core.topics import COMMAND_TYPES
from hma_ros.ros.interfaces import interface_class, stop_class


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
        outputs['gripper.interface'] = COMMAND_TYPES[spec.gripper.interface]
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
