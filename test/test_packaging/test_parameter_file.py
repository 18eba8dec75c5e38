# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A parameter file overrides our values, and is judged before anything starts."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hma_ros.bringup import describe, parse_request
from hma_ros.bringup.parameter_file import ParameterFile
from hma_ros.core.errors import ConfigError

NODES = ('world_model', 'action_executor')


def read(folder: Path, text: str, namespace: str = '') -> ParameterFile:
    path = folder / 'mine.yaml'
    path.write_text(text)
    return ParameterFile(path, namespace, NODES)


@pytest.mark.parametrize(
    ('namespace', 'key'),
    [
        ('', 'world_model'),
        ('', '/world_model'),
        ('', '/**'),
        ('', '/*'),
        ('/left', 'world_model'),
        ('/left', '/left/world_model'),
        ('/left', '/*/world_model'),
        ('/left', '/**/world_model'),
        ('/cell/left', '/**/world_model'),
    ],
)
def test_names_and_patterns_reach_their_node(tmp_path: Path, namespace: str, key: str) -> None:
    file = read(tmp_path, f'{key}:\n  ros__parameters:\n    horizon: 3\n', namespace)
    assert file.parameters('world_model') == {'horizon': 3}


def test_a_name_wins_over_a_pattern_wherever_it_stands(tmp_path: Path) -> None:
    text = """
world_model: {ros__parameters: {horizon: 3}}
/**: {ros__parameters: {horizon: 5, use_sim_time: true}}
"""
    file = read(tmp_path, text)
    assert file.parameters('world_model') == {'use_sim_time': True, 'horizon': 3}
    assert file.parameters('action_executor') == {'use_sim_time': True, 'horizon': 5}


def test_namespaces_and_parameters_may_be_nested(tmp_path: Path) -> None:
    text = """
left:
  world_model:
    ros__parameters:
      qos_overrides: {/camera.subscription: {depth: 2}}
"""
    file = read(tmp_path, text, '/left')
    assert file.parameters('world_model') == {'qos_overrides./camera.subscription.depth': 2}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'top level: got None, expected NODE: ros__parameters'),
        ('[1]', r'top level: got \[1\]'),
        ('{', r'mine\.yaml: got .*, expected YAML'),
        ('world_model: 3', 'world_model: got 3, expected NODE: ros__parameters'),
        ('world_model: {}', 'got no ros__parameters'),
        ('modell: {ros__parameters: {a: 1}}', "node 'modell', expected one of /world_model"),
        ('/left/world_model: {ros__parameters: {a: 1}}', "node '/left/world_model'"),
        ('world_model: {ros__parameters: {a: null}}', 'world_model: a: got None'),
        ('world_model: {ros__parameters: {a: [1, x]}}', r"a: got \[1, 'x'\]"),
        ('world_model: {ros__parameters: 3}', 'ros__parameters: got 3'),
        ('a: &a [*a]', r'got an alias \(\*\), expected none'),
        ('[' * 2000, 'expected YAML'),
    ],
)
def test_what_is_no_parameter_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith('params_file: ')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('path', ['/dev/zero', '/nowhere.yaml', '/'])
def test_what_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match='expected a YAML file'):
        ParameterFile(Path(path), '', NODES)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'any.yaml'
    path.write_bytes(content)
    with suppress(ConfigError):
        ParameterFile(path, '', NODES)


def test_nodes_of_different_modes_are_refused(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text('action_executor: {ros__parameters: {mode: execute}}\n')
    values = {'robot': 'franka', 'bundle': str(bundle), 'params_file': str(path)}
    with pytest.raises(ConfigError, match='mode: got world_model: shadow, action_executor: exec'):
        describe(parse_request(values))
    path.write_text('/**: {ros__parameters: {mode: execute}}\n')
    describe(parse_request(values))


def test_the_file_overrides_the_arguments(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text('world_model: {ros__parameters: {horizon: 3, max_failures: 7}}\n')
    values = {'robot': 'franka', 'bundle': str(bundle), 'params_file': str(path)}
    given = {
        item.node_name: dict(item.parameters) for item in describe(parse_request(values)).processes
    }
    assert given['world_model']['horizon'] == 3
    assert given['world_model']['max_failures'] == 7
    assert 'horizon' not in given['action_executor']


def test_a_node_that_does_not_run_may_be_named(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text('sim_robot: {ros__parameters: {camera_hz: 30.0}}\n')
    values = {'robot': 'franka', 'bundle': str(bundle), 'params_file': str(path)}
    assert describe(parse_request(values)).processes
