# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The table behind the SROS 2 policy is what the running nodes really open."""

import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from rclpy.action import get_action_client_names_and_types_by_node

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.security.interfaces import OPERATOR, Interfaces, interfaces, operator
from hma_ros.core.topics import resolve

pytestmark = pytest.mark.ros
# Published where tf2_msgs is installed, which is not among the wheels.
OPTIONAL = {'/tf', '/tf_static'}


def found(node: Any, name: str, namespace: str) -> Interfaces:
    """Return what the ROS graph says of a node."""

    def names(query: Callable[..., Any]) -> tuple[str, ...]:
        return tuple(sorted(item for item, _ in query(name, namespace)))

    actions = get_action_client_names_and_types_by_node(node, name, namespace)
    sends = tuple(sorted(item for item, _ in actions))

    def of_goals(topic: str) -> bool:
        return any(topic.startswith(f'{action}/_action/') for action in sends)

    return Interfaces(
        publishes=names(node.get_publisher_names_and_types_by_node),
        subscribes=tuple(
            item
            for item in names(node.get_subscriber_names_and_types_by_node)
            if not of_goals(item)
        ),
        serves=names(node.get_service_names_and_types_by_node),
        requests=tuple(
            item for item in names(node.get_client_names_and_types_by_node) if not of_goals(item)
        ),
        sends=sends,
    )


def absolute(opened: Interfaces, namespace: str, node: str) -> Interfaces:
    """Resolve the names of a table's entry."""
    return Interfaces(
        **{
            field.name: tuple(
                sorted(
                    name
                    for name in (
                        resolve(item, namespace, node) for item in getattr(opened, field.name)
                    )
                    if name not in OPTIONAL
                )
            )
            for field in fields(opened)
        }
    )


def wait_for(system: Any, nodes: dict[str, Interfaces]) -> None:
    """Wait until the graph is what the table says; what differs is in the text of the failure."""
    seen: dict[str, Interfaces] = {}

    def agrees() -> bool:
        for name in nodes:
            present = found(system.node, name, '/') if _is_there(system.node, name) else None
            seen[name] = present or Interfaces()
        return all(
            absolute(opened, '/', name) == absolute(seen[name], '/', name)
            for name, opened in nodes.items()
        )

    try:
        system.until(agrees, 'the graph of the table', 30.0)
    except AssertionError:
        for name, opened in nodes.items():
            assert absolute(seen[name], '/', name) == absolute(opened, '/', name), name
        raise


def _is_there(node: Any, name: str) -> bool:
    return name in node.get_node_names()


@pytest.mark.parametrize('robot', ['sim_franka', 'sim_ur5e'])
def test_the_nodes_of_a_simulated_robot_open_just_what_the_policy_allows(
    system: Any, tiny_bundle: Path, robot: str
) -> None:
    shared = {'embodiment': robot, 'autostart': True, 'use_sim_time': True}
    system.spawn('sim_robot', embodiment=robot)
    system.spawn('world_model', bundle=str(tiny_bundle), mode='execute', **shared)
    system.spawn('rollout_viewer', **shared)
    system.spawn('action_executor', bundle=str(tiny_bundle), mode='execute', **shared)
    nodes = interfaces(load_embodiment(robot), 'execute')
    wait_for(system, {name: nodes[name] for name in nodes if name != 'bag_recorder'})


@pytest.mark.parametrize('robot', ['so101', 'xarm7', 'ur5e', 'kinova_gen3', 'franka', 'aloha'])
def test_the_executor_of_a_real_robot_in_shadow_mode(system: Any, robot: str) -> None:
    spec = load_embodiment(robot)
    if any(_is_missing(stop.type) for stop in spec.stops):
        pytest.skip('message packages of the stop topics are not installed')
    system.spawn('action_executor', embodiment=robot, autostart=True, use_sim_time=True)
    opened = interfaces(spec, 'shadow')['action_executor']
    wait_for(system, {'action_executor': opened})


def test_a_stop_from_the_command_line_opens_no_more_than_an_operator_may(system: Any) -> None:
    """Under SROS 2 the stop would fail with whatever the policy does not allow."""
    command = [sys.executable, '-m', 'hma_ros.cli.main', 'call', 'robot:=ur5e', 'stop']
    child = system.execute('call', [*command, '--timeout', '600'])
    opened = Interfaces()

    def is_there() -> bool:
        nonlocal opened
        for name in set(system.node.get_node_names()) - {system.node.get_name()}:
            opened = found(system.node, name, '/')
        return '/action_executor/stop' in opened.requests

    system.until(is_there, 'the client of stop')
    child.kill()
    allowed = absolute(operator(load_embodiment('ur5e')), '/', OPERATOR)
    for field in fields(opened):
        assert set(getattr(opened, field.name)) <= set(getattr(allowed, field.name)), field.name


def _is_missing(type_name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(type_name.partition('/')[0]) is None
