# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Data sets are joined where they are of one robot, and every episode is read once."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from hma_ros.core.embodiment import embodiment_folder, load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.data.episodes import Episode, EpisodeWriter
from hma_ros.data.joined_episodes import open_all
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step


def imported(folder: Path, source: object = None, brightness: int = 0, **changes: object) -> Path:
    """
    Write an episode of the planar robot, another one for each name of a folder.

    :param source: what it was imported from.
    :param changes: to its file, with __ for each dot.
    """
    data = yaml.safe_load((embodiment_folder() / 'sim_planar.yaml').read_text())
    for dotted, value in changes.items():
        section, key = dotted.split('__')
        data[section][key] = value
    file = folder.with_name(f'{folder.name}_robot') / 'sim_planar.yaml'
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(data))
    spec = load_embodiment(str(file))
    writer = LeRobotWriter(folder, spec, 'push')
    episode = writer.begin()
    for step in range(3):
        frame = np.full((*spec.camera.resize, 3), brightness, np.uint8)
        place = np.full(2, 0.001 * ord(folder.name[0]), np.float32)
        episode.add(Step(step, frame, place, np.zeros((1, 2), np.float32)))
    writer.end(episode, True)
    writer.commit({} if source is None else {'source': source})
    return folder


def generated(folder: Path) -> Path:
    """Write an episode as the simulator does."""
    chunks, joints = np.zeros((3, 1, 2), np.float32), np.zeros((4, 2), np.float32)
    frames = np.zeros((4, 8, 8, 3), np.uint8)
    with EpisodeWriter(folder, 'sim_planar', 10.0, 1, ('x', 'y'), ('a', 'b')) as writer:
        writer.add(Episode(frames, chunks, chunks, joints, joints, 'expert', 0, True))
    return folder


def test_data_sets_of_one_robot_follow_each_other(tmp_path: Path) -> None:
    folders = [imported(tmp_path / name) for name in 'ab']
    joined = open_all(folders)
    assert len(joined) == 2
    assert [Path(item.place).is_relative_to(at) for item, at in zip(joined, folders, strict=True)]


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        (
            {'action__semantics': 'joint_position', 'action__frame': 'joints'},
            'action.semantics: got joint_position, expected position',
        ),
        ({'action__units': ['rad', 'rad']}, "action.units: got ('rad', 'rad'), expected ('m', 'm"),
        (
            {'camera__crop': {'top': 0, 'left': 0, 'height': 200, 'width': 200}},
            'camera.crop: got CropSpec(top=0, left=0, height=200, width=200), expected None',
        ),
        ({'camera__resize': [64, 64]}, 'camera.resize: got (64, 64), expected (128, 128)'),
        ({'camera__width': 320}, 'camera.width: got 320, expected 256'),
    ],
)
def test_data_sets_whose_numbers_or_frames_mean_something_else_are_not_joined(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    folders = [imported(tmp_path / 'a'), imported(tmp_path / 'b', **changes)]
    with pytest.raises(ConfigError) as refusal:
        open_all(folders)
    assert str(refusal.value).startswith(f'{folders[1]}: {said}')
    assert f'as in {folders[0]}; give data sets of one robot' in str(refusal.value)


def test_no_episode_is_read_twice(tmp_path: Path) -> None:
    folder = imported(tmp_path / 'a')
    with pytest.raises(ConfigError, match='got it twice, .* expected every episode once'):
        open_all([folder, tmp_path / 'a_robot' / '..' / 'a'])
    shard = generated(tmp_path / 'train' / 'shard_00')
    for folders in ([tmp_path / 'train', shard], [shard, tmp_path / 'train']):
        with pytest.raises(ConfigError, match='got it twice'):
            open_all(folders)


def test_a_copy_of_a_data_set_is_not_joined(tmp_path: Path) -> None:
    folder, copy = imported(tmp_path / 'a'), tmp_path / 'moved set'
    shutil.copytree(folder, copy)
    with pytest.raises(ConfigError) as refusal:
        open_all([folder, copy])
    assert str(refusal.value).startswith(f'{copy}: got the episode {copy}/')
    assert f'which {folder} holds too, expected every episode once' in str(refusal.value)


@pytest.mark.parametrize(
    ('one', 'other', 'is_refused'),
    [
        ({'beginning': 'ab', 'messages': 7}, {'beginning': 'ab', 'messages': 7}, True),
        ({'beginning': 'ab', 'messages': 7}, {'beginning': 'ab', 'messages': 9}, True),
        ({'beginning': 'ab', 'messages': 7}, {'beginning': 'cd', 'messages': 7}, False),
        ({'pattern': '*', 'sha256': '12'}, {'pattern': '*', 'sha256': '12'}, True),
        ({'pattern': '*', 'sha256': '12'}, {'pattern': '*', 'sha256': '34'}, False),
    ],
)
def test_sets_of_the_same_recording_are_not_joined(
    tmp_path: Path, one: dict[str, object], other: dict[str, object], is_refused: bool
) -> None:
    folders = [
        imported(tmp_path / name, {'path': f'/{name}/run', **source})
        for name, source in (('a', one), ('b', other))
    ]
    if not is_refused:
        assert len(open_all(folders)) == 2
        return
    with pytest.raises(ConfigError) as refusal:
        open_all(folders)
    assert f'{folders[1]}: got episodes of /b/run, which {folders[0]} ' in str(refusal.value)


def test_episodes_that_only_move_alike_are_joined(tmp_path: Path) -> None:
    """As `hma imagine` makes them with two bundles."""
    folders = [imported(tmp_path / f'a{light}', brightness=light) for light in (0, 1)]
    assert len(open_all(folders)) == 2
