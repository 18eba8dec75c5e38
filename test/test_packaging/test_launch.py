# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The launch file starts what the bringup describes; it is also run where launch is installed."""

import ast
import importlib.util
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from hma_ros.bringup import ARGUMENTS, Process, describe, parse_request

ROOT = Path(__file__).parents[2]
LAUNCH_FILE = ROOT / 'launch' / 'predict.launch.py'
ABSENT = [name for name in ('launch', 'launch_ros') if importlib.util.find_spec(name) is None]
needs_launch = pytest.mark.skipif(bool(ABSENT), reason=f'not installed: {", ".join(ABSENT)}')


def test_the_launch_file_states_no_facts_of_its_own() -> None:
    tree = ast.parse(LAUNCH_FILE.read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == 'hma_ros.bringup'
        for alias in node.names
    }
    assert {'ARGUMENTS', 'describe', 'parse_request'} <= imported
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    # One place makes nodes and one declares arguments, both from the description.
    assert (calls.count('Node'), calls.count('DeclareLaunchArgument')) == (1, 1)
    assert _keywords(tree, 'Node') >= {'package', 'executable', 'name', 'namespace', 'parameters'}
    assert _keywords(tree, 'Node') >= {'remappings', 'arguments', 'ros_arguments', 'on_exit'}


def test_the_launch_file_leaves_the_environment_of_others_alone() -> None:
    text = LAUNCH_FILE.read_text()
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert not names & {'SetEnvironmentVariable', 'AppendEnvironmentVariable', 'os'}
    assert 'additional_env' in _keywords(ast.parse(text), 'Node')


def test_the_nodes_of_the_launch_file_end_with_launch() -> None:
    tree = ast.parse(LAUNCH_FILE.read_text())
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert calls.count('parent_environment') == 1


@needs_launch
def test_launch_declares_the_arguments_of_the_bringup() -> None:
    from launch.actions import DeclareLaunchArgument

    description = runpy.run_path(str(LAUNCH_FILE))['generate_launch_description']()
    declared = [item for item in description.entities if isinstance(item, DeclareLaunchArgument)]
    assert [item.name for item in declared] == [item.name for item in ARGUMENTS]
    # launch adds the choices.
    for item, argument in zip(declared, ARGUMENTS, strict=True):
        assert item.description.startswith(argument.setting.description)


@needs_launch
def test_launch_makes_the_nodes_of_the_bringup(bundle: Path) -> None:
    from launch import LaunchContext
    from launch_ros.actions import Node

    values = {'robot': 'franka', 'sim': 'true', 'bundle': str(bundle)}
    context = LaunchContext()
    functions = runpy.run_path(str(LAUNCH_FILE))
    context.launch_configurations.update(values)
    for entity in functions['generate_launch_description']().entities[:-1]:
        entity.visit(context)
    nodes = [item for item in functions['_start'](context) if isinstance(item, Node)]
    wanted = describe(parse_request(values)).processes
    assert [item.node_executable for item in nodes] == [item.executable for item in wanted]


@needs_launch
@pytest.mark.parametrize(
    ('ends_all', 'actions'),
    [(False, ['LogInfo']), (True, ['LogInfo', 'EmitEvent', 'TimerAction'])],
)
def test_launch_outlives_the_viewer_but_not_the_model(ends_all: bool, actions: list[str]) -> None:
    from launch import LaunchContext
    from launch.events.process import SignalProcess

    process = Process('hma_ros', 'x_node', 'x', 'test', ends_all=ends_all)
    executor = SimpleNamespace(process_details={'pid': 1})
    event = SimpleNamespace(returncode=1)
    end = runpy.run_path(str(LAUNCH_FILE))['_end']
    made = end(process, executor, event, LaunchContext())
    assert [type(item).__name__ for item in made] == actions
    for item in made[1:2]:
        assert isinstance(item.event, SignalProcess)
        assert item.event.process_matcher(executor)
        assert not item.event.process_matcher(SimpleNamespace(process_details={'pid': 2}))


def _keywords(tree: ast.AST, name: str) -> set[str]:
    return {
        str(keyword.arg)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name
        for keyword in node.keywords
    }
