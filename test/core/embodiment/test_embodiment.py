# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Embodiment files: shipped ones load, a wrong one is refused with a text one can act on."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hma_ros.core.embodiment import (
    available_embodiments,
    embodiment_folder,
    embodiment_path,
    load_embodiment,
)
from hma_ros.core.errors import EmbodimentError

NAMES = available_embodiments()


def edited(tmp_path: Path, name: str, dotted: str, value: Any) -> Path:
    """Write a copy of a shipped file with one key changed (removed for ...)."""
    data = yaml.safe_load((embodiment_folder() / f'{name}.yaml').read_text())
    part = data
    *way, last = [int(key) if key.isdigit() else key for key in dotted.split('.')]
    for key in way:
        part = part[key]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    path = tmp_path / f'{name}.yaml'
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


def test_ships_the_robots_it_promises() -> None:
    assert NAMES == (
        'aloha',
        'franka',
        'franka_droid',
        'franka_jtc',
        'google_robot_rt1',
        'kinova_gen3',
        'sim_franka',
        'sim_planar',
        'sim_so101',
        'sim_ur5e',
        'so101',
        'ur5_pusht',
        'ur5e',
        'widowx_bridge',
        'xarm6_language_table',
        'xarm7',
        'xarm7_mvp',
    )


@pytest.mark.parametrize('name', NAMES)
def test_file_loads_and_is_coherent(name: str) -> None:
    spec = load_embodiment(name)
    assert spec.name == name
    assert spec.simulated == name.startswith('sim_')
    assert len(spec.action.coordinates) == len(spec.limits.lower)
    assert len(spec.home) == len(spec.state.joints)
    assert spec.sources
    assert spec.stops


@pytest.mark.parametrize('name', NAMES)
def test_home_lies_within_the_joint_limits(name: str) -> None:
    spec = load_embodiment(name)
    if spec.action.is_cartesian:
        return  # the limits are a workspace, not joint limits
    home = dict(zip(spec.state.joints, spec.home, strict=True))
    values = np.array([home[joint] for joint in spec.action.coordinates])
    assert (values >= spec.limits.lower).all()
    assert (values <= spec.limits.upper).all()


@pytest.mark.parametrize('name', NAMES)
def test_a_full_step_is_within_the_velocity_limit(name: str) -> None:
    spec = load_embodiment(name)
    if not spec.action.is_delta:
        return  # an absolute target says nothing about speed
    width = len(spec.action.coordinates)
    speed = np.array(spec.action.upper[:width]) * spec.rates.control_hz
    assert (speed <= np.array(spec.limits.velocity) + 1e-9).all()


@pytest.mark.parametrize(
    ('name', 'stem', 'control_hz', 'stride', 'frame_hz', 'width'),
    [
        ('sim_franka', 'franka_pick', 20, 2, 10, 4),
        ('sim_ur5e', 'ur5e_push', 10, 2, 5, 6),
        ('sim_so101', 'so101_reach', 20, 2, 10, 6),
        ('sim_planar', 'planar_push', 10, 1, 10, 2),
    ],
)
def test_simulated_robots_have_the_rates_of_their_stems(
    name: str, stem: str, control_hz: float, stride: int, frame_hz: float, width: int
) -> None:
    spec = load_embodiment(name)
    assert spec.stem == stem
    assert (spec.rates.control_hz, spec.rates.stride, spec.rates.frame_hz) == (
        control_hz,
        stride,
        frame_hz,
    )
    assert len(spec.action.names) == width


@pytest.mark.parametrize('robot', ['franka', 'ur5e', 'so101'])
def test_simulated_twin_differs_from_the_robot_in_no_model_fact(robot: str) -> None:
    real, twin = load_embodiment(robot), load_embodiment(f'sim_{robot}')
    assert real.stem == twin.stem
    assert real.action == twin.action
    assert (real.rates.frame_hz, real.rates.stride) == (twin.rates.frame_hz, twin.rates.stride)


def test_keys_that_are_left_out_have_stated_defaults() -> None:
    spec = load_embodiment('sim_ur5e')
    span = np.subtract(spec.limits.upper, spec.limits.lower)
    np.testing.assert_allclose(spec.limits.start_margin, 0.05 * span)
    assert spec.limits.continuous == (False,) * 6
    assert spec.limits.jerk is spec.limits.orientation is None
    assert not spec.stops[0].mandatory
    assert spec.stops[0].heartbeat_s is None


def test_keys_that_are_given_are_read(tmp_path: Path) -> None:
    changes = {'start_margin': [0.2] * 6, 'continuous': [True] * 6, 'jerk': [9] * 6}
    path = edited(tmp_path, 'sim_ur5e', 'stops.0.heartbeat_s', 0.5)
    data = yaml.safe_load(path.read_text())
    data['limits'].update(changes)
    data['stops'][0]['mandatory'] = True
    path.write_text(yaml.safe_dump(data))
    spec = load_embodiment(path)
    assert spec.limits.start_margin == (0.2,) * 6
    assert spec.limits.continuous == (True,) * 6
    assert spec.limits.jerk == (9.0,) * 6
    assert spec.stops[0].mandatory
    assert spec.stops[0].heartbeat_s == 0.5


@pytest.mark.parametrize('name', NAMES)
def test_tool_poses_and_only_they_have_limits_of_orientation(name: str) -> None:
    spec = load_embodiment(name)
    assert (spec.limits.orientation is not None) == spec.action.is_cartesian


def test_two_arms_with_the_same_driver_names_are_told_apart() -> None:
    sources = load_embodiment('aloha').state.sources
    assert sources[0].message_names == sources[1].message_names
    assert sources[0].joints[0] == 'left_waist'
    assert sources[1].joints[0] == 'right_waist'


def test_path_of_a_robot_and_of_its_twin() -> None:
    assert embodiment_path('ur5e', sim=False).name == 'ur5e.yaml'
    assert embodiment_path('ur5e', sim=True).name == 'sim_ur5e.yaml'
    assert embodiment_path('mine/arm.yaml', sim=False) == Path('mine/arm.yaml').absolute()


def test_unknown_robot_lists_those_there_are() -> None:
    with pytest.raises(EmbodimentError) as error:
        load_embodiment('ur5')
    assert str(error.value) == (
        "embodiment: got 'ur5', expected one of aloha, franka, franka_droid, franka_jtc, "
        'google_robot_rt1, kinova_gen3, sim_franka, sim_planar, sim_so101, sim_ur5e, so101, '
        'ur5_pusht, ur5e, widowx_bridge, xarm6_language_table, xarm7, xarm7_mvp, or the path of '
        'a YAML file'
    )


CASES = [
    (
        'sim_ur5e',
        'limits.velocity',
        [1, 1, 1, 1, 1],
        'limits.velocity: got 5, expected 6 numbers (one per joint)',
    ),
    (
        'sim_ur5e',
        'limits.lower',
        [9, -6, -3, -6, -6, -6],
        'limits.lower[0]: got 9.0, expected a number below upper[0] = 6.28',
    ),
    (
        'sim_ur5e',
        'limits.acceleration',
        [1, 1, 1, 1, 1, 0],
        'limits.acceleration: got 0.0, expected numbers of 1e-06 to 1e+09',
    ),
    (
        'sim_ur5e',
        'limits.velocity',
        [1, 1, float('nan'), 1, 1, 1],
        'limits.velocity: got nan, expected finite numbers within +-1e+09',
    ),
    (
        'sim_ur5e',
        'limits.workspace_policy',
        'refuse',
        'limits.workspace_policy: got an unknown key, expected one of the known keys '
        '(acceleration, continuous, following_error, jerk, lower, start_margin, upper, velocity); '
        'correct or delete it',
    ),
    (
        'sim_ur5e',
        'limits.force',
        3,
        'limits.force: got an unknown key, expected one of the known keys (acceleration, '
        'continuous, following_error, jerk, lower, start_margin, upper, velocity); correct or '
        'delete it',
    ),
    (
        'sim_ur5e',
        'limits.start_margin',
        [0.1] * 5 + [0],
        'limits.start_margin: got 0.0, expected numbers of 1e-06 to 1e+09',
    ),
    (
        'sim_ur5e',
        'limits.jerk',
        [1.0],
        'limits.jerk: got 1, expected 6 numbers (one per joint)',
    ),
    (
        'sim_ur5e',
        'limits.continuous',
        [1, 0, 0, 0, 0, 0],
        'limits.continuous: got 1, expected true or false for each',
    ),
    (
        'sim_ur5e',
        'limits.orientation',
        {},
        'limits.orientation: got an unknown key, expected one of the known keys (acceleration, '
        'continuous, following_error, jerk, lower, start_margin, upper, velocity); correct or '
        'delete it',
    ),
    (
        'sim_franka',
        'limits.orientation',
        ...,
        'limits.orientation: got nothing (the key is missing), expected a mapping',
    ),
    (
        'sim_franka',
        'limits.orientation.reference_xyzw',
        [1, 1, 0, 0],
        'limits.orientation.reference_xyzw: got norm 1.41421, expected a quaternion of norm 1',
    ),
    (
        'sim_franka',
        'limits.orientation.max_angle',
        2.98,
        'limits.orientation.max_angle: got 2.98, expected at most 2.95 rad with this start_margin',
    ),
    (
        'sim_ur5e',
        'stops.0.mandatory',
        'yes',
        "stops[0].mandatory: got 'yes', expected true or false",
    ),
    (
        'sim_ur5e',
        'stops.0.heartbeat_s',
        0,
        'stops[0].heartbeat_s: got 0, expected a number of 1e-06 to 1e+09',
    ),
    ('sim_ur5e', 'stem', ..., 'stem: got nothing (the key is missing), expected a text'),
    ('sim_ur5e', 'stem', 3, 'stem: got 3, expected a text'),
    ('sim_ur5e', 'simulated', 'yes', "simulated: got 'yes', expected true or false"),
    ('sim_ur5e', 'name', 'ur10', "name: got 'ur10', expected 'sim_ur5e', the name of the file"),
    (
        'sim_ur5e',
        'rates.control_hz',
        15,
        'rates.control_hz: got 15, expected frame_hz * stride = 10',
    ),
    (
        'sim_ur5e',
        'rates.command_hz',
        25,
        'rates.command_hz: got 25, expected an integer multiple of control_hz = 10',
    ),
    ('sim_ur5e', 'rates.stride', 1.5, 'rates.stride: got 1.5, expected an integer of 1 to 1000'),
    (
        'sim_ur5e',
        'action.units',
        ['deg'] * 6,
        "action.units: got 'deg', expected words of m, rad, unitless, open_closed",
    ),
    (
        'sim_planar',
        'action.units',
        ['unitless', 'rad'],
        "action.units: got ['unitless', 'rad'], expected m or rad for joint_x, joint_y",
    ),
    (
        'sim_ur5e',
        'camera.resize',
        [96, 64],
        'camera.resize: got [96, 64], expected a square of 16 to 1024 pixels',
    ),
    (
        'sim_ur5e',
        'camera.resize',
        [15, 15],
        'camera.resize: got [15, 15], expected a square of 16 to 1024 pixels',
    ),
    (
        'sim_ur5e',
        'camera.resize',
        [64.5, 64.5],
        'camera.resize: got [64.5, 64.5], expected a square of 16 to 1024 pixels',
    ),
    (
        'sim_ur5e',
        'camera.crop',
        {'top': 0, 'left': 0, 'height': 257, 'width': 256},
        'camera.crop.height: got 257, expected top + height <= 256, the height of the image',
    ),
    (
        'sim_ur5e',
        'camera.encodings',
        ['16UC1'],
        "camera.encodings: got '16UC1', expected words of rgb8, bgr8, rgba8, bgra8, mono8, uyvy, "
        'yuyv, yuv422, yuv422_yuy2',
    ),
    (
        'sim_ur5e',
        'commands.0.coordinates',
        ['elbow_joint'],
        'commands: got elbow_joint, expected every coordinate once (shoulder_pan_joint, '
        'shoulder_lift_joint, elbow_joint, wrist_1_joint, wrist_2_joint, wrist_3_joint)',
    ),
    (
        'sim_ur5e',
        'commands.0.interface',
        'servo',
        "commands[0].interface: got 'servo', expected one of cartesian_pose, joint_trajectory, "
        'forward_position, joint_target, interbotix_group, interbotix_single',
    ),
    ('sim_ur5e', 'home', [0, 0], 'home: got 2, expected 6 numbers (one per joint)'),
    (
        'sim_ur5e',
        'stops.0.type',
        'Bool',
        "stops[0].type: got 'Bool', expected a message type such as 'std_msgs/msg/Bool'",
    ),
    ('sim_ur5e', 'camera', [], 'camera: got [], expected a mapping'),
    (
        'sim_ur5e',
        'state.sources',
        [],
        'state.sources: got [], expected a list of at least 1 mappings',
    ),
    (
        'sim_franka',
        'state.pose',
        None,
        'state.pose: got nothing, expected a tool pose topic (ee_delta starts from it)',
    ),
    (
        'sim_franka',
        'gripper.threshold',
        0.95,
        'gripper.threshold: got 0.95 +- 0.1, expected threshold +- hysteresis between -1 and 1',
    ),
    (
        'franka',
        'gripper.joint',
        None,
        'gripper.joint: got none, expected a joint measured on franka_gripper/joint_states',
    ),
    (
        'sim_franka',
        'gripper.open_position',
        0.0,
        'gripper.open_position: got 0, expected a position other than closed_position',
    ),
    (
        'sim_franka',
        'action.coordinates',
        ['a', 'b', 'c'],
        "action.coordinates: got ['a', 'b', 'c'], expected ['x', 'y', 'z'] for ee_delta",
    ),
    (
        'sim_franka',
        'gripper',
        None,
        'action.names: got 4 names, expected 3: 3 of the position, no gripper',
    ),
    (
        'franka_droid',
        'action.rotation',
        'quaternion_xyzw',
        'action.names: got 7 names, expected 8: 3 of the position, 4 of action.rotation '
        'quaternion_xyzw, the gripper',
    ),
    (
        'sim_franka',
        'commands.0.orientation_xyzw',
        [1, 1, 0, 0],
        'commands[0].orientation_xyzw: got norm 1.41421, expected a quaternion of norm 1',
    ),
]


@pytest.mark.parametrize(('name', 'key', 'value', 'text'), CASES)
def test_mistake_is_refused_with_file_key_and_expectation(
    tmp_path: Path, name: str, key: str, value: Any, text: str
) -> None:
    path = edited(tmp_path, name, key, value)
    with pytest.raises(EmbodimentError) as error:
        load_embodiment(path)
    assert str(error.value) == f'{path}: {text}'


def test_key_written_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'robot.yaml'
    path.write_text('name: robot\nstem: a\nstem: b\n')
    with pytest.raises(EmbodimentError) as error:
        load_embodiment(path)
    assert str(error.value) == f'{path}: stem: got the key 2 times, expected it once'


@pytest.mark.parametrize('text', ['- a\n- b\n', '', 'a: [', 'a: !!python/object:os.system {}'])
def test_what_is_not_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / 'robot.yaml'
    path.write_text(text)
    with pytest.raises(EmbodimentError, match=r'robot.yaml: got .*, expected'):
        load_embodiment(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        EmbodimentError, match=r'nowhere.yaml: got .* expected a readable UTF-8 file'
    ):
        load_embodiment(tmp_path / 'nowhere.yaml')


def test_folder_of_an_installed_package_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hma_ros.core.embodiment import load

    installed = tmp_path / 'share' / 'hma_ros' / 'config' / 'embodiments'
    installed.mkdir(parents=True)
    monkeypatch.setattr(load, '__file__', str(tmp_path / 'a' / 'b' / 'c' / 'd' / 'load.py'))
    monkeypatch.setenv('AMENT_PREFIX_PATH', os.pathsep.join(['/nowhere', str(tmp_path)]))
    assert embodiment_folder() == installed


def test_a_file_of_that_name_in_the_working_directory_is_suggested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'krabbe.yaml').write_text('name: krabbe')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EmbodimentError, match='for the file of that name give krabbe.yaml$'):
        load_embodiment('krabbe')
    with pytest.raises(EmbodimentError, match='or the path of a YAML file$'):
        load_embodiment('hummer')
    with pytest.raises(EmbodimentError, match='or the path of a YAML file$'):
        load_embodiment('hum\0mer')
