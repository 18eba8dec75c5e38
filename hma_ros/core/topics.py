# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The topics of a robot and ours: names, types, and who publishes them."""

from typing import NamedTuple

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.embodiment.named_topics import named_topics

# Where whoever records demonstrations says what an episode does.
EPISODE_TOPIC = 'episode'
MARKS = ('begin', 'succeed', 'fail', 'discard')
CLOCK_TOPIC = '/clock'
# Topics of our nodes, unless their parameters name others.
CHUNK_TOPIC, HEARTBEAT_TOPIC = 'world_model/action_chunk', 'world_model/heartbeat'
PREDICTION_TOPIC, EXECUTED_TOPIC = 'world_model/prediction', 'action_executor/executed'
# Custom data of a bag: the text of the embodiment file, and the namespace of its topics.
EMBODIMENT_KEY, NAMESPACE_KEY = 'hma_embodiment', 'hma_namespace'
ROBOT, CONTROLLER, OURS = 'robot', 'controller', 'hma_ros'

# Type of the message or action of each interface of commands and grippers.
COMMAND_TYPES = {
    'cartesian_pose': 'geometry_msgs/msg/PoseStamped',
    'joint_trajectory': 'trajectory_msgs/msg/JointTrajectory',
    'forward_position': 'std_msgs/msg/Float64MultiArray',
    'joint_target': 'sensor_msgs/msg/JointState',
    'interbotix_group': 'interbotix_xs_msgs/msg/JointGroupCommand',
    'interbotix_single': 'interbotix_xs_msgs/msg/JointSingleCommand',
    'gripper_command': 'control_msgs/action/GripperCommand',
    'parallel_gripper_command': 'control_msgs/action/ParallelGripperCommand',
}


class Topic(NamedTuple):
    """
    One topic.

    ``name`` is relative to the namespace, unless it starts with a slash. ``side`` says who
    receives or publishes it: ``robot`` publishes it, the robot's ``controller`` receives it, or
    ``hma_ros`` publishes it.
    """

    name: str
    type: str
    side: str


_CLOCK = Topic(CLOCK_TOPIC, 'rosgraph_msgs/msg/Clock', OURS)


def topics(spec: EmbodimentSpec) -> tuple[Topic, ...]:
    """Return all topics of a bringup, each once: those of the robot, then ours."""
    return tuple(dict.fromkeys((*robot_topics(spec), *_our_topics(spec))))


def robot_topics(spec: EmbodimentSpec) -> tuple[Topic, ...]:
    """
    Return the topics that an embodiment names, each once.

    A gripper that takes goals has an action and no topic, so it is not among them.
    """
    found = (
        Topic(
            item.name,
            COMMAND_TYPES[item.kind] if item.is_command else item.kind,
            CONTROLLER if item.is_command else ROBOT,
        )
        for item in named_topics(spec)
    )
    return tuple(dict.fromkeys(found))


def resolve(name: str, namespace: str, node: str = '') -> str:
    """
    Return the absolute form of a name.

    :param namespace: with or without slashes around it; empty or ``/`` is the root.
    :param node: whose private names begin with ``~/``.
    """
    if name.startswith('/'):
        return name
    below = [namespace.strip('/'), node if name.startswith('~/') else '', name.removeprefix('~/')]
    return '/' + '/'.join(part for part in below if part)


def recorded_topics(spec: EmbodimentSpec, use_sim_time: bool = False) -> tuple[Topic, ...]:
    """
    Return what a bag holds: all topics, and the operator's marks of episodes.

    :param use_sim_time: whether stamps follow the clock of a simulator.
    """
    found = [*topics(spec), Topic(EPISODE_TOPIC, 'std_msgs/msg/String', ROBOT)]
    if use_sim_time and not spec.simulated:
        found.append(_CLOCK)
    return tuple(found)


def needed_topics(spec: EmbodimentSpec) -> tuple[str, ...]:
    """Return the topics without which there is no step, each once."""
    needed = [spec.camera.topic, *(item.topic for item in spec.state.sources)]
    if spec.action.is_cartesian and spec.state.pose is not None:
        needed.append(spec.state.pose.topic)
    if spec.gripper is not None and spec.gripper.joint_topic is not None:
        needed.append(spec.gripper.joint_topic)
    return tuple(dict.fromkeys(needed))


def age_limits(spec: EmbodimentSpec) -> dict[str, tuple[float, str]]:
    """Return for each needed topic the largest age of a message [s], and the key that says it."""
    camera, state = spec.camera, (spec.state.max_age_s, 'state.max_age_s')
    limits = dict.fromkeys(needed_topics(spec), state)
    return {**limits, camera.topic: (camera.max_age_s, 'camera.max_age_s')}


def _our_topics(spec: EmbodimentSpec) -> list[Topic]:
    found = [
        (CHUNK_TOPIC, 'hma_ros/msg/ActionChunk'),
        (PREDICTION_TOPIC, 'hma_ros/msg/PredictedRollout'),
        (f'{PREDICTION_TOPIC}/image', 'sensor_msgs/msg/Image'),
        (EXECUTED_TOPIC, 'hma_ros/msg/ActionChunk'),
        ('rollout_viewer/image', 'sensor_msgs/msg/Image'),
        ('rollout_viewer/error', 'std_msgs/msg/Float32'),
        ('rollout_viewer/path', 'nav_msgs/msg/Path'),
        ('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray'),
        ('robot_description', 'std_msgs/msg/String'),
        ('/tf', 'tf2_msgs/msg/TFMessage'),
        ('/tf_static', 'tf2_msgs/msg/TFMessage'),
    ]
    if spec.simulated:
        found.append(('sim_robot/success', 'std_msgs/msg/Bool'))
    clock = [_CLOCK] if spec.simulated else []
    return [*(Topic(name, kind, OURS) for name, kind in found), *clock]
