# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A bundle serves only a robot that means the same by its numbers; all commands say so alike."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hma_ros.bringup import parse_request
from hma_ros.cli.checks.embodiment import check_file
from hma_ros.cli.checks.finding import Finding, Level
from hma_ros.cli.checks.machine import check_setup
from hma_ros.core.embodiment import embodiment_folder, load_embodiment
from hma_ros.core.embodiment.action_meaning import meaning_of
from hma_ros.core.embodiment.stem_facts import StemFacts, stem_entry
from hma_ros.core.embodiment.stem_spec import read_stem
from hma_ros.core.errors import BundleError, ConfigError
from hma_ros.export.robot import robot_of
from hma_ros.nodes.execution_gate import check_may_execute
from hma_ros.runtime.fit import check_fit, serving_stem
from hma_ros.runtime.manifest import Manifest
from hma_ros.runtime.manifest_file import read_facts, write_facts

SHIPPED = embodiment_folder().parents[1] / 'models' / 'hma_sim'
MakeBundle = Callable[..., Path]
MakeFile = Callable[..., str]


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Return a function that writes the manifest of a bundle that was made for a robot."""

    def make(robot: str, **changes: Any) -> Path:
        spec = load_embodiment(robot)
        served = replace(robot_of(spec, is_released=True), **changes)
        ones = (1.0,) * served.width
        stem = StemFacts(spec.stem, served.stride, ones, ones, served)
        facts = read_facts(SHIPPED)
        facts['stems'] = {spec.stem: stem_entry(stem)}
        facts['frames']['image_size'] = spec.camera.resize[0]
        folder = tmp_path / 'bundle'
        folder.mkdir()
        write_facts(folder, facts)
        return folder

    return make


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    """Return a function that writes a changed copy of a shipped file."""

    def make(robot: str, changes: dict[str, Any]) -> str:
        data = yaml.safe_load((embodiment_folder() / f'{robot}.yaml').read_text())
        for dotted, value in changes.items():
            *parents, last = dotted.split('.')
            place = data
            for part in parents:
                place = place[part]
            place[last] = value
        path = tmp_path / f'{robot}.yaml'
        path.write_text(yaml.safe_dump(data))
        return str(path)

    return make


MISFITS = [
    ('franka_droid', {'action.rotation': 'euler_szyx'}, "'euler_szyx'", "'euler_sxyz'"),
    ('widowx_bridge', {'action.delta_frame': 'tool'}, "'tool'", "'base'"),
    ('franka_droid', {'gripper.model_open': 1.0, 'gripper.model_closed': 0.0}, '1.0', '0.0'),
    (
        'franka_droid',
        {'rates.frame_hz': 2, 'rates.control_hz': 14, 'rates.command_hz': 112},
        '2.0',
        '2.142857142857143',
    ),
    (
        'franka_droid',
        {'action.names': ['x', 'y', 'z', 'yaw', 'pitch', 'roll', 'gripper']},
        "['x', 'y', 'z', 'yaw', 'pitch', 'roll', 'gripper']",
        "['x', 'y', 'z', 'roll', 'pitch', 'yaw', 'gripper']",
    ),
    ('google_robot_rt1', {'action.layout': None}, '[]', '[0.0, 0.0'),
    (
        'xarm7_mvp',
        {'action.coordinates': [f'joint{i}' for i in (2, 1, 3, 4, 5, 6, 7)]},
        "['joint2', 'joint1', 'joint3'",
        "['joint1', 'joint2', 'joint3'",
    ),
    (
        'franka_droid',
        {'rates.stride': 14, 'rates.control_hz': 30, 'rates.command_hz': 120},
        '14',
        '7',
    ),
    ('franka_droid', {'camera.resize': [128, 128]}, '[128, 128]', '[256, 256]'),
]


@pytest.mark.parametrize(('robot', 'changes', 'got', 'expected'), MISFITS)
def test_a_robot_that_differs_is_refused_by_node_check_and_doctor(
    make_bundle: MakeBundle,
    make_file: MakeFile,
    robot: str,
    changes: dict[str, Any],
    got: str,
    expected: str,
) -> None:
    bundle, file = make_bundle(robot), make_file(robot, changes)
    key = next(iter(changes))
    with pytest.raises(BundleError) as refusal:
        check_fit(load_embodiment(file), Manifest.read(bundle))
    text = str(refusal.value)
    assert text.startswith(f'{file}: {key}: got {got}')
    assert f', expected {expected}' in text
    said = failures(check_file(file, str(bundle)))
    assert f'{file}: {said[0].text}; {said[0].remedy}' == text


@pytest.mark.parametrize(('robot', 'changes', 'got', 'expected'), MISFITS[:2])
def test_the_doctor_makes_the_same_comparison(
    make_bundle: MakeBundle,
    make_file: MakeFile,
    monkeypatch: pytest.MonkeyPatch,
    robot: str,
    changes: dict[str, Any],
    got: str,
    expected: str,
) -> None:
    monkeypatch.setattr(Manifest, 'verify', lambda _: None)
    bundle, file = make_bundle(robot), make_file(robot, changes)
    findings, _ = check_setup(parse_request({'robot': file, 'bundle': str(bundle)}))
    (found,) = [item for item in failures(findings) if item.subject == 'bundle']
    assert found == failures(check_file(file, str(bundle)))[0]


@pytest.mark.parametrize('robot', ['franka_droid', 'widowx_bridge', 'xarm7_mvp', 'ur5_pusht'])
def test_the_robot_that_a_bundle_was_made_for_fits(make_bundle: MakeBundle, robot: str) -> None:
    check_fit(load_embodiment(robot), Manifest.read(make_bundle(robot)))


def test_of_two_stems_of_a_robot_that_of_its_file_serves_else_the_first_that_fits(
    make_bundle: MakeBundle,
) -> None:
    spec = load_embodiment('sim_planar')
    bundle = make_bundle('sim_planar')
    facts = read_facts(bundle)
    entry = facts['stems'][spec.stem]
    other = {**entry, 'robot': {**entry['robot'], 'frame_hz': 5.0}}
    for stems, expected in (
        ({'mine': entry, spec.stem: entry, 'yours': entry}, spec.stem),
        ({'mine': entry, 'yours': entry}, 'mine'),
        ({'mine': other, 'yours': entry}, 'yours'),
    ):
        write_facts(bundle, {**facts, 'stems': stems})
        assert serving_stem(spec, Manifest.read(bundle)) == expected


def test_a_bundle_whose_stem_means_something_else_does_not_serve(
    make_bundle: MakeBundle, make_file: MakeFile
) -> None:
    manifest = Manifest.read(make_bundle('franka_droid'))
    spec = load_embodiment(make_file('franka_droid', {'action.rotation': 'euler_szyx'}))
    with pytest.raises(BundleError, match="action.rotation: got 'euler_szyx', expected 'euler_s"):
        serving_stem(spec, manifest)
    with pytest.raises(BundleError, match='expected a stem for sim_planar; fine-tune a model'):
        serving_stem(load_embodiment('sim_planar'), manifest)


def test_joints_may_have_other_names(make_bundle: MakeBundle) -> None:
    spec = load_embodiment('xarm7_mvp')
    names = tuple(f'left_{name}' for name in spec.action.coordinates)
    renamed = replace(spec, action=replace(spec.action, coordinates=names))
    check_fit(renamed, Manifest.read(make_bundle('xarm7_mvp')))


def test_an_older_bundle_predicts_on_with_a_warning_and_commands_no_real_robot(
    make_bundle: MakeBundle,
) -> None:
    bundle = make_bundle('widowx_bridge', meaning=None)
    facts = read_facts(bundle)
    for stem in facts['stems'].values():
        del stem['robot']['meaning']
    write_facts(bundle, facts)
    spec = load_embodiment('widowx_bridge')
    check_fit(spec, Manifest.read(bundle))
    verified = replace(spec, action=replace(spec.action, is_verified=True))
    check_may_execute(verified, 'shadow', str(bundle), allow=False)
    expected = r'action\.semantics, .*: not compared, .*; train it again with a file that has'
    with pytest.raises(ConfigError, match=expected):
        check_may_execute(verified, 'execute', str(bundle), allow=False)
    (found,) = [
        item for item in check_file('widowx_bridge', str(bundle)) if 'bundle' in item.subject
    ]
    assert found.level is Level.WARN
    assert 'action.rotation, action.delta_frame: not compared' in found.text


@pytest.mark.parametrize('robot', ['sim_franka', 'franka', 'sim_ur5e', 'ur5e', 'so101'])
def test_the_shipped_bundle_serves_its_robots_without_a_word(robot: str) -> None:
    manifest = Manifest.read(SHIPPED)
    check_fit(spec := load_embodiment(robot), manifest)
    assert manifest.robot(spec.stem).unsaid(spec) == ''


def test_the_shipped_bundle_refuses_a_gripper_that_opens_by_the_other_number() -> None:
    spec = load_embodiment('sim_franka')
    assert spec.gripper is not None
    swapped = replace(
        spec.gripper, model_open=spec.gripper.model_closed, model_closed=spec.gripper.model_open
    )
    with pytest.raises(BundleError, match=r'gripper\.model_open: got -1\.0, expected 1\.0'):
        check_fit(replace(spec, gripper=swapped), Manifest.read(SHIPPED))


def test_a_simulated_robot_means_what_the_real_one_means() -> None:
    for name in ('franka', 'ur5e', 'so101'):
        real, simulated = (meaning_of(load_embodiment(one)) for one in (name, f'sim_{name}'))
        assert list(real.differences(simulated)) == []


def test_what_a_bundle_says_of_a_robot_survives_its_file() -> None:
    robot = robot_of(load_embodiment('franka_droid'))
    assert read_stem(json.loads(json.dumps(asdict(robot)))) == robot


@pytest.mark.parametrize(
    'change',
    [
        {'semantics': 'ee_jump'},
        {'rotation': 'euler'},
        {'delta_frame': 'world'},
        {'units': ['m']},
        {'units': ['mm'] * 7},
        {'coordinates': [1, 2, 3]},
        {'model_open': float('nan')},
    ],
)
def test_a_meaning_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    facts = asdict(robot_of(load_embodiment('franka_droid')))
    with pytest.raises(ValueError, match=f'{next(iter(change))} .*, expected'):
        read_stem({**facts, 'meaning': {**facts['meaning'], **change}})


def failures(findings: list[Finding]) -> list[Finding]:
    return [item for item in findings if item.level is Level.FAIL]
