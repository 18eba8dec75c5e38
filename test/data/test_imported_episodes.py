# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Imported data sets as episodes: what is learned from, what is left out, what is refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError, MessageError
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.imported_episodes import ImportedEpisodes, open_episodes
from hma_ros.data.lerobot_writer import LeRobotWriter
from hma_ros.data.steps import Step

SPEC = load_embodiment('sim_planar')


def write(
    folder: Path, outcomes: list[bool | None], length: int = 4, brightness: int = 0, **facts: bool
) -> Path:
    """Write episodes whose step `t` goes from ``x = 0.01 t`` to ``0.01 (t + 1)``."""
    writer = LeRobotWriter(folder, SPEC, 'push')
    for outcome in outcomes:
        file = writer.begin()
        for step in range(length):
            frame = np.full((128, 128, 3), brightness + step, np.uint8)
            joints = np.float32([0.01 * step, 0.1])
            actions = np.float32([[0.01 * (step + 1), 0.1]])
            file.add(Step(step, frame, joints, actions))
        writer.end(file, outcome)
    writer.commit({'path': 'made up', 'sha256': '', **facts})
    return folder


def test_the_frame_of_the_last_step_ends_the_episode(tmp_path):
    (episode,) = open_episodes(write(tmp_path / 'set', [None]))
    assert episode.steps == 3
    assert [int(frame[0, 0, 0]) for frame in episode.frames] == [0, 1, 2, 3]
    np.testing.assert_allclose(episode.actions[:, 0, 0], [0.01, 0.02, 0.03])
    np.testing.assert_array_equal(episode.labels, episode.actions)
    assert episode.joints.shape == (4, 2)


def test_failures_are_left_out_and_counted(tmp_path):
    data = ImportedEpisodes(write(tmp_path / 'set', [True, False, None]))
    assert len(data) == 2
    assert data.left_out['marked as failed'] == 1
    assert [item.place[-16:] for item in data] == ['file-000.parquet', 'file-002.parquet']


@pytest.mark.parametrize(('has_marks', 'taken'), [(True, 2), (False, 3), (None, 3)])
def test_what_was_begun_and_never_ended_is_no_demonstration(tmp_path, has_marks, taken):
    facts = {} if has_marks is None else {'has_marks': has_marks}
    data = ImportedEpisodes(write(tmp_path / 'set', [True, None, True], **facts))
    assert len(data) == taken
    assert data.left_out['begun and never ended'] == 3 - taken
    assert data.unmarked == (has_marks is False)


def test_nothing_to_learn_from_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='got no episode of two steps or more'):
        open_episodes(write(tmp_path / 'set', [False]))


def test_a_number_that_is_not_finite_is_named_by_file_and_step(tmp_path):
    folder = write(tmp_path / 'set', [None, None])
    path = layout.data_file(folder, 1)
    table = pq.read_table(path)
    actions = table[layout.ACTION].to_pylist()
    actions[2][0] = float('nan')
    column = table.schema.get_field_index(layout.ACTION)
    kind = table.schema.field(layout.ACTION).type
    pq.write_table(table.set_column(column, layout.ACTION, pa.array(actions, kind)), path)
    with pytest.raises(MessageError, match=r"file-001\.parquet: step 2: action 'x': got nan"):
        open_episodes(folder)


def test_other_frames_with_the_same_actions_have_another_fingerprint(tmp_path):
    """Else tokens of a former camera would be read as those of this one."""
    found = [
        open_episodes(write(tmp_path / name, [None], brightness=brightness)).fingerprint
        for name, brightness in (('a', 0), ('b', 0), ('c', 9))
    ]
    assert found[0] == found[1] != found[2]


def test_frames_of_another_size_than_the_tokenizer_takes_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r'got \[128, 128\], expected \[64, 64\]'):
        open_episodes(write(tmp_path / 'set', [None])).check_frame_size(64, 'the tokenizer')


def test_a_folder_of_neither_kind_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='got neither meta/info.json nor metadata.json'):
        open_episodes(tmp_path)


@pytest.mark.parametrize('above', ['', 'sim_planar'])
def test_several_splits_are_refused(tmp_path, above):
    for split in ('train', 'val'):
        folder = tmp_path / above / split / 'shard_00'
        folder.mkdir(parents=True)
        (folder / 'metadata.json').write_text('{}')
    text = f'got the splits train, val, .* give {tmp_path / above / "train"}$'
    with pytest.raises(ConfigError, match=text):
        open_episodes(tmp_path)


def test_a_journal_that_was_changed_is_refused(tmp_path):
    journal = write(tmp_path / 'set', [None]) / layout.JOURNAL
    journal.write_text('{"task": "pull", "embodiment": ""}')
    with pytest.raises(ConfigError, match=r'import.json: got no sources, expected the journal of'):
        LeRobotWriter(tmp_path / 'set', SPEC, 'push')
