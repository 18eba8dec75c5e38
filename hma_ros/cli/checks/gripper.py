# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Is there somebody who moves the gripper, and by the interface that the embodiment names?"""

from typing import Any

from hma_ros.cli.checks.finding import Finding, fail, ok, warn
from hma_ros.cli.checks.graph import judge_listeners
from hma_ros.core.embodiment import GripperSpec
from hma_ros.core.topics import COMMAND_TYPES
from hma_ros.ros.action_servers import served_actions, served_types

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


def _others(node: Any) -> str:
    """Name the gripper actions that are served."""
    known = set(ACTIONS.values())
    there = [name for name, types in served_actions(node).items() if known.intersection(types)]
    return f'; served now: {", ".join(there)}; set gripper.name' if there else ''


def _interface(kind: str) -> str:
    known = [interface for interface, action in ACTIONS.items() if action == kind]
    wanted = known[0] if known else f'one of {", ".join(ACTIONS)}, or correct gripper.name'
    return f'set gripper.interface: {wanted}'
