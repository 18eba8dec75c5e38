# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the recorder of external simulators writes is imported like anybody's data."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmarks.external_data
from benchmarks.external_data.domain import Disturbance, Frame, Robot
from benchmarks.external_data.embodiment_file import write_embodiment
from benchmarks.external_data.lerobot_file import LeRobotFile
from hma_ros.cli.main import main
from hma_ros.data.lerobot_reader import LeRobotData

JOINTS = ('shoulder', 'elbow')
TOOL = ('dx', 'dy', 'dz')
PLANE = Robot(
    name='made_up',
    description='A made-up robot.',
    source='nowhere',
    semantics='position',
    joints=('x', 'y'),
    names=('target_x', 'target_y'),
    lower=(-0.5, -0.5),
    upper=(0.5, 0.5),
    coordinates=('x', 'y'),
    workspace=((-0.5, -0.5), (0.5, 0.5)),
    home=(0.0, 0.0),
    fps=10,
    side=32,
)


def test_the_simulators_environment_has_all_that_the_recorder_imports() -> None:
    text = (
        'import json, sys; from importlib.metadata import packages_distributions\n'
        'import benchmarks.external_data.__main__\n'
        "names = {name.split('.')[0] for name in sys.modules}\n"
        'of = packages_distributions()\n'
        'print(json.dumps([item for name in names for item in of.get(name, [])]))'
    )
    folder = Path(benchmarks.external_data.__file__ or '').parent
    found = subprocess.run(
        [sys.executable, '-c', text], capture_output=True, check=True, cwd=folder.parents[1]
    )
    lines = (folder / 'requirements.txt').read_text().splitlines()
    listed = {line.partition('==')[0].lower() for line in lines}
    ours = {'hma_ros', 'setuptools', 'ros-wheels-bootstrapper'}
    assert {name.lower() for name in json.loads(found.stdout)} - ours <= listed


def limits(*bounds: float) -> dict[str, Any]:
    return {'lower': tuple(-bound for bound in bounds), 'upper': bounds}


REACH = replace(
    PLANE,
    semantics='ee_delta',
    joints=JOINTS,
    names=(*TOOL, 'gripper'),
    coordinates=('x', 'y', 'z'),
    workspace=((-1.0,) * 3, (1.0,) * 3),
    gripper=(1.0, -1.0),
    stride=2,
    fps=25,
    **limits(0.05, 0.05, 0.05, 1.0),
)
POSE = replace(
    REACH,
    semantics='ee_pose_delta',
    names=(*TOOL, 'rx', 'ry', 'rz', 'gripper'),
    **limits(*[0.05] * 3, *[0.5] * 3, 1.0),
)
ARM = replace(
    PLANE,
    semantics='joint_delta',
    joints=JOINTS,
    names=tuple(f'd_{name}' for name in JOINTS),
    coordinates=JOINTS,
)


def frames(robot: Robot, length: int) -> Iterator[Frame]:
    random = np.random.default_rng(0)
    for index in range(length):
        image = random.integers(0, 256, (robot.side, robot.side, 3), np.uint8)
        joints = 0.1 * np.sin(index + np.arange(len(robot.joints)))
        action = random.uniform(robot.lower, robot.upper)
        yield Frame(image, joints, action)


@pytest.mark.parametrize('robot', [PLANE, REACH, POSE, ARM], ids=lambda robot: robot.semantics)
def test_each_action_space_is_imported(tmp_path: Path, robot: Robot) -> None:
    source, out = tmp_path / 'source', tmp_path / 'set'
    file = LeRobotFile(source, robot, 'a task')
    for is_success, length in ((True, 12), (False, 20)):
        assert file.add(frames(robot, length)) == length
        file.judge(is_success)
    file.close()
    path = source / f'{robot.name}.yaml'
    write_embodiment(path, robot)
    command = ['data', 'import', 'lerobot', str(source), '--embodiment', str(path)]
    assert main([*command, '--out', str(out)]) == 0
    data = LeRobotData(out)
    assert [item['success'] for item in data.episodes] == [True, False]
    assert [item['length'] for item in data.episodes] == [12 // robot.stride, 20 // robot.stride]
    written = np.array([frame.action for frame in frames(robot, 12)], np.float32)
    got = np.concatenate([step.actions for step in data.steps(0)])
    np.testing.assert_allclose(got, written, atol=1e-6)


def test_disturbed_actions_stay_within_their_bounds() -> None:
    advised, random = np.array([1.0, -0.5]), np.random.default_rng(0)
    np.testing.assert_array_equal(Disturbance('expert', random)(advised), advised)
    for kind in ('noisy', 'random'):
        disturb = Disturbance(kind, random)
        got = np.array([disturb(advised) for _ in range(100)])
        assert np.abs(got).max() <= 1.0
        assert len(np.unique(got[:, 1])) > 50
