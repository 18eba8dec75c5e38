# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What each node opens for a robot: topics, services and actions.

Names are as the nodes use them: absolute, relative to the namespace, or with ``~/`` to the node.
A test starts the nodes and compares this table with the ROS graph.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.embodiment.named_topics import named_topics
from hma_ros.core.topics import (
    CHUNK_TOPIC,
    CLOCK_TOPIC,
    EPISODE_TOPIC,
    EXECUTED_TOPIC,
    HEARTBEAT_TOPIC,
    MARKS,
    PREDICTION_TOPIC,
)

LIFECYCLE_NODES = ('world_model', 'action_executor', 'rollout_viewer')
OPERATOR = 'operator'


@dataclass(frozen=True)
class Interfaces:
    """
    The names one node uses; each field is sorted, without repetition.

    ``serves`` and ``requests`` are services, ``sends`` are actions to whose server it sends goals.
    """

    publishes: tuple[str, ...] = ()
    subscribes: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()

    def __or__(self, other: 'Interfaces') -> 'Interfaces':
        """Return the names of both."""
        names = (field.name for field in fields(self))
        return Interfaces(
            **{name: _once((*getattr(self, name), *getattr(other, name))) for name in names}
        )


# What rclpy opens by itself; Humble has no get_type_description.
_ANY_NODE = Interfaces(
    publishes=('/parameter_events', '/rosout'),
    serves=(
        '~/describe_parameters',
        '~/get_parameter_types',
        '~/get_parameters',
        '~/get_type_description',
        '~/list_parameters',
        '~/set_parameters',
        '~/set_parameters_atomically',
    ),
)
_STATE_SERVICES = (
    'change_state',
    'get_available_states',
    'get_available_transitions',
    'get_state',
    'get_transition_graph',
)
_LIFECYCLE_NODE = Interfaces(
    publishes=('/diagnostics', '~/transition_event'),
    subscribes=(CLOCK_TOPIC,),
    serves=tuple(f'~/{name}' for name in _STATE_SERVICES),
)


def interfaces(spec: EmbodimentSpec, mode: str) -> dict[str, Interfaces]:
    """
    Return what each node of a bringup opens, by node name.

    :param mode: of the executor; in ``shadow`` it has nothing to command with.
    """
    nodes = {
        'world_model': _LIFECYCLE_NODE | _world_model(spec),
        'action_executor': _LIFECYCLE_NODE | _action_executor(spec, mode),
        'rollout_viewer': _LIFECYCLE_NODE | _rollout_viewer(spec),
    }
    if spec.simulated:
        nodes['sim_robot'] = _sim_robot(spec)
    nodes['bag_recorder'] = _bag_recorder(spec, nodes)
    return {name: _ANY_NODE | opened for name, opened in nodes.items()}


def operator(spec: EmbodimentSpec) -> Interfaces:
    """Return what a person needs who watches, stops, resumes and configures; commands nothing."""
    services = [f'action_executor/{name}' for name in ('stop', 'resume', 'approve')]
    services += [f'{node}/{name}' for node in LIFECYCLE_NODES for name in _STATE_SERVICES]
    services += [f'bag_recorder/{mark}' for mark in MARKS]
    services.append('world_model/imagine')
    ours = (CHUNK_TOPIC, EXECUTED_TOPIC, PREDICTION_TOPIC, f'{PREDICTION_TOPIC}/image')
    watched = (
        *_seen(spec),
        *(f'rollout_viewer/{name}' for name in ('image', 'error', 'path')),
        *(*ours, '/diagnostics', '/rosout', CLOCK_TOPIC),
    )
    if spec.simulated:
        services.append('sim_robot/reset')
    return _ANY_NODE | Interfaces(subscribes=_once(watched), requests=_once(services))


def _world_model(spec: EmbodimentSpec) -> Interfaces:
    gripper_topic = None if spec.gripper is None else spec.gripper.joint_topic
    return Interfaces(
        publishes=('~/action_chunk', '~/heartbeat', '~/prediction', '~/prediction/image'),
        subscribes=_once(
            (
                *(spec.camera.topic, EXECUTED_TOPIC),
                *_joint_topics(spec),
                *(_pose_topics(spec) if spec.action.is_cartesian else ()),
                *([gripper_topic] if gripper_topic else []),
            )
        ),
        serves=('~/imagine',),
    )


def _action_executor(spec: EmbodimentSpec, mode: str) -> Interfaces:
    heard = (CHUNK_TOPIC, HEARTBEAT_TOPIC, *_joint_topics(spec), *_pose_topics(spec))
    opened = Interfaces(
        subscribes=_once((*heard, *(stop.topic for stop in spec.stops))),
        serves=('~/approve', '~/resume', '~/stop'),
    )
    return opened if mode == 'shadow' else opened | _commands(spec)


def _commands(spec: EmbodimentSpec) -> Interfaces:
    """Return what nobody but the executor may use."""
    goals = (spec.gripper.name,) if spec.gripper and spec.gripper.takes_goals else ()
    return Interfaces(publishes=_once((*_command_topics(spec), '~/executed')), sends=goals)


def _rollout_viewer(spec: EmbodimentSpec) -> Interfaces:
    return Interfaces(
        publishes=('~/error', '~/image', '~/path'),
        subscribes=_once((PREDICTION_TOPIC, *_seen(spec))),
    )


def _sim_robot(spec: EmbodimentSpec) -> Interfaces:
    return Interfaces(
        publishes=_once(
            (
                *(CLOCK_TOPIC, '~/success', 'robot_description', '/tf', '/tf_static'),
                *_seen(spec),
                *_info_topics(spec),
            )
        ),
        subscribes=_once(_command_topics(spec)),
        serves=('~/reset',),
    )


def _bag_recorder(spec: EmbodimentSpec, nodes: Mapping[str, Interfaces]) -> Interfaces:
    """Return all topics of the others but signs of life and changes of state."""
    names: Iterable[str] = (
        name.replace('~', node) if name.startswith('~/') else name
        for node, opened in nodes.items()
        for name in (*opened.publishes, *opened.subscribes)
    )
    dull = ('/heartbeat', '/transition_event')
    names = (*names, *_info_topics(spec))
    return Interfaces(
        publishes=(EPISODE_TOPIC,),
        subscribes=_once((EPISODE_TOPIC, *(name for name in names if not name.endswith(dull)))),
        serves=tuple(f'~/{mark}' for mark in MARKS),
    )


def _seen(spec: EmbodimentSpec) -> tuple[str, ...]:
    return (spec.camera.topic, *_joint_topics(spec), *_pose_topics(spec))


def _info_topics(spec: EmbodimentSpec) -> tuple[str, ...]:
    return (spec.camera.info_topic,) if spec.camera.info_topic else ()


def _joint_topics(spec: EmbodimentSpec) -> tuple[str, ...]:
    return tuple(source.topic for source in spec.state.sources)


def _pose_topics(spec: EmbodimentSpec) -> tuple[str, ...]:
    return () if spec.state.pose is None else (spec.state.pose.topic,)


def _command_topics(spec: EmbodimentSpec) -> tuple[str, ...]:
    return tuple(item.name for item in named_topics(spec) if item.is_command)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
