# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the operator's marks make of a bag, and what the import reports of it."""

from pathlib import Path
from typing import Any

import bag_of_steps as made
import pytest

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.data.bag_import import import_bags
from hma_ros.data.imported_episodes import ImportedEpisodes
from hma_ros.data.imported_source import ImportedSource
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.lerobot_writer import LeRobotWriter

SPEC = load_embodiment('sim_planar')
CAMERA = '/camera/color/image_raw'


@pytest.fixture(scope='module')
def recording() -> list[tuple[str, int, Any]]:
    return list(made.messages(6.0))


def marked(recording: Any, *marks: tuple[str, int]) -> list[tuple[str, int, Any]]:
    """Add marks at times in ms."""
    return [*recording, *(made.mark(text, made.START_NS + ms * made.MS) for text, ms in marks)]


def without(recording: Any, topics: tuple[str, ...], first_ms: int, end_ms: int) -> list[Any]:
    """Lose messages of topics for a while."""
    return [
        item
        for item in recording
        if item[0] not in topics or not first_ms <= (item[1] - made.START_NS) / made.MS < end_ms
    ]


def imported(folder: Path, bag: Path) -> tuple[LeRobotData, ImportedSource]:
    [result] = import_bags([bag], LeRobotWriter(folder, SPEC, 'push'))
    return LeRobotData(folder), result


def test_of_a_success_that_a_gap_splits_the_last_piece_succeeded(
    tmp_path: Path, recording: Any
) -> None:
    lossy = without(recording, (CAMERA,), 2000, 2400)
    bag = made.write(tmp_path / 'bag', marked(lossy, ('begin', 500), ('succeed', 4500)))
    data, result = imported(tmp_path / 'set', bag)
    assert data.outcomes == ['of a success, ended at a gap', 'succeeded']
    assert [item['success'] for item in data.episodes] == [None, True]
    assert result.facts['split_attempts'] == 1
    # Both are what a success did.
    assert len(ImportedEpisodes(tmp_path / 'set')) == 2


def test_what_ends_long_before_the_mark_did_not_succeed(tmp_path: Path, recording: Any) -> None:
    lossy = without(recording, (CAMERA,), 2000, 6000)
    bag = made.write(tmp_path / 'bag', marked(lossy, ('begin', 500), ('succeed', 5000)))
    data, _ = imported(tmp_path / 'set', bag)
    assert data.outcomes == ['of a success, ended at a gap']


def test_the_counts_of_attempts_add_up(tmp_path: Path, recording: Any, capsys: Any) -> None:
    lossy = without(recording, ('/joint_states',), 1200, 1500)
    marks = [
        *(('begin', 500), ('succeed', 2000), ('begin', 2200), ('fail', 3000)),
        *(('begin', 3200), ('discard', 4000), ('begin', 4200), ('succeed', 4250)),
        *(('begin', 4500), ('succeed', 5500)),
    ]
    bag = made.write(tmp_path / 'bag', marked(lossy, *marks))
    command = ['data', 'import', 'bag', str(bag), '--embodiment', 'sim_planar', '--out']
    assert main([*command, str(tmp_path / 'set')]) == 0
    said = capsys.readouterr().out
    assert 'attempts by their marks: 5 begun, 3 succeeded, 1 failed, 1 discarded\n' in said
    assert '1 attempt became several episodes, as steps were dropped' in said
    assert '1 attempt left out: no two steps in a row' in said
    assert '4 episodes (2 succeeded, 1 of a success, ended at a gap, 1 failed)' in said


def test_drops_outside_of_episodes_are_told_apart(
    tmp_path: Path, recording: Any, capsys: Any
) -> None:
    """The driver starts late; within the episode a joint is wrong for a while."""
    wrong = [
        (topic, at, made.joints(at - made.MS, [0.0, float('nan')]))
        if topic == '/joint_states' and 3000 <= (at - made.START_NS) / made.MS < 3400
        else (topic, at, message)
        for topic, at, message in without(recording, ('/joint_states',), 0, 1500)
    ]
    bag = made.write(tmp_path / 'bag', marked(wrong, ('begin', 2000), ('succeed', 5000)))
    _, result = imported(tmp_path / 'set', bag)
    facts = result.facts
    assert 10 <= facts['dropped_outside']['no joints'] <= 18
    assert 3 <= sum(facts['dropped_steps'].values()) <= 7
    stamp_ns = int(facts['first_drop'].partition('step at ')[2].partition(' ns')[0])
    assert stamp_ns > made.START_NS + 2800 * made.MS
    command = ['data', 'import', 'bag', str(bag), '--embodiment', 'sim_planar', '--out']
    assert main([*command, str(tmp_path / 'told')]) == 0
    said = capsys.readouterr().out
    assert 'dropped outside of episodes: ' in said
    assert said.index('dropped: ') < said.index('outside of episodes')


def test_each_kind_of_drop_has_its_first_reason(tmp_path: Path, recording: Any) -> None:
    far = [
        (topic, at, made.joints(at - made.MS, [0.0, 40.0]))
        if topic == '/joint_states' and 3000 <= (at - made.START_NS) / made.MS < 3400
        else (topic, at, message)
        for topic, at, message in without(recording, (CAMERA,), 2000, 2500)
    ]
    bag = made.write(tmp_path / 'bag', marked(far, ('begin', 500), ('fail', 5000)))
    facts = imported(tmp_path / 'set', bag)[1].facts
    assert facts['first_drops'].keys() == facts['dropped_steps'].keys()
    assert 'got none within' in facts['first_drops']['missing image']
    assert "joint 'joint_y': got 40" in facts['first_drops']['joints far beyond their limits']


@pytest.mark.parametrize('marks', [(('begin', 300), ('succeed', 2000), ('begin', 4000)), ()])
def test_a_pause_of_the_recording_is_no_loss(
    tmp_path: Path, recording: Any, marks: tuple[tuple[str, int], ...]
) -> None:
    paused = without(recording, (CAMERA, '/joint_states'), 2050, 3950)
    topics = imported(tmp_path / 'set', made.write(tmp_path / 'bag', marked(paused, *marks)))[
        1
    ].facts['topics']
    assert topics[CAMERA]['dropped'] == 0
    assert topics['/joint_states']['dropped'] == 0


def test_what_is_lost_within_an_episode_is_counted(tmp_path: Path, recording: Any) -> None:
    """Of one topic, and of all: the operator said that an attempt was on."""
    lossy = without(recording, (CAMERA,), 1500, 2000)
    lossy = without(lossy, (CAMERA, '/joint_states'), 3000, 4500)
    bag = made.write(tmp_path / 'bag', marked(lossy, ('begin', 500), ('succeed', 5500)))
    topics = imported(tmp_path / 'set', bag)[1].facts['topics']
    assert 55 <= topics[CAMERA]['dropped'] <= 62
    assert 145 <= topics['/joint_states']['dropped'] <= 152
