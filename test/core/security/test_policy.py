# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policy lets the executor alone command, and nobody anything that is not named."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from hma_ros.cli.security import write_policy
from hma_ros.core.embodiment import EmbodimentSpec, available_embodiments, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.security.interfaces import OPERATOR, interfaces
from hma_ros.core.security.policy import policy
from hma_ros.core.topics import resolve

ROBOTS = {name: load_embodiment(name) for name in available_embodiments()}


def parsed(spec: EmbodimentSpec, namespace: str, mode: str) -> ElementTree.Element:
    return ElementTree.fromstring(policy(spec, namespace, mode))  # noqa: S314


def allowed(
    spec: EmbodimentSpec, permission: str, namespace: str = '', mode: str = 'execute'
) -> dict[str, set[str]]:
    """Return the names that each enclave has a permission for."""
    root = parsed(spec, namespace, mode)
    return {
        enclave.attrib['path']: {
            item.text or ''
            for rule in enclave.iter()
            if rule.get(permission) == 'ALLOW'
            for item in rule
        }
        for enclave in root.iter('enclave')
    }


@pytest.mark.parametrize('name', ROBOTS)
def test_only_the_executor_commands(name: str) -> None:
    spec = ROBOTS[name]
    commands = {resolve(command.topic, '/', '') for command in spec.commands}
    publishers = {node for node, topics in allowed(spec, 'publish').items() if topics & commands}
    assert publishers == {'/action_executor'}
    assert not any(topics & commands for topics in allowed(spec, 'publish', '', 'shadow').values())


@pytest.mark.parametrize('name', ROBOTS)
def test_only_the_executor_moves_the_gripper(name: str) -> None:
    spec = ROBOTS[name]
    if spec.gripper is None:
        pytest.skip('no gripper')
    gripper = resolve(spec.gripper.name, '/', '')
    permission = 'publish' if spec.gripper.interface == 'forward_position' else 'call'
    for mode, expected in (('execute', {'/action_executor'}), ('shadow', set[str]())):
        nodes = allowed(spec, permission, '', mode)
        assert {node for node, names in nodes.items() if gripper in names} == expected


@pytest.mark.parametrize('name', ROBOTS)
def test_nobody_but_a_simulated_robot_publishes_what_the_robot_reports(name: str) -> None:
    spec = ROBOTS[name]
    reports = {spec.camera.topic, *(source.topic for source in spec.state.sources)}
    reports |= {stop.topic for stop in spec.stops}
    names = {resolve(topic, '/', '') for topic in reports}
    publishers = {node for node, topics in allowed(spec, 'publish').items() if topics & names}
    assert publishers == ({'/sim_robot'} if spec.simulated else set())


def test_only_the_model_proposes_and_only_an_operator_resumes() -> None:
    spec = ROBOTS['franka']
    chunks = '/left/world_model/action_chunk'
    publishers = allowed(spec, 'publish', 'left')
    assert {node for node, names in publishers.items() if chunks in names} == {'/left/world_model'}
    callers = allowed(spec, 'request', 'left')
    resume = '/left/action_executor/resume'
    assert {node for node, names in callers.items() if resume in names} == {f'/left/{OPERATOR}'}


@pytest.mark.parametrize('namespace', ['', '/', 'left', '/left/', '/cell/left'])
def test_every_name_and_enclave_is_absolute(namespace: str) -> None:
    parent = '/' + namespace.strip('/')
    root = parsed(ROBOTS['sim_franka'], namespace, 'execute')
    assert root.attrib == {'version': '0.2.0'}
    profiles = list(root.iter('profile'))
    assert {profile.get('ns') for profile in profiles} == {parent}
    assert len(profiles) == len(interfaces(ROBOTS['sim_franka'], 'execute')) + 1
    names = [item.text or '' for rule in root.iter() for item in rule if not len(item)]
    names += [enclave.attrib['path'] for enclave in root.iter('enclave')]
    assert all(name.startswith('/') and '//' not in name and '~' not in name for name in names)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [('/a/b', '/a/b'), ('a', '/left/a'), ('~/a', '/left/node/a')],
)
def test_names_resolve_as_in_ros(name: str, expected: str) -> None:
    assert resolve(name, '/left', 'node') == expected
    assert resolve(name, '/', 'node') == expected.replace('/left', '')


@pytest.mark.parametrize('name', ROBOTS)
def test_the_recorder_may_hear_all_that_it_records(name: str) -> None:
    topics = pytest.importorskip('hma_ros.core.topics').topics(ROBOTS[name])
    heard = allowed(ROBOTS[name], 'subscribe')['/bag_recorder']
    tf = set() if ROBOTS[name].simulated else {'/robot_description', '/tf', '/tf_static'}
    assert {resolve(topic.name, '/', '') for topic in topics} - tf <= heard


def test_a_policy_that_was_edited_is_not_overwritten(tmp_path: Path) -> None:
    path = write_policy({'robot': 'franka'}, tmp_path)
    assert write_policy({'robot': 'franka'}, tmp_path) == path
    path.write_text('<policy/>')
    with pytest.raises(ConfigError, match='got a policy that differs from the one to write'):
        write_policy({'robot': 'franka'}, tmp_path)
    assert path.read_text() == '<policy/>'
