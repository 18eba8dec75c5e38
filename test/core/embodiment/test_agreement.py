# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Sections of an embodiment file that contradict one another are refused when it is read."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hma_ros.core.embodiment import embodiment_folder, load_embodiment
from hma_ros.core.embodiment.section import Section, parse_yaml
from hma_ros.core.errors import EmbodimentError

Change = dict[str, Any]


def loaded(tmp_path: Path, name: str, changes: Change) -> Any:
    """Load a shipped file with dotted keys changed."""
    data = yaml.safe_load((embodiment_folder() / f'{name}.yaml').read_text())
    for dotted, value in changes.items():
        part = data
        *way, last = [int(key) if key.isdigit() else key for key in dotted.split('.')]
        for key in way:
            part = part[key]
        part[last] = value
    path = tmp_path / f'{name}.yaml'
    path.write_text(yaml.safe_dump(data))
    return load_embodiment(path)


@pytest.mark.parametrize(
    ('name', 'changes', 'text'),
    [
        ('so101', {'camera.encodings': ['jpeg']}, "camera.encodings: got 'jpeg', expected words"),
        (
            'so101',
            {'camera.transport': 'compressed', 'camera.encodings': ['rgb8', 'bgr8']},
            "camera.encodings: got 'rgb8', expected words of jpeg, png",
        ),
        (
            'so101',
            {'camera.encodings': ['rgb8', 'yuv422'], 'camera.width': 641},
            'camera.width: got 641, expected an even number for the encoding yuv422',
        ),
        (
            'franka',
            {'commands.0.frame_id': 'world'},
            "commands[0].frame_id: got 'world', expected 'base', the frame of the actions",
        ),
        (
            'franka',
            {'state.pose.frame_id': 'world'},
            "state.pose.frame_id: got 'world', expected 'base', the frame of the actions",
        ),
        (
            'franka',
            {'commands.0.orientation_xyzw': [0.0, 0.0, 0.0, 1.0]},
            'commands[0].orientation_xyzw: got 3.14 rad, expected at most',
        ),
        (
            'ur5e',
            {'commands.0.topic': 'joint_states'},
            "commands[0].topic: got 'joint_states', which is state.sources[0].topic too, expected "
            'a topic of commands (joint_trajectory) alone',
        ),
        (
            'ur5e',
            {'commands.0.topic': '/joint_states'},
            "commands[0].topic: got '/joint_states', which is state.sources[0].topic too",
        ),
        ('ur5e', {'stops.0.topic': 'joint_states'}, 'stops[0].topic: got'),
        (
            'ur5e',
            {'stops.1.type': 'std_msgs/msg/Int8', 'stops.1.stop_values': [1, 1000]},
            'stops[1].stop_values: got 1000, expected an integer of -128 to 127',
        ),
        (
            'ur5e',
            {'stops.1.stop_values': [1]},
            'stops[1].stop_values: got 1, expected true or false, as the field is boolean',
        ),
        (
            'ur5e',
            {'stops.1.type': 'std_msgs/msg/UInt16', 'stops.1.stop_values': [True]},
            'stops[1].stop_values: got True, expected an integer of 0 to 65535',
        ),
    ],
)
def test_a_contradiction_is_an_error_that_names_the_key(
    tmp_path: Path, name: str, changes: Change, text: str
) -> None:
    with pytest.raises(EmbodimentError) as error:
        loaded(tmp_path, name, changes)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ('name', 'changes'),
    [
        ('so101', {'camera.transport': 'compressed', 'camera.encodings': ['png', 'jpeg']}),
        ('so101', {'camera.encodings': ['rgb8'], 'camera.width': 641}),
        ('franka', {'commands.0.orientation_xyzw': [-1.0, 0.0, 0.0, 0.0]}),
        ('ur5e', {'stops.1.type': 'std_msgs/msg/Int8', 'stops.1.stop_values': [-128, 127]}),
        ('ur5e', {'stops.1.type': 'my_msgs/msg/Mode', 'stops.1.stop_values': [1000]}),
        ('xarm7', {'gripper.joint_topic': 'xarm/joint_states'}),
    ],
)
def test_what_agrees_is_read(tmp_path: Path, name: str, changes: Change) -> None:
    assert loaded(tmp_path, name, changes).name == name


@pytest.mark.parametrize(
    ('written', 'advised'),
    [('1e-3', '1.0e-3'), ('2e6', '2.0e+6'), ('-1E3', '-1.0e+3'), ('1.5e2', '1.5e+2')],
)
def test_a_number_that_yaml_reads_as_a_text_is_explained(written: str, advised: str) -> None:
    explained = f"got '{written}' (YAML 1.1 reads it as a text: write {advised})"
    for read in (Section.number, Section.positive, Section.rate_hz):
        with pytest.raises(EmbodimentError) as error:
            read(parse_yaml(f'value: {written}', 'file'), 'value')
        assert explained in str(error.value)
    with pytest.raises(EmbodimentError) as error:
        parse_yaml(f'value: [{written}]', 'file').numbers('value', 1, 'axis')
    assert explained in str(error.value)
    assert parse_yaml(f'value: {advised}', 'file').number('value') == float(written)
