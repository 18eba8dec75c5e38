# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The bringup: arguments are read strictly, and every process gets what it needs."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.bringup import (
    ARGUMENTS,
    FASTDDS_VARIABLES,
    Bringup,
    Process,
    Request,
    absolute_namespace,
    bundle_folder,
    describe,
    describe_recording,
    loopback_environment,
    misspelled,
    parse_request,
    robots,
)
from hma_ros.cli.main import main
from hma_ros.core.embodiment import embodiment_path
from hma_ros.core.errors import BundleError, ConfigError, HmaError
from hma_ros.core.settings import PROVIDERS
from hma_ros.nodes.world_model_parameters import WorldModelParameters
from hma_ros.runtime import providers

ROOT = Path(__file__).parents[2]


def _describe(bundle: Path, **values: str) -> Bringup:
    return describe(parse_request({'robot': 'franka', 'bundle': str(bundle), **values}))


def _process(bringup: Bringup, name: str) -> Process:
    return next(process for process in bringup.processes if process.node_name == name)


def test_defaults_are_stated_once() -> None:
    assert parse_request({'robot': 'franka'}) == Request(robot='franka')
    assert all(item.setting.description for item in ARGUMENTS)


def test_providers_are_those_of_the_runtime() -> None:
    """The core imports no onnxruntime, so it has a list of its own."""
    assert ('auto', *providers.NAMES, providers.TORCH) == PROVIDERS


def test_a_real_robot_may_come_from_a_file_of_its_own(bundle: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / 'config/embodiments/franka.yaml', tmp_path / 'franka.yaml')
    bringup = _describe(bundle, robot=str(tmp_path / 'franka.yaml'))
    embodiment = dict(_process(bringup, 'world_model').parameters)['embodiment']
    assert embodiment == str(tmp_path / 'franka.yaml')


@pytest.mark.parametrize(('side', 'scale'), [(128, 2), (256, 1)])
def test_a_simulated_robot_may_come_from_a_copy_of_its_file(
    bundle: Path, tmp_path: Path, side: int, scale: int
) -> None:
    text = (ROOT / 'config/embodiments/sim_planar.yaml').read_text()
    path = tmp_path / 'sim_planar.yaml'
    path.write_text(text.replace('resize: [128, 128]', f'resize: [{side}, {side}]'))
    bringup = _describe(bundle, robot=str(path), sim='true')
    given = dict(_process(bringup, 'sim_robot').parameters)
    assert (given['embodiment'], given['task']) == (str(path), 'sim_planar')
    # No fewer pixels are rendered than the model sees.
    assert given['image_scale'] == scale


def test_a_bundle_is_found_by_name_in_models_of_the_package_or_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / 'models' / 'mine' / 'manifest.json'
    mine.parent.mkdir(parents=True)
    mine.touch()
    # One of the package cannot be replaced by a folder that happens to be here.
    other = tmp_path / 'models' / 'hma_sim' / 'manifest.json'
    other.parent.mkdir()
    other.touch()
    monkeypatch.chdir(tmp_path)
    assert bundle_folder('mine') == mine.parent
    assert bundle_folder('hma_sim') == ROOT / 'models' / 'hma_sim'
    with pytest.raises(BundleError) as refusal:
        bundle_folder('yours')
    assert "got 'yours'" in str(refusal.value)
    assert f'{ROOT / "models"} (hma_sim) or models (hma_sim, mine)' in str(refusal.value)


@pytest.mark.parametrize('name', ['franka', 'my_planar'])
def test_what_the_simulator_does_not_have_is_not_simulated(
    bundle: Path, tmp_path: Path, name: str
) -> None:
    source = 'franka' if name == 'franka' else 'sim_planar'
    text = (ROOT / f'config/embodiments/{source}.yaml').read_text()
    path = tmp_path / f'{name}.yaml'
    path.write_text(text.replace(f'name: {source}', f'name: {name}', 1))
    with pytest.raises(ConfigError, match=f'got name: {name} .*expected a copy of the file of'):
        _describe(bundle, robot=str(path), sim='true')


@pytest.mark.parametrize(
    ('robot', 'message'),
    [
        (
            str(ROOT / 'config/embodiments/sim_ur5e.yaml'),
            'got a simulated robot',
        ),
        ('nowhere.yaml', 'expected a readable UTF-8 file'),
        ('arm.yml', 'or a .yaml file with sim:=false'),
    ],
)
def test_files_of_no_real_robot_are_refused(bundle: Path, robot: str, message: str) -> None:
    with pytest.raises(HmaError, match=message):
        _describe(bundle, robot=robot, mode='execute')


@pytest.mark.parametrize(
    ('robot', 'sim', 'message'),
    [
        ('planar', 'false', "robot: got 'planar', which is simulated only: add sim:=true"),
        ('aloha', 'true', "robot: got 'aloha', which has no simulation: leave out sim:=true"),
    ],
)
def test_a_robot_of_the_other_kind_says_so(
    bundle: Path, robot: str, sim: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        _describe(bundle, robot=robot, sim=sim)


def test_defaults_command_nothing() -> None:
    request = parse_request({'robot': 'franka'})
    assert (request.mode, request.sim, request.allow_sim_bundle) == ('shadow', False, False)


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({}, 'robot: got nothing, expected one of .*franka'),
        ({'robot': 'franka', 'colour': 'red'}, "got 'colour', expected some of robot, sim, "),
        ({'robot': 'franka', 'simm': 'true'}, "arguments: got 'simm', expected sim$"),
        ({'robot': 'franka', 'horizn': '3'}, "arguments: got 'horizn', expected horizon$"),
        (
            {'robot': 'franka', 'clock_divisor': '3'},
            "got 'clock_divisor', a parameter of world_model, .* params_file:=FILE$",
        ),
        ({'robot': 'franka', 'sim': 'yes'}, "sim: got 'yes', expected true or false"),
        ({'robot': 'franka', 'mode': 'go'}, "mode: got 'go', expected one of shadow, execute"),
        ({'robot': 'franka', 'seed': '1.5'}, "seed: got '1.5', expected int of 0 to"),
    ],
)
def test_malformed_arguments_are_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_request(values)


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'robot': 'toaster'}, "robot: got 'toaster', expected one of .*franka.*sim:=false"),
        (
            {'robot': 'xarm7', 'sim': 'true'},
            "got 'xarm7', which has no simulation: .* take one of franka, planar",
        ),
        ({'horizon': '-1'}, 'horizon: got -1, expected int of 0 to 64'),
        ({'real_time_factor': '0'}, 'real_time_factor: got 0.0, expected float of 0.01 to 100'),
        ({'real_time_factor': 'nan'}, 'real_time_factor: got nan, expected'),
        ({'namespace': 'cell 1'}, "namespace: got 'cell 1', expected letters"),
        (
            {'params_file': 'nowhere.yaml'},
            "params_file: got 'nowhere.yaml', which does not exist; expected a YAML file",
        ),
    ],
)
def test_impossible_requests_are_refused(
    bundle: Path, values: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        _describe(bundle, **values)


def test_a_missing_bundle_names_those_there_are() -> None:
    with pytest.raises(BundleError, match=r"got 'nowhere', expected .*manifest\.json.*models"):
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
    assert (model['mode'], model['allow_sim_bundle']) == ('execute', True)
    assert dict(_process(bringup, 'action_executor').parameters)['mode'] == 'execute'


def test_only_what_the_robot_needs_ends_all(bundle: Path) -> None:
    bringup = _describe(bundle, sim='true', rviz='true', record='true')
    needed = {item.node_name for item in bringup.processes if item.ends_all}
    assert needed == {'sim_robot', 'world_model', 'action_executor'}


@pytest.mark.parametrize(
    ('text', 'absolute'),
    [
        ('', ''),
        ('/', ''),
        ('left', '/left'),
        ('/left', '/left'),
        ('left/', '/left'),
        ('/cell_1/left', '/cell_1/left'),
    ],
)
def test_a_namespace_has_one_form(bundle: Path, text: str, absolute: str) -> None:
    assert _describe(bundle, namespace=text).namespace == absolute


@given(st.text(st.characters(codec='utf-8'), max_size=12) | st.from_regex(r'[/a-z0-9_~]{0,12}'))
def test_namespaces_that_ros_refuses_are_refused(text: str) -> None:
    from rclpy.exceptions import InvalidNamespaceException
    from rclpy.validate_namespace import validate_namespace

    try:
        validate_namespace(f'/{text.strip("/")}')
    except InvalidNamespaceException:
        with pytest.raises(ConfigError, match='namespace: got'):
            absolute_namespace(text)


@pytest.mark.parametrize('namespace', ['', 'left'])
def test_rviz_shows_the_camera_of_the_robot(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    bringup = _describe(bundle, robot='aloha', rviz='true', namespace=namespace)
    option, path = _process(bringup, 'rviz').arguments
    config = yaml.safe_load(Path(path).read_text())['Visualization Manager']
    topics = {
        item['Name']: item['Topic']['Value'] for item in config['Displays'] if 'Topic' in item
    }
    assert option == '-d'
    prefix = f'/{namespace}' if namespace else ''
    assert topics['Camera'] == f'{prefix}/cam_high/camera/color/image_rect_raw'
    assert topics['Predicted path'] == f'{prefix}/rollout_viewer/path'
    assert config['Global Options']['Fixed Frame'] == 'base_link'


def test_rviz_needs_no_home_that_can_be_written(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    path = Path(_process(_describe(bundle, rviz='true'), 'rviz').arguments[1])
    assert path.is_file()
    assert path.is_relative_to(tmp_path)


def test_a_recording_is_named_by_robot_and_time(bundle: Path) -> None:
    bringup = _describe(bundle, sim='true', record='true', namespace='left')
    assert bringup.processes[0].node_name == 'bag_recorder'
    folder = Path(str(dict(bringup.processes[0].parameters)['folder']))
    assert re.fullmatch(r'left_sim_franka_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d', folder.name)
    assert folder.parent == Path.cwd() / 'bags'


def test_a_robot_that_would_move_unrecorded_is_refused(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = tmp_path / 'mine.yaml'
    parameters.write_text('bag_recorder: {ros__parameters: {folder: /proc/bags/one}}')
    with pytest.raises(ConfigError, match='record: /proc/bags: got a folder that cannot be'):
        _describe(bundle, record='true', params_file=str(parameters))
    with pytest.raises(ConfigError, match='record: /proc: got a folder that cannot be'):
        describe_recording(parse_request({'robot': 'ur5e'}), '/proc/bag')
    _describe(bundle, params_file=str(parameters))
    monkeypatch.chdir('/proc')
    with pytest.raises(ConfigError, match='record: /proc/bags: got a folder that cannot be'):
        _describe(bundle, record='true')


def test_a_recorder_needs_a_package_that_writes_bags(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ConfigError, match='record: got neither .*pip install rosbags'):
        _describe(bundle, record='true')


def test_a_recorder_alone_needs_no_bundle() -> None:
    request = parse_request({'robot': 'ur5e', 'namespace': 'left', 'use_sim_time': 'true'})
    bringup = describe_recording(request, 'bags/run_1', keys=True)
    [recorder] = bringup.processes
    assert bringup.namespace == '/left'
    assert dict(recorder.parameters) == {
        'embodiment': str(embodiment_path('ur5e', sim=False)),
        'folder': str(Path.cwd() / 'bags' / 'run_1'),
        'keys': True,
        'use_sim_time': True,
    }


def test_the_recorder_refuses_arguments_it_has_no_use_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(['record', 'robot:=ur5e', 'mode:=execute']) == 2
    assert "arguments: got 'mode', expected some of robot, sim" in capsys.readouterr().err


def test_log_level_and_autostart_reach_the_nodes(bundle: Path) -> None:
    bringup = _describe(bundle, log_level='warn', autostart='false')
    for process in bringup.processes:
        assert process.ros_arguments[:2] == ('--log-level', 'warn')
        assert dict(process.parameters)['autostart'] is False


def test_each_node_has_an_enclave_of_its_name(bundle: Path) -> None:
    for namespace, prefix in (('', ''), ('cell/left', '/cell/left')):
        for process in _describe(bundle, namespace=namespace).processes:
            assert process.ros_arguments == ('--enclave', f'{prefix}/{process.node_name}')


def test_debug_is_for_our_nodes_alone(bundle: Path) -> None:
    bringup = _describe(bundle, log_level='debug', namespace='cell/left')
    process = _process(bringup, 'world_model')
    assert process.ros_arguments[:2] == ('--log-level', 'cell.left.world_model:=debug')


def test_the_precision_of_the_tokenizer_reaches_the_runtime(bundle: Path) -> None:
    process = _process(_describe(bundle, tokenizer_precision='bf16'), 'world_model')
    assert dict(process.parameters)['tokenizer_precision'] == 'bf16'
    parameters = WorldModelParameters(tokenizer_precision='bf16')
    assert parameters.execution.tokenizer_precision == 'bf16'
    assert WorldModelParameters().execution.tokenizer_precision == 'fp32'


def test_approval_is_for_the_executor(bundle: Path) -> None:
    process = _process(_describe(bundle, require_approval='true'), 'action_executor')
    assert dict(process.parameters)['require_approval'] is True


def test_a_simulated_robot_stays_on_this_machine(bundle: Path) -> None:
    environment = _describe(bundle, sim='true').environment({})
    assert environment == loopback_environment({})
    assert Path(environment['FASTDDS_DEFAULT_PROFILES_FILE']).is_file()
    assert 'FASTRTPS_DEFAULT_PROFILES_FILE' in loopback_environment({'ROS_DISTRO': 'jazzy'})


def test_the_users_network_settings_are_kept(bundle: Path) -> None:
    assert _describe(bundle).environment({}) == {}
    mine = {FASTDDS_VARIABLES[0]: '/mine.xml'}
    assert _describe(bundle, sim='true').environment(mine) == {}
    assert _describe(bundle, sim='true', network='shared').environment({}) == {}
    assert FASTDDS_VARIABLES[0] in _describe(bundle, network='local').environment(mine)


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
        assert parameters['allow_sim_bundle'] is True


def test_misspelled_arguments_are_told_from_those_of_others() -> None:
    ours = [name for name, _ in ARGUMENTS]
    assert misspelled([*ours, 'ros_namespace', 'arm', 'use_gripper', 'robot_ip']) == {}
    assert misspelled(['require_aproval', 'paramsfile', 'arm']) == {
        'require_aproval': 'require_approval',
        'paramsfile': 'params_file',
    }
