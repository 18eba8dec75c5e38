# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Is there somebody who moves the gripper, as the embodiment says, and who measures its joint?"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from sensor_msgs.msg import JointState

from hma_ros.cli.checks.finding import Finding, fail, ok, warn
from hma_ros.cli.checks.graph import judge_listeners
from hma_ros.cli.checks.listening import Input, Sample
from hma_ros.core.embodiment import EmbodimentSpec, GripperSpec
from hma_ros.core.short_text import first_few
from hma_ros.core.topics import COMMAND_TYPES
from hma_ros.ros.action_servers import served_actions, served_types
from hma_ros.ros.qos import SENSOR_IN

ACTIONS = {name: kind for name, kind in COMMAND_TYPES.items() if '/action/' in kind}


def judge_gripper(node: Any, gripper: GripperSpec, simulated: bool) -> Finding:
    """Look for the action server or the listener of a gripper, and compare its type."""
    name = node.resolve_topic_name(gripper.name)
    expected = COMMAND_TYPES[gripper.interface]
    if not gripper.takes_goals:
        return judge_listeners(node, name, expected, 'gripper', simulated)
    served = served_types(node, name)
    if not served:
        remedy = 'start the simulated robot' if simulated else 'load and activate its controller'
        text = f'nobody serves this gripper action, expected {expected}'
        return warn(name, text, f'{remedy}{_others(node)}')
    if served != [expected]:
        got = ', '.join(sorted(served))
        text = f'got a gripper action of {got}, expected a single {expected}'
        remedy = 'end all but one server' if len(served) > 1 else _interface(served[0])
        return fail(name, text, remedy)
    return ok(name, f'gripper action of {expected}')


def joint_input(node: Any, spec: EmbodimentSpec) -> Iterator[Input]:
    """Yield the gripper's own topic of joint states, if it has one."""
    gripper = spec.gripper
    if gripper is None or gripper.joint_topic is None:
        return
    topic, age_s = node.resolve_topic_name(gripper.joint_topic), spec.state.max_age_s
    judge = partial(judge_joint, gripper, topic)
    # Samples farther apart are not interpolated.
    yield Input(topic, 'gripper.joint_topic', JointState, SENSOR_IN, judge, 1.0 / age_s, age_s)


def judge_joint(gripper: GripperSpec, subject: str, samples: Sequence[Sample]) -> list[Finding]:
    """
    Look for the gripper's joint in joint states; the actions of every step need it.

    :param subject: the topic, or the key where several topics may have it.
    """
    joint = gripper.joint or ''
    holders = [item.message for item in samples if joint in item.message.name]
    if not holders:
        heard = first_few(sorted({name for item in samples for name in item.message.name}))
        text = (
            f'got no position of {joint} (only of {heard or "no joints"}), expected it: without '
        )
        text += "the gripper's state no action is measured"
        remedy = 'start its driver, or correct gripper.joint and gripper.joint_topic'
        return [fail(subject, text, remedy)]
    for message in holders:
        place = list(message.name).index(joint)
        if len(message.position) != len(message.name) or not np.isfinite(message.position[place]):
            text = f'{joint}: got no finite position, expected one'
            return [fail(subject, text, 'activate the gripper: its driver does not measure yet')]
    return []


def _others(node: Any) -> str:
    """Name the gripper actions that are served."""
    known = set(ACTIONS.values())
    there = [name for name, types in served_actions(node).items() if known.intersection(types)]
    return f'; served now: {", ".join(there)}; set gripper.name' if there else ''


def _interface(kind: str) -> str:
    known = [interface for interface, action in ACTIONS.items() if action == kind]
    wanted = known[0] if known else f'one of {", ".join(ACTIONS)}, or correct gripper.name'
    return f'set gripper.interface: {wanted}'
