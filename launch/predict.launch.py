# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Run the world model on a robot, or on its simulated twin.

ros2 launch hma_ros predict.launch.py robot:=franka sim:=true mode:=execute
"""

import signal
from collections.abc import Callable
from functools import partial
from typing import Any, List  # noqa: UP035 - launch knows no list[str]

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    Shutdown,
    TimerAction,
)
from launch.events.process import ProcessExited, SignalProcess
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.utilities import prefix_namespace

from hma_ros.bringup import (
    ARGUMENTS,
    Argument,
    Bringup,
    Process,
    describe,
    misspelled,
    parse_request,
)
from hma_ros.core.parent_process import parent_environment

# What the executor gets to halt the robot when another process has ended.
EXECUTOR_GRACE_S = 8.0


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments of the bringup and start what it describes."""
    arguments = [_declare(argument) for argument in ARGUMENTS]
    return LaunchDescription([*arguments, OpaqueFunction(function=_start)])


def _declare(argument: Argument) -> DeclareLaunchArgument:
    setting = argument.setting
    return DeclareLaunchArgument(
        argument.name,
        default_value=None if setting.default is None else setting.default_text,
        description=setting.description,
        choices=setting.choices or None,
    )


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    _warn_of_misspelled(context)
    values = {name: LaunchConfiguration(name).perform(context) for name, _ in ARGUMENTS}
    # Topics of RViz and of the recorder are spelled out: they need the whole namespace.
    outer = context.launch_configurations.get('ros_namespace')
    values['namespace'] = prefix_namespace(outer, values['namespace']) or ''
    bringup = describe(parse_request(values))
    # launch itself leaves its nodes running when it is terminated or killed.
    environment = {**bringup.environment(context.environment), **parent_environment()}
    executor = _node(bringup, bringup.processes[-1], environment, _end_all)
    others = [
        _node(bringup, item, environment, partial(_end, item, executor))
        for item in bringup.processes[:-1]
    ]
    return [*others, executor]


def _warn_of_misspelled(context: LaunchContext) -> None:
    # launch ignores them; an error would forbid such names to a file that includes this one.
    for name, argument in misspelled(context.launch_configurations).items():
        text = f'arguments: got {name}, which is unknown and ignored; did you mean {argument}?'
        get_logger('hma_ros').warning(text)


def _node(
    bringup: Bringup, process: Process, environment: dict[str, str], on_exit: Callable[..., Any]
) -> Node:
    return Node(
        package=process.package,
        executable=process.executable,
        name=process.node_name,
        namespace=bringup.namespace or '/',
        parameters=[{name: _typed(value) for name, value in process.parameters}],
        remappings=list(process.remappings),
        ros_arguments=list(process.ros_arguments),
        arguments=list(process.arguments),
        # Not SetEnvironmentVariable, which would change the scope that includes this file.
        additional_env=environment,
        output='screen',
        emulate_tty=True,
        on_exit=on_exit,
    )


def _typed(value: object) -> object:
    # launch would read a text that looks like a number as one.
    if isinstance(value, str):
        return ParameterValue(value, value_type=str)
    if isinstance(value, list) and isinstance(value[0], str):
        return ParameterValue(value, value_type=List[str])  # noqa: UP006
    return value


def _end_all(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    if context.is_shutdown:
        return []
    return [Shutdown(reason='action_executor ended')]


def _end(
    process: Process, executor: Node, event: ProcessExited, context: LaunchContext
) -> list[LaunchDescriptionEntity]:
    """Say that a process ended; if nothing goes without it, end the executor, then the rest."""
    if context.is_shutdown:
        return []
    ended = f'{process.node_name} ended by itself: exit code {event.returncode}'
    if not process.ends_all:
        return [LogInfo(msg=f'{ended}; the others go on')]
    stop = SignalProcess(
        signal_number=signal.SIGINT,
        process_matcher=lambda item: item is executor and item.process_details is not None,
    )
    return [
        LogInfo(msg=f'{ended}; stopping the executor, then the others'),
        EmitEvent(event=stop),
        TimerAction(period=EXECUTOR_GRACE_S, actions=[Shutdown(reason=ended)]),
    ]
