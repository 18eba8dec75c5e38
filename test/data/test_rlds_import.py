# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""RLDS data sets become ours by the rules of bags; damaged records are left out and named."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rlds_of_steps as made
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError, HmaError, MessageError
from hma_ros.core.vision.image import preprocess
from hma_ros.data.episode_import import FieldMap, import_episodes
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.rlds_source import RldsSource
from hma_ros.data.tfrecords import masked_crc32c, parse_example, records

SPEC = load_embodiment('sim_planar')
NUMBERS = FieldMap(state='0,1', action='0,1')
ACTION_KEYS = ('action/target', 'action/gripper')


def imported(
    folder: Path, source: Path, mapping: FieldMap = NUMBERS, **options: Any
) -> tuple[LeRobotData, Any]:
    options = {'action': ACTION_KEYS, 'fps': made.FPS, **options}
    result = import_episodes(
        RldsSource(source, **options), LeRobotWriter(folder, SPEC, 'push'), mapping
    )
    return LeRobotData(folder), result


def check_steps(data: LeRobotData, lengths: tuple[int, ...], most: float = 0) -> None:
    """Each second frame is a step; its action is the last of the two that it lasts."""
    assert [item['length'] for item in data.episodes] == list(lengths)
    for episode in range(len(lengths)):
        for number, step in enumerate(data.steps(episode)):
            time_s = number / 10
            np.testing.assert_allclose(step.joints, made.place(time_s), atol=1e-6)
            np.testing.assert_allclose(step.actions[0], made.place(time_s + 0.1), atol=1e-6)
            seen = preprocess(made.image(time_s), SPEC.camera).astype(int)
            assert np.abs(step.frame - seen).max() <= most


def test_steps_hold_what_the_records_hold(tmp_path: Path) -> None:
    """The last step of a record has no action."""
    shards = [
        [made.episode(21), made.episode(31, success=True)],
        [made.episode(12, success=False)],
    ]
    source = made.write(tmp_path / '1.0.0', shards)
    before = {item: item.read_bytes() for item in source.iterdir()}
    data, result = imported(tmp_path / 'set', source)
    check_steps(data, (10, 15, 5))
    assert [item['success'] for item in data.episodes] == [None, True, False]
    assert result.facts['origins'] == {'reported': 30}
    assert {item: item.read_bytes() for item in source.iterdir()} == before
    assert not imported(tmp_path / 'set', source)[1].is_new


@pytest.mark.parametrize(
    ('options', 'mapping', 'reason'),
    [
        ({'fps': 40}, NUMBERS, 'fps: got 40.0, expected 20.0'),
        ({'action': ('action/target',)}, NUMBERS, "action-key: got 'action/target', expected "),
        ({}, FieldMap(state='1,0', action='0,1'), "state: got '1,0', expected '0,1'"),
    ],
)
def test_another_import_of_the_same_files_is_refused(
    tmp_path: Path, options: dict[str, Any], mapping: FieldMap, reason: str
) -> None:
    """What is there would be left as it is, and the option mean nothing."""
    source = made.write(tmp_path / '1.0.0', [[made.episode(21)]])
    imported(tmp_path / 'set', source)
    with pytest.raises(ConfigError, match=f'{reason}.* as in the import before; choose another'):
        imported(tmp_path / 'set', source, mapping, **options)


def test_files_of_two_builds_are_refused(tmp_path: Path) -> None:
    """Their episodes would count twice."""
    source = made.write(tmp_path / '1.0.0', [[made.episode(21)]])
    made.write(source, [[made.episode(21)], []])
    with pytest.raises(
        ConfigError, match=r'\*-of-00001, .*\*-of-00002, expected the files of one'
    ):
        imported(tmp_path / 'set', source)


def test_jpeg_is_read_too(tmp_path: Path) -> None:
    source = made.write(tmp_path / '1.0.0', [[made.episode(21, 'JPEG')]])
    check_steps(imported(tmp_path / 'set', source)[0], (10,), 3)


def test_splits_are_separate_sources(tmp_path: Path) -> None:
    source = made.write(tmp_path / '1.0.0', [[made.episode(21)]])
    made.write(source, [[made.episode(31)]], 'val')
    imported(tmp_path / 'set', source)
    data, result = imported(tmp_path / 'set', source, split='val')
    assert result.is_new
    check_steps(data, (10, 15))


def test_measured_actions_need_no_actions(tmp_path: Path) -> None:
    source = made.write(tmp_path / '1.0.0', [[made.episode(21)]])
    mapping = FieldMap(state='0,1', action='measured')
    data, result = imported(tmp_path / 'set', source, mapping)
    check_steps(data, (10,))
    assert result.facts['origins'] == {'measured': 10}


@pytest.mark.parametrize('change', ['data', 'length', 'end', 'absent'])
def test_damage_is_left_out_and_named(tmp_path: Path, change: str) -> None:
    source = made.write(tmp_path / '1.0.0', [[made.episode(21)] * 2, [made.episode(31)]])
    path = source / 'pushes-train.tfrecord-00000-of-00002'
    content = bytearray(path.read_bytes())
    if change == 'absent':
        path.unlink()
    else:
        place = {'data': len(content) // 4, 'length': 0, 'end': 0}[change]
        content[place] ^= 255 if change != 'end' else 0
        path.write_bytes(content[: -5 if change == 'end' else None])
    data, result = imported(tmp_path / 'set', source)
    check_steps(data, {'data': (10, 15), 'end': (10, 15)}.get(change, (15,)))
    (reason,) = result.facts['left_out']
    assert reason.startswith(path.name)
    assert {
        'data': 'record 0: got data of another checksum',
        'length': 'record 0: got a damaged length',
        'end': 'record 1: got the end of the file, expected 5 more bytes',
        'absent': 'got no such file',
    }[change] in reason


def test_lists_of_other_lengths_leave_the_episode_out(tmp_path: Path) -> None:
    short, early, texts, nothing = (made.episode(21) for _ in range(4))
    short['steps/observation/state'] = short['steps/observation/state'][:-1]
    early['steps/is_last'][3] = 1
    texts['steps/action/target'] = [b'1'] * 42
    del nothing['steps/observation/image']
    broken = [short, early, texts, nothing, made.episode(31)]
    data, result = imported(tmp_path / 'set', made.write(tmp_path / '1.0.0', [broken]))
    check_steps(data, (15,))
    for got, expected in zip(
        result.facts['left_out'],
        (
            'record 0: observation/state: got 60 values, expected 21 steps x 3 numbers',
            'record 1: is_last: got 21 flags, set at 3, 20, expected 21, set at 20 alone',
            'record 2: action/target: got 42 values, expected 21 steps x 2 numbers',
            'record 3: observation/image: got action/gripper, ',
        ),
        strict=True,
    ):
        assert expected in got


def test_a_broken_image_or_number_drops_its_step(tmp_path: Path) -> None:
    episode = made.episode(41)
    episode['steps/observation/image'][8] = b'no image'
    episode['steps/action/target'][27, 1] = np.nan
    data, result = imported(tmp_path / 'set', made.write(tmp_path / '1.0.0', [[episode]]))
    assert [item['length'] for item in data.episodes] == [4, 8, 6]
    assert 'record 0: observation/image of step 8: got ' in result.facts['first_drop']


@pytest.mark.parametrize(
    ('options', 'mapping', 'reason'),
    [
        ({'split': 'test'}, NUMBERS, "--split: got 'test', expected one of train"),
        ({'fps': 15}, NUMBERS, '--fps: got 15, expected a multiple of 10'),
        ({'fps': 5}, FieldMap(state='0,1', action='measured'), '--fps: got 5, expected at least'),
        (
            {},
            FieldMap(),
            'state: --state: got none, expected 2 of the numbers 0 to 2, for joint_x',
        ),
        ({}, FieldMap(state='0,3', action='0,1'), "--state: got '3', expected .* 0 to 2"),
        (
            {},
            FieldMap('observation/wrist', '0,1', '0,1'),
            "--camera: got 'observation/wrist', expected one of observation/image",
        ),
        ({'action': ('action',)}, NUMBERS, 'action: got no such feature, expected a vector'),
        (
            {'action': ('language_instruction',)},
            NUMBERS,
            r'language_instruction: got Text\[\], expected a vector of numbers',
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, options: dict[str, Any], mapping: FieldMap, reason: str
) -> None:
    source = made.write(tmp_path / '1.0.0', [[made.episode(21)]])
    with pytest.raises(ConfigError, match=reason):
        imported(tmp_path / 'set', source, mapping, **options)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    """Where the size is open, each image is checked."""
    source = made.write(tmp_path / '1.0.0', [[made.episode(21)]], shape='64')
    with pytest.raises(ConfigError, match='observation/image: got images of 64x64, expected 256'):
        imported(tmp_path / 'set', source)
    check_steps(
        imported(tmp_path / 'set', made.write(source, [[made.episode(21)]], shape='-1'))[0], (10,)
    )


def test_depth_is_no_image(tmp_path: Path) -> None:
    """Its 16 bits would be cut off at 255 without a word."""
    source = made.write(tmp_path / '1.0.0', [[made.episode(21)]])
    path = source / 'features.json'
    path.write_text(path.read_text().replace('"uint8"', '"uint16"'))
    with pytest.raises(ConfigError, match='--camera: got none, expected a single camera'):
        imported(tmp_path / 'set', source)


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"featuresDict": {"features": {"steps": 1}}}'])
def test_features_of_another_kind_are_refused(tmp_path: Path, text: str) -> None:
    source = made.write(tmp_path / '1.0.0', [[made.episode(21)]])
    (source / 'features.json').write_text(text)
    with pytest.raises(ConfigError, match=r'features\.json: got '):
        imported(tmp_path / 'set', source)


def test_the_command_imports_what_inspect_accepts(tmp_path: Path, capsys: Any) -> None:
    source = made.write(tmp_path / '1.0.0', [[made.episode(21), made.episode(31)]])
    command = ['data', 'import', 'rlds', str(source), '--fps', '20', '--embodiment', 'sim_planar']
    options = ['--state', '0,1', '--action-key', 'action/target', '--action', '0,1']
    assert main([*command, *options, '--out', str(tmp_path / 'set')]) == 0
    assert '2 episodes, 25 steps' in capsys.readouterr().out
    assert main(['data', 'inspect', str(tmp_path / 'set')]) == 0
    facts = json.loads((tmp_path / 'set/meta/info.json').read_text())
    assert facts['total_frames'] == 25


def test_every_source_is_opened_before_any_is_imported(tmp_path: Path) -> None:
    source = made.write(tmp_path / '1.0.0', [[made.episode(21)]])
    command = ['data', 'import', 'rlds', str(source), str(tmp_path / 'none'), '--fps', '20']
    options = ['--embodiment', 'sim_planar', '--state', '0,1', '--action-key', 'action/target']
    assert main([*command, *options, '--action', '0,1', '--out', str(tmp_path / 'set')]) != 0
    assert not (tmp_path / 'set/meta').exists()


def test_a_state_that_is_not_finite_is_named_by_record_and_frame(tmp_path: Path) -> None:
    episode = made.episode(41)
    episode['steps/observation/state'][27, 1] = np.nan
    _, result = imported(tmp_path / 'set', made.write(tmp_path / '1.0.0', [[episode]]))
    assert 'record 0: frame 27: ' in result.facts['topics']['observation.state']['first_fault']


@given(st.binary(max_size=40), st.integers(0, 90))
def test_the_checksum_is_that_of_bit_by_bit(part: bytes, times: int) -> None:
    assert masked_crc32c(part * times) == made.checksum(part * times)


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.lists(st.binary(max_size=8), min_size=1, max_size=4)
        | st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=9).map(np.array)
        | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=9).map(np.array),
        max_size=4,
    )
)
def test_examples_are_read_as_they_were_written(features: dict[str, Any]) -> None:
    found = parse_example(made.example(features), 'record 0')
    assert {key: list(values) for key, values in found.items()} == {
        key: list(values) for key, values in features.items()
    }


@given(st.binary(max_size=200))
def test_bytes_that_are_no_example_are_refused(data: bytes) -> None:
    """Nothing else is raised."""
    with suppress(MessageError):
        assert parse_example(data, 'record 7') is not None


@given(st.data())
def test_damaged_files_never_give_another_record(tmp_path_factory: Any, data: Any) -> None:
    """A file with one wrong byte, or cut off, gives fewer records and says so."""
    wanted = [data.draw(st.binary(max_size=60)) for _ in range(3)]
    content = bytearray(b''.join(made.framed(item) for item in wanted))
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:place]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp('damage') / 'file'
    path.write_bytes(content)
    found = list(records(path))
    kept = [item for item in found if isinstance(item, bytes)]
    assert all(item in wanted for item in kept)
    assert len(kept) < 3
    assert all(isinstance(item, bytes | HmaError) for item in found)
