# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Is there somebody who moves the gripper, and by the interface that the embodiment names?"""

from typing import Any

from hma_ros.cli.checks.graph import judge_listeners
from hma_ros.cli.checks.packages import GRIPPER_TYPES
from hma_ros.cli.finding import Finding, fail, ok, warn
from hma_ros.core.embodiment import GripperSpec

ACTIONS = {name: kind for name, kind in GRIPPER_TYPES.items() if '/action/' in kind}
_GOAL = '/_action/send_goal'


def judge_gripper(node: Any, gripper: GripperSpec, simulated: bool) -> Finding:
    """Look for the action server or the listener of a gripper, and compare its type."""
    name = node.resolve_topic_name(gripper.name)
    expected = GRIPPER_TYPES[gripper.interface]
    if gripper.interface not in ACTIONS:
        return judge_listeners(node, name, expected, 'gripper', simulated)
    servers = _servers(node)
    if name not in servers:
        remedy = 'start the simulated robot' if simulated else 'load and activate its controller'
        text = f'nobody serves this gripper action, expected {expected}'
        return warn(name, text, f'{remedy}{_others(servers)}')
    if servers[name] != expected:
        text = f'got a gripper action of {servers[name]}, expected {expected}'
        return fail(name, text, f'set gripper.interface: {_interface(servers[name])}')
    return ok(name, f'gripper action of {expected}')


def _servers(node: Any) -> dict[str, str]:
    """Return the type of each action server by its name."""
    services = node.get_service_names_and_types()
    return {
        name.removesuffix(_GOAL): types[0].removesuffix('_SendGoal')
        for name, types in services
        if name.endswith(_GOAL)
    }


def _others(servers: dict[str, str]) -> str:
    """Name the gripper actions that are served."""
    there = sorted(name for name, kind in servers.items() if kind in ACTIONS.values())
    return f'; served now: {", ".join(there)}; set gripper.name' if there else ''


def _interface(kind: str) -> str:
    known = [interface for interface, action in ACTIONS.items() if action == kind]
    return known[0] if known else f'one of {", ".join(ACTIONS)}, or correct gripper.name'
