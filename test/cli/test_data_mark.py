# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma data mark`` changes what training takes for a demonstration, and nothing else."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.imported_episodes import ImportedEpisodes
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.outcomes import outcomes_of
from hma_ros.data.steps import Step

SPEC = load_embodiment('sim_planar')


def add(file, steps=4):
    rng = np.random.default_rng(0)
    for step in range(steps):
        joints = np.float32([0.01 * step, 0.05])
        frame = rng.integers(256, size=(128, 128, 3)).astype(np.uint8)
        file.add(Step(step, frame, joints, joints[None] + np.float32(0.002)))


@pytest.fixture
def folder(tmp_path):
    """Write two successful episodes, and one of a source without marks."""
    writer = LeRobotWriter(tmp_path / 'set', SPEC, 'push the block')
    for success, has_marks in ((True, True), (True, True), (None, False)):
        file = writer.begin()
        add(file)
        writer.end(file, success)
        writer.commit({'source': {'path': 'made up', 'sha256': ''}, 'has_marks': has_marks})
    return tmp_path / 'set'


def results(folder):
    return pq.read_table(folder / layout.EPISODES).column('success').to_pylist()


def test_an_episode_that_failed_is_no_demonstration_any_more(folder, capsys):
    before = [path.read_bytes() for path in sorted(folder.glob('data/**/*.parquet'))]
    assert main(['data', 'mark', str(folder), 'failed', '1']) == 0
    assert 'episode 1: succeeded -> failed' in capsys.readouterr().out
    assert results(folder) == [True, False, None]
    assert len(ImportedEpisodes(folder)) == 2
    assert main(['data', 'mark', str(folder), 'succeeded', '1', '2']) == 0
    assert results(folder) == [True, True, True]
    assert ImportedEpisodes(folder).unmarked == 0
    assert before == [path.read_bytes() for path in sorted(folder.glob('data/**/*.parquet'))]


def test_an_import_goes_on_after_episodes_were_marked(folder):
    assert main(['data', 'mark', str(folder), 'failed', '0']) == 0
    writer = LeRobotWriter(folder, SPEC, 'push the block')
    file = writer.begin()
    add(file)
    writer.end(file, True)
    writer.commit({'source': {'path': 'another', 'sha256': ''}})
    assert results(folder) == [False, True, None, True]


def test_an_import_under_way_loses_nothing_and_keeps_the_marks(folder):
    writer = LeRobotWriter(folder, SPEC, 'push the block')
    file = writer.begin()
    add(file)
    assert main(['data', 'mark', str(folder), 'failed', '0']) == 0
    writer.end(file, True)
    writer.commit({'source': {'path': 'another', 'sha256': ''}})
    assert results(folder) == [False, True, None, True]
    assert len(ImportedEpisodes(folder)) == 3


def test_marks_before_the_first_episode_of_an_import_stay(folder):
    writer = LeRobotWriter(folder, SPEC, 'push the block')
    assert main(['data', 'mark', str(folder), 'failed', '0']) == 0
    file = writer.begin()
    add(file)
    writer.end(file, True)
    writer.commit({'source': {'path': 'another', 'sha256': ''}})
    assert results(folder) == [False, True, None, True]


def test_two_imports_at_once_do_not_overwrite_each_other(folder):
    first, second = (LeRobotWriter(folder, SPEC, 'push the block') for _ in range(2))
    file = first.begin()
    add(file)
    first.end(file, True)
    first.commit({'source': {'path': 'another', 'sha256': ''}})
    with pytest.raises(ConfigError, match='another import to this folder is under way'):
        second.begin()
    assert results(folder) == [True, True, None, True]


def test_what_was_recorded_is_kept_beside_the_mark(folder):
    assert main(['data', 'mark', str(folder), 'succeeded', '2']) == 0
    assert main(['data', 'mark', str(folder), 'failed', '2']) == 0
    episodes = [
        item for source in LeRobotData(folder).journal['sources'] for item in source['episodes']
    ]
    assert episodes[2]['recorded'] == 'not marked'


@pytest.mark.parametrize('number', ['3', '-1'])
def test_an_unknown_episode_is_refused_and_nothing_is_changed(folder, number, capsys):
    assert main(['data', 'mark', str(folder), 'failed', '--', '0', number]) == 2
    assert f'episode: got {number}, expected 0 to 2' in capsys.readouterr().err
    assert results(folder) == [True, True, None]


def test_a_bag_cut_off_before_its_first_mark_is_no_demonstration_beside_marked_ones():
    cut_off = {'has_marks': False, 'is_truncated': True, 'episodes': [{'success': None}]}
    marked = {'has_marks': True, 'is_truncated': False, 'episodes': [{'success': True}]}
    assert outcomes_of([cut_off]) == ['not marked']
    assert outcomes_of([cut_off, marked]) == ['never ended', 'succeeded']
    assert outcomes_of([{**cut_off, 'is_truncated': False}, marked])[0] == 'not marked'
