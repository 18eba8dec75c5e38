# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Joints in another unit are refused where they are imported, and where they are read."""

from pathlib import Path
from typing import Any

import bag_of_steps as made
import lerobot_of_steps
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError, MessageError
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.bag_import import import_bags
from hma_ros.data.episode_import import FieldMap, import_episodes
from hma_ros.data.episodes import Episode, EpisodeDataset, EpisodeWriter
from hma_ros.data.imported_episodes import ImportedEpisodes
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.lerobot_source import LeRobotSource
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import JointRangeError
from hma_ros.training.recordings import domain_of

SPEC = load_embodiment('sim_planar')


def in_mm(recording: list[tuple[str, int, Any]], until_ns: int) -> list[tuple[str, int, Any]]:
    """Return a recording whose joints are in mm until a moment."""
    return [
        (topic, time_ns, made.joints(time_ns - made.MS, 1000 * made.place(time_ns - made.MS)))
        if topic == '/joint_states' and time_ns < until_ns
        else (topic, time_ns, message)
        for topic, time_ns, message in recording
    ]


@pytest.fixture(scope='module')
def recording() -> list[tuple[str, int, Any]]:
    return list(made.messages(3.0))


@pytest.mark.parametrize('count', [1, 2])
def test_of_a_bag_in_another_unit_nothing_is_taken(
    tmp_path: Path, recording: Any, capsys: Any, count: int
) -> None:
    """The bags behind it are."""
    bag = made.write(tmp_path / 'bag', in_mm(recording, made.START_NS + 2500 * made.MS))
    bags = [str(bag), str(made.write(tmp_path / 'good', recording[9:]))][:count]
    command = ['data', 'import', 'bag', *bags, '--embodiment', 'sim_planar', '--out']
    assert main([*command, str(tmp_path / 'set')]) == 1
    said = capsys.readouterr().out
    assert f'{bag}: 0 episodes, 0 steps\n' in said
    assert ' steps with joints far beyond their limits, expected few; correct the unit' in said
    assert '; the first: ' in said
    assert said.splitlines()[-1].startswith(f'{bag}: got no steps, for the reasons above')
    assert (tmp_path / 'set').exists() == (count == 2)
    assert count == 1 or LeRobotData(tmp_path / 'set').outcomes == ['not marked']


@pytest.mark.parametrize('is_far_in_attempt', [False, True])
def test_where_an_arm_waits_between_attempts_says_nothing_of_its_unit(
    tmp_path: Path, is_far_in_attempt: bool
) -> None:
    """It is parked far beyond its limits for 4 s, or works there after it was not."""
    begin_ns = made.START_NS + 4000 * made.MS
    recording = [
        (topic, at, made.joints(at - made.MS, [1.5, 0.0]))
        if topic == '/joint_states' and (at > begin_ns - 100 * made.MS) == is_far_in_attempt
        else (topic, at, message)
        for topic, at, message in made.messages(6.0)
    ]
    marks = [made.mark('begin', begin_ns), made.mark('succeed', begin_ns + 1900 * made.MS)]
    bag = made.write(tmp_path / 'bag', [*recording, *marks])
    [result] = import_bags([bag], LeRobotWriter(tmp_path / 'set', SPEC, 'push'))
    outcomes = LeRobotData(tmp_path / 'set').outcomes
    assert outcomes == ([] if is_far_in_attempt else ['succeeded'])
    assert [why[:4] for why in result.facts['left_out']] == ['got '] * is_far_in_attempt


def test_some_steps_in_another_unit_are_dropped_and_counted(
    tmp_path: Path, recording: Any
) -> None:
    bag = made.write(tmp_path / 'bag', in_mm(recording, made.START_NS + 700 * made.MS))
    writer = LeRobotWriter(tmp_path / 'set', SPEC, 'push')
    [result] = import_bags([bag], writer)
    assert 5 <= result.facts['dropped_steps']['joints far beyond their limits'] <= 8
    assert 18 <= result.steps <= 22
    for episode in range(len(LeRobotData(tmp_path / 'set'))):
        for step in LeRobotData(tmp_path / 'set').steps(episode):
            assert np.abs(step.joints).max() < 1


def test_columns_without_their_factor_are_refused(tmp_path: Path) -> None:
    source = lerobot_of_steps.write(tmp_path / 'source', 'v3.0')
    writer = LeRobotWriter(tmp_path / 'set', SPEC, 'push')
    wrong = FieldMap(state='joint_x*1000,joint_y*1000')
    with pytest.raises(ConfigError, match="joint 'joint_.': got .* or a little beyond"):
        import_episodes(LeRobotSource(source), writer, wrong)
    assert not writer.sources


def spoilt(folder: Path) -> Path:
    """Write a data set, and bring the joints of its step 2 to mm, as no import does."""
    writer = LeRobotWriter(folder, SPEC, 'push')
    list(import_bags([made.write(folder.with_name('bag'), list(made.messages(1.0)))], writer))
    path = layout.data_file(folder, 0)
    table = pq.read_table(path)
    joints = table[layout.STATE].to_pylist()
    joints[2] = [1000 * value for value in joints[2]]
    place = table.schema.get_field_index(layout.STATE)
    column = pa.array(joints, table.schema.field(place).type)
    pq.write_table(table.set_column(place, table.schema.field(place), column), path)
    return folder


def test_a_data_set_in_another_unit_is_not_learned_from(tmp_path: Path) -> None:
    with pytest.raises(MessageError, match="file-000.parquet: step 2: joint 'joint_x': got "):
        ImportedEpisodes(spoilt(tmp_path / 'set'))


def test_episodes_in_another_unit_are_not_learned_from(tmp_path: Path) -> None:
    chunks, joints = np.zeros((3, 1, 2), np.float32), np.full((4, 2), 90.0, np.float32)
    frames = np.zeros((4, 8, 8, 3), np.uint8)
    with EpisodeWriter(tmp_path, 'sim_planar', 10.0, 1, ('x', 'y'), ('a', 'b')) as writer:
        writer.add(Episode(frames, chunks, chunks, joints, joints, 'expert', 0, True))
    with pytest.raises(JointRangeError, match="episode 0: joint 'joint_x': got 90, expected"):
        domain_of(EpisodeDataset([tmp_path]))
