# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Data sets of others become ours by the rules of bags, and what is wrong with them is said."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lerobot_of_steps as made
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transforms3d.axangles import axangle2mat

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import SERIAL, Pool
from hma_ros.core.vision.image import preprocess
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.column_map import ColumnMap
from hma_ros.data.episode_import import FieldMap, import_episodes
from hma_ros.data.episode_source import Feature
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.lerobot_source import LeRobotSource
from hma_ros.data.lerobot_writer import LeRobotWriter

SPEC = load_embodiment('sim_planar')
NAMES = FieldMap()


def imported(folder: Path, source: Path, mapping: FieldMap = NAMES) -> tuple[LeRobotData, Any]:
    result = import_episodes(LeRobotSource(source), LeRobotWriter(folder, SPEC, 'push'), mapping)
    return LeRobotData(folder), result


def check_steps(data: LeRobotData, lengths: tuple[int, ...], most: float) -> None:
    """Each third frame is a step; its action is the last of the three that it lasts."""
    assert len(data) == len(lengths)
    for episode, length in enumerate(lengths):
        steps = list(data.steps(episode))
        assert len(steps) == length // 3
        for number, step in enumerate(steps):
            time_s = number / 10
            np.testing.assert_allclose(step.joints, made.place(time_s), atol=1e-6)
            np.testing.assert_allclose(step.actions[0], made.place(time_s + 0.1), atol=1e-6)
            seen = preprocess(made.image(time_s), SPEC.camera).astype(int)
            assert np.abs(step.frame[20:44, 20:44] - seen[20:44, 20:44]).max() <= most


@pytest.mark.parametrize('version', ['v2.1', 'v3.0'])
def test_steps_hold_what_the_data_set_holds(tmp_path: Path, version: str) -> None:
    source = made.write(tmp_path / 'source', version)
    before = {item: item.read_bytes() for item in source.rglob('*') if item.is_file()}
    data, result = imported(tmp_path / 'set', source)
    check_steps(data, (31, 46), 0)
    assert result.facts['origins'] == {'reported': 25}
    assert {item: item.read_bytes() for item in source.rglob('*') if item.is_file()} == before
    again = import_episodes(
        LeRobotSource(source), LeRobotWriter(tmp_path / 'set', SPEC, 'push'), NAMES
    )
    assert not again.is_new


@pytest.mark.parametrize('version', ['v2.1', 'v3.0'])
@pytest.mark.parametrize('codec', ['mpeg4', 'libx264'])
def test_frames_of_a_video_are_those_of_their_step(
    tmp_path: Path, version: str, codec: str
) -> None:
    """The second episode of v3 begins in the middle of the video."""
    source = made.write(tmp_path / 'source', version, is_video=True, codec=codec)
    data, _ = imported(tmp_path / 'set', source)
    check_steps(data, (31, 46), 2)


def test_the_data_set_does_not_depend_on_the_workers(tmp_path: Path) -> None:
    source, mapping = made.write(tmp_path / 'source', 'v3.0', (31, 16, 46)), FieldMap()
    for name, pool in (('one', SERIAL), ('two', Pool(2))):
        writer = LeRobotWriter(tmp_path / name, SPEC, 'push')
        import_episodes(LeRobotSource(source), writer, mapping, pool)
    # What an import that was killed leaves.
    left = tmp_path / 'two' / layout.PARTS / 'part' / 'file.parquet'
    left.parent.mkdir(parents=True)
    left.touch()
    LeRobotWriter(tmp_path / 'two', SPEC, 'push')
    one, two = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob('*.*')
            if path.is_file()
        }
        for name in ('one', 'two')
    )
    assert len(one) > 5
    assert two == one
    assert not (tmp_path / 'two' / layout.PARTS).exists()


def test_an_episode_without_its_video_is_left_out_and_said(tmp_path: Path, capsys: Any) -> None:
    source = made.write(tmp_path / 'source', 'v2.1', is_video=True)
    videos = sorted(source.glob('videos/*/*/*.mp4'))
    videos[0].unlink()
    command = ['data', 'import', 'lerobot', str(source), '--embodiment', 'sim_planar']
    assert main([*command, '--out', str(tmp_path / 'set')]) == 0
    assert f'left out: episode 0: {videos[0]}: got no file, expected a video' in (
        capsys.readouterr().out
    )
    assert main(['data', 'inspect', str(tmp_path / 'set')]) == 1
    assert 'left out: episode 0' in capsys.readouterr().out
    videos[1].write_bytes(videos[1].read_bytes()[:-9000])
    with pytest.raises(ConfigError, match='no episode is left'):
        imported(tmp_path / 'other', source)


def test_an_episode_that_is_left_out_leaves_none_of_its_pieces(tmp_path: Path) -> None:
    """A number that is none ends a piece before the video breaks off."""
    source = made.write(tmp_path / 'source', 'v2.1', (46, 31), is_video=True)
    with_action(source / 'data/chunk-000/episode_000000.parquet', 14, float('nan'))
    video = sorted(source.glob('videos/*/*/*.mp4'))[0]
    made.write_video(video, [index / made.FPS for index in range(40)])
    data, result = imported(tmp_path / 'set', source)
    assert result.facts['left_out'] == [
        f'episode 0: {video}: got 40 frames from 0 s on, expected 46'
    ]
    assert [item['length'] for item in data.episodes] == [10]
    assert (result.episodes, result.steps) == (1, 10)


def test_a_broken_image_drops_its_step(tmp_path: Path) -> None:
    source = made.write(tmp_path / 'source', 'v3.0', (31,))
    with_broken_images(source, [12])
    data, result = imported(tmp_path / 'set', source)
    assert result.facts['dropped_steps'] == {'unusable image': 1}
    # The last step lacks its actions.
    assert result.facts['dropped_outside'] == {'cut off by an end': 1}
    assert 'image 12: got ' in result.facts['first_drop']
    assert [item['length'] for item in data.episodes] == [4, 5]


def test_a_data_set_of_broken_images_is_refused(tmp_path: Path) -> None:
    source = made.write(tmp_path / 'source', 'v3.0', (31,))
    with_broken_images(source, list(range(31)))
    with pytest.raises(ConfigError, match='image 0: got .*; no episode is left'):
        imported(tmp_path / 'set', source)


def test_the_command_inspects_what_it_imported(tmp_path: Path, capsys: Any) -> None:
    source = made.write(tmp_path / 'source', 'v3.0')
    command = ['data', 'import', 'lerobot', str(source), '--embodiment', 'sim_planar']
    assert main([*command, '--out', str(tmp_path / 'set')]) == 0
    assert '2 episodes, 25 steps' in capsys.readouterr().out
    assert main(['data', 'inspect', str(tmp_path / 'set')]) == 0
    assert '25 steps in 2 episodes (2 result unknown), 0 findings' in capsys.readouterr().out
    assert (tmp_path / 'set' / 'inspect.html').is_file()


def test_an_explicit_mapping_selects_and_scales(tmp_path: Path) -> None:
    source = made.write(tmp_path / 'source', 'v3.0', (31,))
    mapping = FieldMap(made.CAMERA, 'joint_x*1,1', '0,y*1.0')
    data, _ = imported(tmp_path / 'set', source, mapping)
    check_steps(data, (31,), 0)


def test_one_column_for_two_joints_is_refused(tmp_path: Path) -> None:
    source = made.write(tmp_path / 'source', 'v3.0', (31,))
    mapping = FieldMap(made.CAMERA, '1,joint_y', '')
    with pytest.raises(ConfigError, match=r"got 'joint_y' for joint_x and joint_y, expected"):
        imported(tmp_path / 'set', source, mapping)


def test_measured_actions_are_those_of_a_bag(tmp_path: Path) -> None:
    source = made.write(tmp_path / 'source', 'v3.0', (31,))
    data, result = imported(tmp_path / 'set', source, FieldMap(action='measured'))
    check_steps(data, (30,), 0)
    assert result.facts['origins'] == {'measured': 10}


@pytest.mark.parametrize(
    ('fps', 'action', 'told'),
    [
        (25, '', 'or --action measured with a state.max_age_s of at least 0.04 s, the spacing'),
        (30, 'measured', 'got a state.max_age_s of 0.02 s .* expected .* at least 0.0333 s'),
    ],
)
def test_joints_too_far_apart_for_measured_actions_are_said(
    tmp_path: Path, fps: float, action: str, told: str
) -> None:
    source = made.write(tmp_path / 'source', 'v3.0', (31,))
    in_info('fps', value=fps)(source)
    spec = replace(SPEC, state=replace(SPEC.state, max_age_s=0.02))
    writer = LeRobotWriter(tmp_path / 'set', spec, 'push')
    with pytest.raises(ConfigError, match=told):
        import_episodes(LeRobotSource(source), writer, FieldMap(action=action))


@pytest.mark.parametrize(
    ('frame', 'place'), [('base', [3.0, 0.0, 0.0]), ('tool', [0.0, 1.0, 0.0])]
)
def test_increments_that_turn_the_tool_are_composed(
    tmp_path: Path, frame: str, place: list[float]
) -> None:
    """Two quarter turns about z and one about x, each with a metre along x."""
    names, quarter = ('x', 'y', 'z', 'rx', 'ry', 'rz'), np.pi / 2
    turns = np.array([[0, 0, quarter], [0, 0, quarter], [quarter, 0, 0]])
    action = replace(
        SPEC.action,
        semantics='ee_pose_delta',
        rotation='rotation_vector',
        delta_frame=frame,
        names=names,
        units=('m',) * 3 + ('rad',) * 3,
        lower=(-4.0,) * 6,
        upper=(4.0,) * 6,
        coordinates=names[:3],
    )
    limits = replace(SPEC.limits, orientation=load_embodiment('franka_droid').limits.orientation)
    spec = replace(SPEC, action=action, limits=limits)
    source = made.write(tmp_path / 'source', 'v3.0', (31,))
    path = source / 'data/chunk-000/file-000.parquet'
    table = pq.read_table(path)
    actions = [[1.0, 0.0, 0.0, *turns[index % 3]] for index in range(31)]
    column = table.column_names.index('action')
    pq.write_table(table.set_column(column, 'action', [actions]), path)
    in_info('features', 'action', value={'dtype': 'float32', 'shape': [6], 'names': names})(source)
    import_episodes(LeRobotSource(source), LeRobotWriter(tmp_path / 'set', spec, 'push'), NAMES)
    stored = pq.read_table(layout.data_file(tmp_path / 'set', 0)).column(layout.ACTION)
    assert len(stored) == 10
    got = np.array(stored[3].as_py())
    half_z, quarter_x = axangle2mat([0, 0, 1], np.pi), axangle2mat([1, 0, 0], quarter)
    expected = quarter_x @ half_z if frame == 'base' else half_z @ quarter_x
    np.testing.assert_allclose(got[:3], place, atol=1e-6)
    turned = axangle2mat(got[3:], float(np.linalg.norm(got[3:])))
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def edited(path: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def in_info(*keys: str, value: Any) -> Callable[[Path], None]:
    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return lambda source: edited(source / 'meta/info.json', change)


def without_column(source: Path) -> None:
    path = source / 'data/chunk-000/file-000.parquet'
    pq.write_table(pq.read_table(path).drop(['action']), path)


def with_late_frame(source: Path) -> None:
    path = source / 'data/chunk-000/file-000.parquet'
    table = pq.read_table(path)
    times = table.column('timestamp').to_pylist()
    times[4] += 0.02
    place = table.column_names.index('timestamp')
    pq.write_table(table.set_column(place, 'timestamp', [times]), path)


def with_action(path: Path, row: int, value: float) -> None:
    table = pq.read_table(path)
    actions = table.column('action').to_pylist()
    actions[row][1] = value
    place = table.column_names.index('action')
    pq.write_table(table.set_column(place, 'action', [actions]), path)


def with_broken_images(source: Path, rows: list[int]) -> None:
    path = source / 'data/chunk-000/file-000.parquet'
    table = pq.read_table(path)
    images = table.column(made.CAMERA).to_pylist()
    for row in rows:
        images[row]['bytes'] = b'no image'
    place = table.column_names.index(made.CAMERA)
    column = pa.array(images, table.schema.field(place).type)
    pq.write_table(table.set_column(place, made.CAMERA, column), path)


def with_names_that_differ(source: Path) -> None:
    edited(
        source / 'meta/info.json',
        lambda content: content['features'].update(actions=content['features'].pop('action')),
    )


@pytest.mark.parametrize(
    ('break_it', 'reason'),
    [
        (in_info('codebase_version', value='v1.6'), "codebase_version: got 'v1.6', expected v2.1"),
        (in_info('fps', value=25), 'fps: got 25, expected a multiple of 10 .rates.frame_hz'),
        (in_info('fps', value='30'), "fps: got '30', expected a rate"),
        (in_info('features', value=[]), r'features: got \[\], expected a mapping'),
        (in_info('total_frames', value=78), 'episodes: got 77, expected 78 .total_frames'),
        (
            in_info('features', made.CAMERA, 'shape', value=[480, 640, 3]),
            'got images of 640x480, expected 256x256',
        ),
        (
            in_info('features', 'observation.state', 'names', value=['a', 'b', 'c']),
            "--state: got 'joint_x', expected one of a, b, c or 0 to 2",
        ),
        (in_info('data_path', value='../{chunk_index}'), 'data_path: got .* within the data set'),
        (in_info('data_path', value='{chunk_index.real}'), 'data_path: got .* expected a path'),
        (
            in_info('features', 'observation.state', 'shape', value=[4]),
            '3 names, expected 4',
        ),
        (with_names_that_differ, 'features: got actions, .*, expected action'),
        (without_column, 'file-000.parquet: got the columns .*, expected action as well'),
        (with_late_frame, 'timestamp of frame 4: got 0.153333, expected 0.133333 at 30'),
        (
            lambda source: (source / 'data/chunk-000/file-000.parquet').unlink(),
            'file-000.parquet: got no file, expected the frames of episode 0',
        ),
        (
            lambda source: (source / 'data/chunk-000/file-000.parquet').write_bytes(b'PAR1'),
            'file-000.parquet: got .*, expected Parquet',
        ),
        (
            lambda source: (source / 'meta/episodes').rename(source / 'meta/episode'),
            'meta/episodes: got no Parquet files',
        ),
    ],
)
def test_a_malformed_data_set_is_refused_with_the_reason(
    tmp_path: Path, break_it: Callable[[Path], object], reason: str
) -> None:
    source = made.write(tmp_path / 'source', 'v3.0')
    break_it(source)
    with pytest.raises(ConfigError, match=reason):
        imported(tmp_path / 'set', source)


def test_a_data_set_without_episodes_is_refused(tmp_path: Path) -> None:
    source = made.write(tmp_path / 'source', 'v2.1', ())
    with pytest.raises(ConfigError, match='episodes.jsonl: got no episode, expected at least one'):
        imported(tmp_path / 'set', source)


def test_videos_in_another_folder_than_the_metadata_say_are_refused(tmp_path: Path) -> None:
    source = made.write(tmp_path / 'source', 'v3.0', is_video=True)
    (source / 'videos').rename(source / 'video')
    expected = (
        r'videos/.*/file-000\.mp4: got no file, expected a video \(video_path of .*info\.json\); '
        'got the folders data, meta, video, expected videos: rename or fetch it'
    )
    with pytest.raises(ConfigError, match=expected):
        imported(tmp_path / 'set', source)


def test_a_number_that_is_none_drops_its_step(tmp_path: Path) -> None:
    source = made.write(tmp_path / 'source', 'v3.0', (31,))
    with_action(source / 'data/chunk-000/file-000.parquet', 14, float('nan'))
    data, result = imported(tmp_path / 'set', source)
    assert result.facts['dropped_steps']['values out of bounds'] >= 1
    assert "action 'y': got nan" in result.facts['first_drop']
    assert [item['length'] for item in data.episodes] == [4, 5]


def test_increments_of_several_frames_add_up() -> None:
    feature = Feature('float32', (3,), ('a', 'b', 'c'))
    columns = ColumnMap(('x', 'y'), 'c*2,0*-1', feature, 'set')
    np.testing.assert_array_equal(columns.take(np.array([1.0, 2.0, 3.0])), [6.0, -1.0])
    for text in ('a', 'a,d', 'a,3', 'a,b*0', 'a,b*inf', 'a,b*', ','):
        with pytest.raises(ConfigError, match='set: got'):
            ColumnMap(('x', 'y'), text, feature, 'set')
