# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""hma check names the key of an embodiment file that cannot be meant so."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hma_ros.bringup import robots
from hma_ros.cli.checks import ranges
from hma_ros.cli.checks.embodiment import check_file
from hma_ros.cli.checks.finding import Finding, Level
from hma_ros.cli.checks.plausibility import check_plausibility
from hma_ros.cli.main import main
from hma_ros.core.embodiment import embodiment_folder, embodiment_path, load_embodiment

Write = Callable[..., str]
_NARROW_ELBOW = {
    'limits__lower': [-6.28, -6.28, -1, -6.28, -6.28, -6.28],
    'limits__upper': [6.28, 6.28, 1, 6.28, 6.28, 6.28],
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a shipped file under another name, with changes."""

    def make(base: str = 'ur5e', **changes: Any) -> str:
        data = yaml.safe_load((embodiment_folder() / f'{base}.yaml').read_text())
        data['name'] = 'my_arm'
        for dotted, value in changes.items():
            place = data
            *parents, last = dotted.split('__')
            for part in parents:
                place = place[int(part)] if isinstance(place, list) else place[part]
            place[last] = value
        path = tmp_path / 'my_arm.yaml'
        path.write_text(yaml.safe_dump(data))
        return str(path)

    return make


def bad(path: str) -> list[Finding]:
    return [finding for finding in check_file(path, None) if finding.level is not Level.OK]


@pytest.mark.parametrize('name', [*robots(sim=False), *(f'sim_{name}' for name in robots(True))])
def test_no_shipped_file_fails(name: str) -> None:
    assert [item for item in check_file(name, None) if item.level is Level.FAIL] == []


@pytest.mark.parametrize(
    ('changes', 'level', 'subject', 'text'),
    [
        ({'home': [7.0, 0, 0, 0, 0, 0]}, Level.FAIL, 'home[0]', 'got 7 .*expected -6.28'),
        ({'camera__topic': '/cam'}, Level.WARN, 'camera.topic', 'namespace:= does not reach'),
        ({'camera__topic': 'my camera'}, Level.FAIL, 'camera.topic', "got 'my camera'"),
        ({'stops__0__topic': 'a//b'}, Level.FAIL, 'stops[0].topic', "got 'a//b'"),
        (
            {'camera__crop': {'top': 0, 'left': 0, 'height': 40, 'width': 40}},
            Level.WARN,
            'camera.crop',
            'got 40x40, expected at least 128x128',
        ),
        (
            {'camera__crop': {'top': 0, 'left': 0, 'height': 100, 'width': 640}},
            Level.WARN,
            'camera.crop',
            'padded with black',
        ),
        (
            {'limits__upper': [360, 6.28, 3.14, 6.28, 6.28, 6.28]},
            Level.FAIL,
            'limits.upper[0]',
            'looks like degrees',
        ),
        (
            {'limits__velocity': [0.5] * 6},
            Level.WARN,
            'limits.velocity',
            'got 0.5 .shoulder_pan_joint and 5 more., expected at least 0.75',
        ),
        (
            {'limits__velocity': [29.0] * 6, 'rates__command_hz': 10, **_NARROW_ELBOW},
            Level.FAIL,
            'limits.velocity[2]',
            'got 29 .elbow_joint., expected below 20: one command period crosses all limits',
        ),
        (
            {'limits__acceleration': [0.05] * 6},
            Level.WARN,
            'limits.velocity[0]',
            'takes 12.8 to start and brake, expected at most 12.5',
        ),
        (
            {'limits__acceleration': [5, 5, 1, 5, 5, 5]},
            Level.WARN,
            'limits.acceleration',
            'got 1 .elbow_joint., expected at least 1.875',
        ),
        (
            {'limits__following_error': [0.2, 0.2, 0.01, 0.2, 0.2, 0.2]},
            Level.FAIL,
            'limits.following_error[2]',
            'got 0.01 .elbow_joint., expected above 0.016',
        ),
        (
            {'limits__following_error': [0.2, 0.2, 0.05, 0.2, 0.2, 0.2]},
            Level.WARN,
            'limits.following_error',
            'got 0.05 .elbow_joint., expected at least 0.096',
        ),
        ({'commands__0__time_from_start_s': 0.001}, Level.WARN, 'commands[0]', 'got 0.001 s'),
        ({'state__max_age_s': 0.01}, Level.FAIL, 'state.max_age_s', 'got 0.01 s'),
        (
            {'commands__0__time_from_start_s': 1e5},
            Level.WARN,
            'commands[0].time_from_start_s',
            'got 100000, expected 0.001 to 1 s',
        ),
        (
            {'limits__following_error': [0.2, 100, 0.2, 0.2, 0.2, 0.2]},
            Level.WARN,
            'limits.following_error[1]',
            'got 100, expected 0 to 3 rad',
        ),
        (
            {'limits__acceleration': [5, 5, 5, 1e8, 5, 5]},
            Level.WARN,
            'limits.acceleration[3]',
            'got 1e.08, expected 0 to 10,000 rad/s',
        ),
        ({'camera__max_age_s': 1e-6}, Level.WARN, 'camera.max_age_s', 'got 1e-06, expected 0.01'),
        ({'camera__max_age_s': 1e5}, Level.WARN, 'camera.max_age_s', 'expected 0.01 to 2 s'),
        ({'state__max_age_s': 1e5}, Level.WARN, 'state.max_age_s', 'expected 0.01 to 2 s'),
        (
            {'stops__1__heartbeat_s': 1e-4},
            Level.WARN,
            'stops[1].heartbeat_s',
            'got 0.0001, expected 0.02 to 60 s',
        ),
        (
            {'camera__topic': '~/image'},
            Level.FAIL,
            'camera.topic',
            'expected a name without ~: each node would take another topic',
        ),
        (
            {'state__sources__0__topic': '~/joint_states'},
            Level.FAIL,
            'state.sources[0].topic',
            "got '~/joint_states', expected a name without ~",
        ),
        (
            {'camera__topic': 'a' * 5000},
            Level.FAIL,
            'camera.topic',
            '^got 5000 characters, expected fewer than 247 with the namespace$',
        ),
        ({'stops': []}, Level.WARN, 'stops', 'got none'),
        ({'stops__0__type': 'my_msgs/msg/Mode'}, Level.WARN, 'stops[0].type', 'got no my_msgs'),
        ({'stops__0__field': 'stopped'}, Level.FAIL, 'stops[0].field', "got 'stopped'"),
    ],
)
def test_what_cannot_be_meant_is_named(
    write: Write, changes: Any, level: Level, subject: str, text: str
) -> None:
    found = bad(write(**changes))
    matching = [item for item in found if item.subject.startswith(subject)]
    assert matching, found
    assert matching[0].level is level
    assert re.search(text, matching[0].text), matching[0].text
    assert matching[0].remedy


def test_a_workspace_in_millimetres_fails(write: Write) -> None:
    lower, upper = [330.0, -210.0, 20.0], [700.0, 210.0, 400.0]
    found = bad(write('franka', limits__lower=lower, limits__upper=upper))
    (first,) = [item for item in found if item.subject == 'limits.lower[0]']
    assert first.level is Level.FAIL
    assert first.text == 'got 330 (x), expected -10 to 10 m, in metres: looks like millimetres'
    assert first.remedy == 'write limits.lower in metres'


def test_orientation_limits_beyond_all_reason_are_named(write: Write) -> None:
    changes = {'velocity': 1e3, 'acceleration': 1e8, 'following_error': 9.0}
    named = {f'limits__orientation__{key}': value for key, value in changes.items()}
    found = {item.subject for item in bad(write('franka', **named))}
    assert {f'limits.orientation.{key}' for key in changes} <= found


@pytest.mark.parametrize('name', [*robots(sim=False), *(f'sim_{name}' for name in robots(True))])
def test_every_number_of_a_shipped_file_is_plausible(name: str) -> None:
    found = check_plausibility(load_embodiment(name))
    assert [item for item in found if item.level is not Level.OK] == []


def test_the_reference_states_the_ranges() -> None:
    text = (embodiment_folder().parents[1] / 'docs/reference/embodiments.md').read_text()
    spans = [
        *(span for by_unit in (ranges.POSITIONS, ranges.VELOCITIES) for span in by_unit.values()),
        *ranges.ACCELERATIONS.values(),
        *ranges.FOLLOWING_ERRORS.values(),
        ranges.TIME_FROM_START,
        ranges.AGE,
        ranges.HEARTBEAT,
        ranges.INTERVAL,
    ]
    for span in spans:
        assert f'{span.low:g} to {span.high:,g} {span.unit}' in text


def test_absolute_targets_beyond_the_limits_are_named(write: Write) -> None:
    (finding,) = bad(write('so101', limits__upper=[1.0, 1.7453, 1.69, 1.658, 2.8412, 1.7453]))
    assert finding.subject == 'action.lower[0]'
    assert 'targets outside are refused' in finding.text


def test_a_gripper_that_chatters_or_has_no_force_is_named(write: Write) -> None:
    changes = {'hysteresis': 0.0, 'max_effort': 0.0, 'min_interval_s': 0.0, 'joint': None}
    found = bad(write('kinova_gen3', **{f'gripper__{key}': v for key, v in changes.items()}))
    assert {f'gripper.{key}' for key in changes} <= {item.subject for item in found}


def test_an_invalid_file_fails_with_its_key(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['check', write(rates__frame_hz=-1)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith('FAIL embodiment: ')
    assert 'rates.frame_hz: ' in lines[0]
    assert lines[-1] == '0 ok, 0 WARN, 1 FAIL'


def test_a_good_file_is_well_with_its_bundle(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['check', 'sim_ur5e', 'bundle:=hma_sim']) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith('0 WARN, 0 FAIL')
    assert main(['check', write(), 'bundle:=hma_sim']) == 0
    told = capsys.readouterr().out
    assert 'WARN bundle: trained in simulation: mode execute would be refused' in told
    assert told.splitlines()[-1].endswith('1 WARN, 0 FAIL')


def test_a_bundle_of_another_image_size_fails(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(['check', write(stem='ur5e_push', camera__resize=[256, 256]), 'bundle:=hma_sim']) == 1
    )
    text = "camera.resize: got [256, 256], expected [128, 128] (size of bundle 'hma_sim')"
    out = capsys.readouterr().out
    assert text in out
    assert 'set camera.resize or choose another bundle' in out


@pytest.mark.parametrize(
    ('bundle', 'text'), [('hma_sim', 'stem: got other, expected one of'), ('nowhere', 'nowhere')]
)
def test_a_bundle_that_does_not_fit_fails(
    write: Write, bundle: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['check', write(stem='other'), f'bundle:={bundle}']) == 1
    assert any(
        line.startswith('FAIL bundle: ') and text in line
        for line in capsys.readouterr().out.splitlines()
    )


def test_other_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words, text in (
        (['ur5e', 'mode:=execute'], "arguments: got 'mode', expected bundle:=BUNDLE"),
        (['bundle:=hma_sim'], 'robot: got nothing, expected FILE or robot:=FILE'),
        (['ur5e', 'robot:=ur5e'], "robot: got 'ur5e' and 'ur5e', expected one value"),
    ):
        assert main(['check', *words]) == 2
        assert text in capsys.readouterr().err


@pytest.mark.parametrize('words', [['robot:=sim_ur5e'], ['bundle:=hma_sim', 'robot:=sim_ur5e']])
def test_the_robot_may_be_named_as_in_other_commands(words: list[str]) -> None:
    assert main(['check', *words]) == 0


def test_it_needs_no_ros(write: Write) -> None:
    program = (
        'import importlib.util, sys\n'
        'from hma_ros.cli.main import main\n'
        'find = importlib.util.find_spec\n'
        'importlib.util.find_spec = lambda name: None if name == "rclpy" else find(name)\n'
        'code = main(sys.argv[1:])\n'
        'heavy = {"rclpy", "std_msgs", "onnxruntime", "mujoco"} & set(sys.modules)\n'
        'sys.exit(repr(heavy) if heavy else code)'
    )
    ended = subprocess.run(
        [sys.executable, '-c', program, 'check', write()], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, '')
    assert 'WARN message types: not checked: no ROS 2 here' in ended.stdout


@pytest.mark.parametrize('source', robots(sim=False))
def test_a_new_robot_loads_keeps_comments_and_says_what_to_fill_in(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['new-robot', 'my_arm', '--from', source, '--out', str(tmp_path / 'new')]) == 0
    path = tmp_path / 'new' / 'my_arm.yaml'
    said = capsys.readouterr().out
    assert f'hma check {path}' in said
    assert f'{path.parent}: got no such folder: made it' in said
    assert f'hma doctor robot:={path}' in said
    original = embodiment_path(source, sim=False).read_text()
    written = [line for line in path.read_text().splitlines() if '# TODO: ' not in line]
    same = original.index('simulated: false')
    assert '\n'.join(written) + '\n' == (
        f'{original.splitlines()[0]}\n'
        f'{"".join(line + chr(10) for line in original[:same].splitlines()[1:] if line[0] == "#")}'
        f'name: my_arm\ndescription: my_arm, made from the file of {source}\n'
        f"sources: ['hma_ros: config/embodiments/{source}.yaml']\n{original[same:]}"
    )
    found = check_file(str(path), None)
    assert [item for item in found if item.level is Level.FAIL] == []
    assert 'TODO' in {item.subject for item in found}
    text = path.read_text()
    for fact in ('topic:', 'transport:', 'max_age_s:', 'joints:', 'lower:', 'stem:', 'home:'):
        before = text.split(fact)[0].rstrip('- ').splitlines()[-2:]
        assert any('# TODO: ' in line for line in before), fact


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (['my_arm', '--from', 'toaster'], "--from: got 'toaster', expected one of aloha, franka"),
        (['my_arm', '--from', 'sim_ur5e'], "--from: got 'sim_ur5e', expected one of aloha"),
        (['My-Arm', '--from', 'ur5e'], "NAME: got 'My-Arm', expected small letters"),
        (['sim_arm', '--from', 'ur5e'], "NAME: got 'sim_arm'"),
        (['../arm', '--from', 'ur5e'], "NAME: got '../arm'"),
        *(
            ([name, '--from', 'ur5e'], f"NAME: got '{name}', which YAML does not read as a text")
            for name in ('true', 'no', 'off', 'null')
        ),
    ],
)
def test_a_new_robot_that_cannot_be_is_refused(
    arguments: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['new-robot', *arguments, '--out', str(tmp_path)]) == 2
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_new_robot_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'my_arm.yaml'
    path.write_text('mine')
    assert main(['new-robot', 'my_arm', '--from', 'ur5e', '--out', str(tmp_path)]) == 2
    assert f'{path}: got a file that exists' in capsys.readouterr().err
    assert path.read_text() == 'mine'
    assert main(['new-robot', 'my_arm', '--from', 'ur5e', '--out', str(path)]) == 2


@pytest.mark.parametrize(
    ('robot', 'advice'),
    [
        ('franka_droid', '`hma import-checkpoint SRC DST --stem droid`'),
        ('xarm7', 'fine-tune a model to this robot with `hma finetune`'),
    ],
)
def test_a_bundle_without_the_stem_is_told_where_it_is(robot: str, advice: str) -> None:
    assert advice in check_file(robot, 'hma_sim')[-1].remedy
