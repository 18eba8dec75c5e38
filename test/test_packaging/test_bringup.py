# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The bringup: arguments are read strictly, and every process gets what it needs."""

import re
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from hma_ros.bringup import (
    ARGUMENTS,
    FASTDDS_VARIABLES,
    PROVIDERS,
    Bringup,
    Process,
    Request,
    describe,
    loopback_environment,
    parse_request,
    robots,
)
from hma_ros.core.errors import BundleError, ConfigError, HmaError
from hma_ros.runtime import providers

ROOT = Path(__file__).parents[2]


def _describe(bundle: Path, **values: str) -> Bringup:
    return describe(parse_request({'robot': 'franka', 'bundle': str(bundle), **values}))


def _process(bringup: Bringup, name: str) -> Process:
    return next(process for process in bringup.processes if process.node_name == name)


def test_arguments_and_request_agree() -> None:
    assert [item.name for item in ARGUMENTS] == [item.name for item in fields(Request)]
    assert all(item.description for item in ARGUMENTS)


def test_providers_are_those_of_the_runtime() -> None:
    """The bringup imports no onnxruntime, so it has a list of its own."""
    assert PROVIDERS == providers.PROVIDERS


def test_a_real_robot_may_come_from_a_file_of_its_own(bundle: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / 'config/embodiments/franka.yaml', tmp_path / 'franka.yaml')
    bringup = _describe(bundle, robot=str(tmp_path / 'franka.yaml'))
    embodiment = dict(_process(bringup, 'world_model').parameters)['embodiment']
    assert embodiment == str(tmp_path / 'franka.yaml')


@pytest.mark.parametrize(
    ('robot', 'message'),
    [
        (str(ROOT / 'config/embodiments/sim_ur5e.yaml'), 'simulated, expected a real robot'),
        ('nowhere.yaml', 'expected a readable UTF-8 file'),
        ('arm.yml', 'or a .yaml file with sim:=false'),
    ],
)
def test_files_of_no_real_robot_are_refused(bundle: Path, robot: str, message: str) -> None:
    with pytest.raises(HmaError, match=message):
        _describe(bundle, robot=robot, mode='execute')


def test_defaults_command_nothing() -> None:
    request = parse_request({'robot': 'franka'})
    assert (request.mode, request.sim, request.allow_sim_bundle) == ('shadow', False, False)


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({}, 'robot: expected one of .*franka.*, got nothing'),
        ({'robot': 'franka', 'simm': 'true'}, "expected some of robot, .*, got 'simm'"),
        ({'robot': 'franka', 'sim': 'yes'}, "sim: expected true or false, got 'yes'"),
        ({'robot': 'franka', 'mode': 'go'}, "mode: expected one of shadow, execute, got 'go'"),
        ({'robot': 'franka', 'seed': '1.5'}, "seed: expected int, got '1.5'"),
    ],
)
def test_malformed_arguments_are_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_request(values)


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'robot': 'toaster'}, "robot: expected one of .*franka.*sim:=false, got 'toaster'"),
        ({'robot': 'xarm7', 'sim': 'true'}, 'robot: expected one of franka, planar.*sim:=true'),
        ({'horizon': '-1'}, 'expected at least 0 and 1, got -1 and 2'),
        ({'real_time_factor': '0'}, 'real_time_factor: expected above 0'),
        ({'real_time_factor': 'nan'}, 'real_time_factor: expected above 0'),
    ],
)
def test_impossible_requests_are_refused(
    bundle: Path, values: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        _describe(bundle, **values)


def test_a_missing_bundle_names_those_there_are() -> None:
    with pytest.raises(BundleError, match=r"manifest\.json.*models.*got 'nowhere'"):
        describe(parse_request({'robot': 'franka', 'bundle': 'nowhere'}))


@pytest.mark.parametrize('robot', robots(sim=True))
def test_every_simulated_robot_can_be_described(bundle: Path, robot: str) -> None:
    bringup = _describe(bundle, robot=robot, sim='true')
    assert dict(_process(bringup, 'sim_robot').parameters)['task'] == f'sim_{robot}'


@pytest.mark.parametrize('robot', robots(sim=False))
def test_every_real_robot_can_be_described(bundle: Path, robot: str) -> None:
    names = [process.node_name for process in _describe(bundle, robot=robot).processes]
    assert names == ['world_model', 'rollout_viewer', 'action_executor']


def test_the_executor_starts_last_and_the_simulated_robot_first(bundle: Path) -> None:
    names = [process.node_name for process in _describe(bundle, sim='true').processes]
    assert (names[0], names[-1]) == ('sim_robot', 'action_executor')


def test_everybody_but_the_simulated_robot_follows_its_clock(bundle: Path) -> None:
    bringup = _describe(bundle, sim='true', rviz='true')
    followers = {
        process.node_name: dict(process.parameters)['use_sim_time']
        for process in bringup.processes
    }
    assert followers.pop('sim_robot') is False
    assert set(followers.values()) == {True}


def test_mode_reaches_executor_and_world_model(bundle: Path) -> None:
    bringup = _describe(bundle, mode='execute', allow_sim_bundle='true')
    model = dict(_process(bringup, 'world_model').parameters)
    assert (model['mode'], model['allow_simulation_bundle']) == ('execute', True)
    assert dict(_process(bringup, 'action_executor').parameters)['mode'] == 'execute'


def test_rviz_gets_an_existing_configuration_and_the_frame_of_the_robot(bundle: Path) -> None:
    arguments = _process(_describe(bundle, rviz='true', sim='true'), 'rviz').arguments
    assert Path(arguments[1]).is_file()
    assert arguments[2:] == ('-f', 'base')


def test_a_simulated_robot_stays_on_this_machine(bundle: Path) -> None:
    environment = _describe(bundle, sim='true').environment({})
    assert environment == loopback_environment({})
    assert Path(environment['FASTDDS_DEFAULT_PROFILES_FILE']).is_file()
    assert 'FASTRTPS_DEFAULT_PROFILES_FILE' in loopback_environment({'ROS_DISTRO': 'jazzy'})


def test_the_users_network_settings_are_kept(bundle: Path) -> None:
    assert _describe(bundle).environment({}) == {}
    assert _describe(bundle, sim='true').environment({FASTDDS_VARIABLES[0]: '/mine.xml'}) == {}


def test_nodes_declare_what_they_are_given(bundle: Path) -> None:
    shared = ''.join(path.read_text() for path in (ROOT / 'hma_ros/ros').glob('*.py'))
    bringup = _describe(bundle, sim='true')
    unknown = []
    for process in bringup.processes:
        # The parameters of a large node have a module of their own.
        parts = (ROOT / 'hma_ros/nodes').glob(f'{process.node_name}_*.py')
        source = shared + ''.join(path.read_text() for path in parts)
        given = [name for name, _ in process.parameters if name != 'use_sim_time']
        unknown += [
            (process.node_name, name) for name in given if not re.search(rf'\b{name}\b', source)
        ]
    assert unknown == []


def test_model_and_executor_judge_the_same_bundle(bundle: Path) -> None:
    bringup = _describe(bundle, robot='ur5e', mode='execute', allow_sim_bundle='true')
    for name in ('world_model', 'action_executor'):
        parameters = dict(_process(bringup, name).parameters)
        assert parameters['bundle'] == str(bundle)
        assert parameters['allow_simulation_bundle'] is True
