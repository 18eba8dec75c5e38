# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bags become data sets: nothing is made up, what is lost is counted, bags stay as they were."""

import json
import struct
from copy import deepcopy
from pathlib import Path
from typing import Any

import bag_of_steps as made
import numpy as np
import pyarrow.parquet as pq
import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError, MessageError
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.bag_import import import_bags
from hma_ros.data.inspection import (
    EpisodeView,
    crossed_joints,
    inspect,
    wrapping_angles,
)
from hma_ros.data.inspection_page import write_page
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step, check_step, floored_deviation

SPEC = load_embodiment('sim_planar')
ZSTD = {
    'fmt': CompressionFormat.ZSTD,
    'mode': CompressionMode.MESSAGE,
}


def imported(folder: Path, *bags: Path) -> tuple[LeRobotData, list[Any]]:
    writer = LeRobotWriter(folder, SPEC, 'push')
    results = list(import_bags(bags, writer))
    return LeRobotData(folder), results


def two_bags(folder: Path, recording: Any) -> list[Path]:
    """Write the same messages as of two recordings: what is recorded first differs."""
    firsts = [made.mark('other', made.START_NS - ms * made.MS) for ms in (1, 2)]
    return [
        made.write(folder / name, [('/chatter', *first[1:]), *recording])
        for name, first in zip(('one', 'two'), firsts, strict=True)
    ]


@pytest.fixture(scope='module')
def recording() -> list[tuple[str, int, Any]]:
    return list(made.messages(3.0))


@pytest.mark.parametrize(
    ('storage', 'compression'),
    [(StoragePlugin.MCAP, {}), (StoragePlugin.SQLITE3, {}), (StoragePlugin.SQLITE3, ZSTD)],
)
def test_steps_hold_what_was_recorded(
    tmp_path: Path, recording: Any, storage: Any, compression: dict[str, Any]
) -> None:
    bag = made.write(tmp_path / 'bag', recording, storage, **compression)
    before = {item: item.read_bytes() for item in bag.iterdir()}
    data, [result] = imported(tmp_path / 'set', bag)
    assert result.steps == 28  # of 30 frames, the first and the last lack a measurement
    for step in data.steps(0):
        end_ns = step.stamp_ns + 100 * made.MS
        np.testing.assert_allclose(step.joints, made.place(step.stamp_ns), atol=1e-4)
        np.testing.assert_allclose(step.actions[0], made.place(end_ns), atol=1e-4)
    assert {item: item.read_bytes() for item in bag.iterdir()} == before


def test_a_bag_without_metadata_and_one_cut_short_are_read(tmp_path: Path, recording: Any) -> None:
    bag = made.write(tmp_path / 'bag', recording)
    (bag / 'metadata.yaml').unlink()
    _, [whole] = imported(tmp_path / 'whole', bag)
    assert whole.steps == 28
    file = next(bag.glob('*.mcap'))
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    data, [cut] = imported(tmp_path / 'cut', bag)
    assert 5 < cut.steps < 28
    assert cut.facts['is_truncated']
    assert len(list(data.steps(0))) == cut.steps


@pytest.mark.parametrize('length', [(1 << 63) - 1, (1 << 64) - 1])
def test_a_record_longer_than_the_file_ends_what_is_read(
    tmp_path: Path, recording: Any, length: int
) -> None:
    bag = made.write(tmp_path / 'bag', recording)
    (bag / 'metadata.yaml').unlink()
    file = next(bag.glob('*.mcap'))
    before, record, behind = file.read_bytes().rpartition(struct.pack('<BQ', 0x0F, 4))
    assert record
    file.write_bytes(before + struct.pack('<BQ', 0x0F, length) + behind)
    _, [result] = imported(tmp_path / 'set', bag)
    assert result.steps == 28


def test_bytes_behind_a_message_are_no_fault(tmp_path: Path, recording: Any) -> None:
    """As Python's serialize_message leaves them; the nodes do not mind either."""
    bag = made.write(tmp_path / 'bag', recording, behind=bytes(9))
    _, [result] = imported(tmp_path / 'set', bag)
    assert result.steps == 28
    assert result.facts['topics']['/joint_states']['corrupt'] == 0


def test_a_topic_of_marks_without_any_changes_nothing(tmp_path: Path, recording: Any) -> None:
    bag = made.write(tmp_path / 'bag', recording, empty=[('/episode', 'std_msgs/msg/String')])
    _, [result] = imported(tmp_path / 'set', bag)
    assert result.steps == 28


def test_faults_are_counted_and_end_an_episode(tmp_path: Path, recording: Any) -> None:
    start = made.START_NS
    kept = [
        item
        for item in recording
        if item[0] == '/joint_states' or not 1000 <= (item[1] - start) / made.MS < 1500
    ]
    broken = made.joints(start + 2_000 * made.MS, [np.nan, 0.0])
    kept.append(('/joint_states', start + 2_001 * made.MS, broken))
    kept.append(('/joint_states', start + 2_101 * made.MS, made.joints(start + 2_050 * made.MS)))
    data, [result] = imported(tmp_path / 'set', made.write(tmp_path / 'bag', kept))
    counts = result.facts['topics']
    assert counts['/camera/color/image_raw']['dropped'] in range(13, 16)
    assert counts['/joint_states']['corrupt'] == 1
    assert 'nan' in counts['/joint_states']['first_fault']
    assert counts['/joint_states']['out_of_order'] == 1
    assert result.facts['dropped_steps']['missing image'] >= 1
    assert result.episodes == 2
    for episode in range(2):
        stamps = np.array([step.stamp_ns for step in data.steps(episode)])
        assert (np.abs(np.diff(stamps) - 100 * made.MS) < 40 * made.MS).all()


def test_marks_cut_episodes(tmp_path: Path, recording: Any) -> None:
    marks = [
        made.mark(text, made.START_NS + ms * made.MS)
        for text, ms in [
            ('begin', 300),
            ('succeed', 1000),
            ('begin', 1200),
            ('discard', 1800),
            ('begin', 2000),
            ('fail', 2700),
        ]
    ]
    data, [result] = imported(tmp_path / 'set', made.write(tmp_path / 'bag', [*recording, *marks]))
    assert [item['success'] for item in data.episodes] == [True, False]
    assert result.steps < 16


def test_an_import_tells_what_became_of_the_marks(
    tmp_path: Path, recording: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ['begin', 'begin', 'succeed', 'fail']
    marks = [
        made.mark(text, made.START_NS + (300 + 500 * place) * made.MS)
        for place, text in enumerate(texts)
    ]
    bag = made.write(tmp_path / 'bag', [*recording, *marks])
    command = ['data', 'import', 'bag', str(bag), '--embodiment', 'sim_planar', '--out']
    assert main([*command, str(tmp_path / 'set')]) == 0
    told = 'attempts by their marks: 2 begun, 1 succeeded, 1 never ended, 1 ignored'
    assert told in capsys.readouterr().out
    assert LeRobotData(tmp_path / 'set').outcomes == ['never ended', 'succeeded']


def without_some_images(recording: Any) -> list[Any]:
    """Lose the images from 1.0 to 1.3 s."""
    return [
        item
        for item in recording
        if item[0] == '/joint_states' or not 1000 <= (item[1] - made.START_NS) / made.MS < 1300
    ]


def test_the_result_of_an_episode_counts_for_all_its_pieces(
    tmp_path: Path, recording: Any
) -> None:
    """Images are lost in it, which ends a piece; the last episode is never ended."""
    kept = without_some_images(recording)
    marks = [
        made.mark(text, made.START_NS + ms * made.MS)
        for text, ms in [('begin', 300), ('fail', 1800), ('begin', 2000)]
    ]
    data, _ = imported(tmp_path / 'set', made.write(tmp_path / 'bag', [*kept, *marks]))
    assert data.outcomes == ['failed', 'failed', 'never ended']


def test_an_unmarked_bag_beside_marked_ones_is_a_finding(tmp_path: Path, recording: Any) -> None:
    """Such as one of record:=true in shadow mode."""
    marks = [
        made.mark(text, made.START_NS + ms * made.MS)
        for text, ms in [('begin', 300), ('succeed', 1800)]
    ]
    marked = made.write(tmp_path / 'marked', [*recording, *marks])
    data, _ = imported(tmp_path / 'set', marked, made.write(tmp_path / 'shadow', recording[20:]))
    assert [
        item for item in inspect(data).findings if 'shadow: got 1 episode without marks' in item
    ]


def test_a_discarded_episode_leaves_none_of_its_pieces(tmp_path: Path, recording: Any) -> None:
    """Images are lost in it, which ends a piece."""
    kept = without_some_images(recording)
    marks = [
        made.mark(text, made.START_NS + ms * made.MS)
        for text, ms in [('begin', 300), ('discard', 1800), ('begin', 2000), ('succeed', 2700)]
    ]
    data, [result] = imported(tmp_path / 'set', made.write(tmp_path / 'bag', [*kept, *marks]))
    assert [item['success'] for item in data.episodes] == [True]
    assert next(data.steps(0)).stamp_ns >= made.START_NS + 2000 * made.MS
    assert result.episodes == 1
    assert result.steps == len(list(data.steps(0)))
    assert len(list((tmp_path / 'set' / 'data').rglob('*.parquet'))) == 1


def test_an_import_goes_on_where_it_was_interrupted(tmp_path: Path, recording: Any) -> None:
    bags = two_bags(tmp_path, recording)
    imported(tmp_path / 'set', bags[0])
    # What a killed import of the second bag leaves.
    left = layout.data_file(tmp_path / 'set', 1)
    left.write_bytes(b'half a file')
    data, results = imported(tmp_path / 'set', *bags)
    assert [item.is_new for item in results] == [False, True]
    assert len(data) == 2
    assert data.info['total_frames'] == sum(len(list(data.steps(index))) for index in range(2))


def test_a_bag_is_known_by_its_content(tmp_path: Path, recording: Any) -> None:
    bag = made.write(tmp_path / 'bag', recording)
    imported(tmp_path / 'set', bag)
    moved = bag.rename(tmp_path / 'moved')
    (moved / 'metadata.yaml').unlink()
    next(moved.glob('*.mcap')).touch()
    data, [result] = imported(tmp_path / 'set', moved)
    assert not result.is_new
    assert len(data) == 1


@pytest.mark.parametrize('storage', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_bag_that_has_grown_is_refused(tmp_path: Path, recording: Any, storage: Any) -> None:
    half = made.write(tmp_path / 'half', recording[: len(recording) // 2], storage)
    imported(tmp_path / 'set', half)
    whole = made.write(tmp_path / 'whole', recording, storage)
    with pytest.raises(ConfigError, match=r'got another version of .*half.* to a new --out'):
        imported(tmp_path / 'set', whole)


def test_equal_episodes_are_a_finding(tmp_path: Path, recording: Any) -> None:
    data, _ = imported(tmp_path / 'set', *two_bags(tmp_path, recording))
    (finding,) = inspect(data).findings
    assert finding.startswith('episodes 1 and 0: got the same steps')


def test_a_first_import_that_was_interrupted_or_refused_can_be_repeated(
    tmp_path: Path, recording: Any
) -> None:
    bag, folder = made.write(tmp_path / 'bag', recording), tmp_path / 'set'
    with pytest.raises(ConfigError, match='/follower/joint_states'):
        list(import_bags([bag], LeRobotWriter(folder, load_embodiment('so101'), 'reach')))
    assert not folder.exists()
    # As a killed import leaves it, of another task.
    LeRobotWriter(folder, SPEC, 'reach').begin()
    data, [result] = imported(folder, bag)
    assert result.steps == 28
    assert data.journal['task'] == 'push'


def test_a_bag_of_another_robot_is_refused(tmp_path: Path, recording: Any) -> None:
    bag = made.write(tmp_path / 'bag', recording)
    writer = LeRobotWriter(tmp_path / 'set', load_embodiment('so101'), 'reach')
    with pytest.raises(ConfigError, match='/follower/joint_states'):
        list(import_bags([bag], writer))


@pytest.mark.parametrize('change', ['nan', 'range', 'shape', 'dtype'])
def test_wrong_steps_are_refused(change: str) -> None:
    frame, joints = np.zeros((64, 64, 3), np.uint8), np.zeros(2, np.float32)
    actions = np.zeros((1, 2), np.float32)
    if change == 'nan':
        actions[0, 1] = np.nan
    elif change == 'range':
        actions[0, 1] = 5.0
    elif change == 'shape':
        frame = frame[:32]
    else:
        joints = joints.astype(np.float64)  # type: ignore[assignment]
    with pytest.raises(MessageError, match='file 7: step 3'):
        check_step(SPEC, Step(0, frame, joints, actions), 'file 7: step 3')


def test_a_wrong_array_in_a_file_is_refused_where_it_is_read(
    tmp_path: Path, recording: Any
) -> None:
    data, _ = imported(tmp_path / 'set', made.write(tmp_path / 'bag', recording))
    path = layout.data_file(data.folder, 0)
    rows = pq.read_table(path).to_pylist()
    rows[4][layout.ACTION][0] = float('nan')
    pq.write_table(layout.load_pyarrow().Table.from_pylist(rows, layout.schema(SPEC)), path)
    with pytest.raises(MessageError, match=r"step 4: action 'x': got nan"):
        list(data.steps(0))
    information = json.loads((data.folder / layout.INFO).read_text())
    information['features'][layout.ACTION]['names'] = ['y', 'x']
    (data.folder / layout.INFO).write_text(json.dumps(information))
    with pytest.raises(ConfigError, match=r'features\.action'):
        LeRobotData(data.folder)


def test_a_constant_dimension_keeps_a_sensible_deviation() -> None:
    floored = floored_deviation(SPEC, np.array([0.0, 0.1]))
    np.testing.assert_allclose(floored, [0.0048, 0.1])


def test_the_page_of_an_inspection_stands_alone(tmp_path: Path, recording: Any) -> None:
    data, _ = imported(tmp_path / 'set', made.write(tmp_path / 'bag', recording))
    found = inspect(data)
    assert found.steps == 28
    assert found.findings == []
    write_page(data, found, tmp_path / 'page.html')
    page = (tmp_path / 'page.html').read_text()
    assert 'data:image/png;base64,' in page
    assert 'src="http' not in page


def test_a_still_robot_is_a_finding(tmp_path: Path, recording: Any) -> None:
    still = [
        (topic, at, made.joints(made.START_NS + (at - made.START_NS), [0.1, 0.0]))
        if topic == '/joint_states'
        else (topic, at, message)
        for topic, at, message in recording
    ]
    data, _ = imported(tmp_path / 'set', made.write(tmp_path / 'bag', still))
    assert [item for item in inspect(data).findings if "action 'x'" in item]


def test_an_absolute_angle_that_wraps_is_a_finding() -> None:
    """The tool points down: its roll is half a turn, in either direction."""
    spec = load_embodiment('franka_droid')
    actions = np.zeros((4, 7), np.float32)
    actions[:, 3] = [3.1, -3.1, -3.0, 3.0]
    view = EpisodeView(np.arange(4.0), actions, np.zeros((4, 7), np.float32), np.ones(3), [])
    [found] = wrapping_angles(spec, [view, view])
    assert "action 'roll': got 4 leaps of more than half a turn" in found
    assert wrapping_angles(load_embodiment('widowx_bridge'), [view]) == []


def test_a_bag_without_marks_says_that_it_is_one_episode_and_what_to_do(
    tmp_path: Path, recording: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = made.write(tmp_path / 'bag', recording)
    command = ['data', 'import', 'bag', str(bag), '--embodiment', 'sim_planar', '--out']
    for added in ('28 steps', '0 steps'):
        assert main([*command, str(tmp_path / 'set')]) == 0
        said, progress = capsys.readouterr()
        assert 'import: 1 of 1 sources in ' in progress
        assert '1 episode, 28 steps' in said
        assert f'added {added}; {tmp_path / "set"}: 28 steps in 1 episode (1 not marked);' in said
        assert 'no marks of episodes' in said
        assert 'hma record' in said


def test_a_bag_of_which_nothing_is_left_is_named_and_a_finding(
    tmp_path: Path, recording: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    good = made.write(tmp_path / 'good', recording)
    still = [
        item for item in recording if item[0] != '/joint_states' or item[1] < made.START_NS + 1
    ]
    first = next(item for item in recording if item[0] == '/joint_states')
    bad = made.write(tmp_path / 'bad', [*still, first])
    command = ['data', 'import', 'bag', str(bad), str(good), '--embodiment', 'sim_planar', '--out']
    assert main([*command, str(tmp_path / 'set')]) == 1
    said = capsys.readouterr().out
    assert '28 steps' in said
    assert said.splitlines()[-1].startswith(f'{bad}: got no steps')
    (finding,) = (
        item
        for item in inspect(LeRobotData(tmp_path / 'set')).findings
        if str(bad) in item and 'steps dropped' in item
    )
    assert 'the first: ' in finding


def test_an_interrupted_import_says_how_to_go_on(
    tmp_path: Path, recording: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    bag, folder = made.write(tmp_path / 'bag', recording), tmp_path / 'set'
    command = ['data', 'import', 'bag', str(bag), '--embodiment', 'sim_planar', '--out']
    with monkeypatch.context() as patch:
        patch.setattr(LeRobotWriter, 'commit', raise_interrupt)
        assert main([*command, str(folder)]) == 130
    assert 'the same command goes on' in capsys.readouterr().err
    assert main(['data', 'inspect', str(folder)]) == 2
    assert 'unfinished import' in capsys.readouterr().err
    assert main([*command, str(folder)]) == 0


def raise_interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize('is_crossed', [False, True])
def test_a_target_that_another_joint_follows_is_a_finding(is_crossed: bool) -> None:
    spec = load_embodiment('so101')
    time_s = np.linspace(0.0, 6.0, 60)[:, None]
    joints = np.sin(time_s * np.linspace(1.0, 3.0, len(spec.state.joints))).astype(np.float32)
    actions = np.zeros((60, len(spec.action.names)), np.float32)
    count = len(spec.action.coordinates)
    places = [spec.state.joints.index(name) for name in spec.action.coordinates]
    actions[:-1, :count] = joints[1:, places]
    if is_crossed:
        actions[:, [0, 1]] = actions[:, [1, 0]]
    found = crossed_joints(spec, [EpisodeView(time_s[:, 0], actions, joints, np.ones(59), [])])
    names = [f'action {name!r}: ' for name in spec.action.coordinates[:2]] if is_crossed else []
    assert [item[: item.index(': ') + 2] for item in found] == names


def test_two_cameras_on_one_topic_are_a_finding(tmp_path: Path, recording: Any) -> None:
    camera = '/camera/color/image_raw'
    others = [
        (topic, at + 1, made.image(at - 4 * made.MS))
        for topic, at, _ in recording
        if topic == camera
    ]
    data, _ = imported(tmp_path / 'set', made.write(tmp_path / 'bag', [*recording, *others]))
    assert any(
        item.startswith(f'{camera}: got messages in bursts') for item in inspect(data).findings
    )


@pytest.mark.parametrize(
    ('names', 'told'),
    [
        (['j0', 'j1'], "'joint_x': got none (only of j0, j1)"),
        (['joint_x', 'j1'], "'joint_y': got none (only of j1, joint_x)"),
    ],
)
def test_joints_of_other_names_are_named(
    tmp_path: Path, recording: Any, names: list[str], told: str
) -> None:
    other = deepcopy(recording)
    for topic, _, message in other:
        if topic == '/joint_states':
            message.name = names
    _, [result] = imported(tmp_path / 'set', made.write(tmp_path / 'bag', other))
    assert result.steps == 0
    assert told in result.facts['first_drop']
    assert 'state.sources.message_names' in result.facts['first_drop']


@pytest.mark.parametrize(
    ('offset_s', 'told'),
    [
        (3600, 'got 3600 s in the future, expected 0 to 200 ms by the clock of the recorder'),
        (-1_699_000_000, 'use_sim_time:=true if the driver follows /clock'),
    ],
)
def test_stamps_of_another_clock_are_named(
    tmp_path: Path, recording: Any, offset_s: int, told: str
) -> None:
    other = deepcopy(recording)
    for _, _, message in other:
        message.header.stamp.sec += offset_s
    _, [result] = imported(tmp_path / 'set', made.write(tmp_path / 'bag', other))
    faults = [counts['first_fault'] for counts in result.facts['topics'].values()]
    assert all(fault.startswith('all messages: header.stamp: got ') for fault in faults)
    assert told in result.facts['topics']['/joint_states']['first_fault']


@pytest.mark.parametrize('topic', ['/joint_states', '/camera/color/image_raw'])
def test_a_bag_with_a_topic_of_another_type_is_refused(
    tmp_path: Path, recording: Any, topic: str
) -> None:
    other = [(name, at, item) for name, at, item in recording if name != topic]
    other.append((topic, made.START_NS, made.mark('begin', 0)[2]))
    bag = made.write(tmp_path / 'bag', other)
    fault = f'{bag}: {topic}: got the type std_msgs/msg/String, expected sensor_msgs/msg/'
    whole = made.write(tmp_path / 'whole', recording)
    with pytest.raises(ConfigError, match=fault):
        imported(tmp_path / 'set', whole, bag)
    # Before any was read.
    assert not list(tmp_path.glob('set/**/*.parquet'))


def test_marks_of_another_type_are_not_read_and_said(tmp_path: Path, recording: Any) -> None:
    number = made.TYPES.types['std_msgs/msg/Int32'](1)
    marked = [*recording, ('/episode', made.START_NS + 1000 * made.MS, number)]
    _, [result] = imported(tmp_path / 'set', made.write(tmp_path / 'bag', marked))
    assert result.steps == 28
    fault = result.facts['topics']['/episode']['first_fault']
    assert 'got the type std_msgs/msg/Int32, expected std_msgs/msg/String: not read' in fault


def test_marks_without_a_begin_say_that_all_lies_outside(tmp_path: Path, recording: Any) -> None:
    marked = [*recording, made.mark('succeed', made.START_NS + 2500 * made.MS)]
    _, [result] = imported(tmp_path / 'set', made.write(tmp_path / 'bag', marked))
    assert result.steps == 0
    fault = result.facts['topics']['/episode']['first_fault']
    assert 'got no mark begin' in fault
    assert 'all 27 steps lie outside' in fault


@pytest.mark.parametrize('given', [[], ['--embodiment', 'sim_planar']])
def test_a_folder_of_bags_is_told_from_a_bag(
    tmp_path: Path, recording: Any, capsys: Any, given: list[str]
) -> None:
    (tmp_path / 'bags').mkdir()
    made.write(tmp_path / 'bags' / 'one', recording[:9])
    command = ['data', 'import', 'bag', str(tmp_path / 'bags'), '--out', str(tmp_path / 'set')]
    assert main([*command, *given]) == 2
    assert f'got a folder of bags, expected a bag; name them, such as {tmp_path}/bags/*' in (
        capsys.readouterr().err
    )


def test_an_empty_file_of_a_bag_is_named(tmp_path: Path, recording: Any) -> None:
    bag = made.write(tmp_path / 'bag', recording[:9])
    (bag / 'metadata.yaml').unlink()
    file = next(bag.glob('*.mcap'))
    file.write_bytes(b'')
    with pytest.raises(ConfigError, match=f'{file}: got an empty file'):
        imported(tmp_path / 'set', bag)


def test_a_bag_that_was_imported_is_skipped_whatever_its_namespace(
    tmp_path: Path, recording: Any
) -> None:
    outer = [(f'/left{topic}', *rest) for topic, *rest in recording]
    bag = made.write(tmp_path / 'bag', outer)
    writer = LeRobotWriter(tmp_path / 'set', SPEC, 'push')
    (first,) = import_bags([bag], writer, 'left')
    (again,) = import_bags([bag], writer)
    assert (first.is_new, again.is_new) == (True, False)
