# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Run the world model on a robot, or on its simulated twin.

ros2 launch hma_ros predict.launch.py robot:=franka sim:=true mode:=execute
"""

import os

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from hma_ros.bringup import ARGUMENTS, Argument, Process, describe, parse_request


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments of the bringup and start what it describes."""
    arguments = [_declare(argument) for argument in ARGUMENTS]
    return LaunchDescription([*arguments, OpaqueFunction(function=_start)])


def _declare(argument: Argument) -> DeclareLaunchArgument:
    default = None if argument.default is None else str(argument.default)
    if isinstance(argument.default, bool):
        default = str(argument.default).lower()
    return DeclareLaunchArgument(
        argument.name,
        default_value=default,
        description=argument.description,
        choices=argument.choices or None,
    )


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    values = {item.name: LaunchConfiguration(item.name).perform(context) for item in ARGUMENTS}
    bringup = describe(parse_request(values))
    environment = bringup.environment(os.environ)
    variables = [SetEnvironmentVariable(*variable) for variable in environment.items()]
    return [*variables, *(_node(item, bringup.namespace) for item in bringup.processes)]


def _node(process: Process, namespace: str) -> Node:
    return Node(
        package=process.package,
        executable=process.executable,
        name=process.node_name,
        namespace=namespace,
        parameters=[dict(process.parameters)],
        remappings=list(process.remappings),
        arguments=list(process.arguments),
        output='screen',
        emulate_tty=True,
        on_exit=Shutdown(reason=f'{process.node_name} ended'),
    )
