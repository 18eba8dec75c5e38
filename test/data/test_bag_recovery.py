# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bags whose recorder was killed, or that were copied in part, and files that are no bags."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import bag_of_steps as made
import pytest
import yaml
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import ConfigError
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.bag_import import import_bags
from hma_ros.data.bag_messages import BagMessages
from hma_ros.data.imported_episodes import ImportedEpisodes
from hma_ros.data.imported_source import ImportedSource
from hma_ros.data.lerobot_reader import LeRobotData
from hma_ros.data.lerobot_writer import LeRobotWriter

SPEC = load_embodiment('sim_planar')
KINDS = [StoragePlugin.MCAP, StoragePlugin.SQLITE3]
BEHIND = {StoragePlugin.MCAP: '.mcap', StoragePlugin.SQLITE3: '.db3'}


def recording(marks: str, seconds: float = 6.0) -> list[tuple[str, int, Any]]:
    """Record, with a mark after each second, such as b for begin and d for discard."""
    texts = {'b': 'begin', 's': 'succeed', 'f': 'fail', 'd': 'discard'}
    return [
        *made.messages(seconds),
        *(
            made.mark(texts[key], made.START_NS + (1000 * number + 1000) * made.MS)
            for number, key in enumerate(marks)
        ),
    ]


def cut(bag: Path, share: float) -> Path:
    """Leave the first part of a file, as of a recorder that was killed."""
    (bag / 'metadata.yaml').unlink()
    [file] = (item for item in bag.iterdir() if item.suffix in BEHIND.values())
    os.truncate(file, round(share * file.stat().st_size))
    return bag


def imported(folder: Path, *bags: Path) -> tuple[LeRobotData, list[ImportedSource]]:
    results = list(import_bags(bags, LeRobotWriter(folder, SPEC, 'push')))
    return LeRobotData(folder), results


@pytest.mark.parametrize('storage', KINDS)
def test_marks_of_a_bag_without_its_end_keep_their_meaning(tmp_path: Path, storage: Any) -> None:
    """Nothing is learned of the time before the first begin, nor of what was never ended."""
    bag = cut(made.write(tmp_path / 'bag', recording('bsbdb'), storage), 0.95)
    data, [result] = imported(tmp_path / 'set', bag)
    assert result.facts['is_truncated']
    assert data.outcomes == ['succeeded', 'never ended']
    assert result.facts['marks']['discarded'] == 1
    assert len(ImportedEpisodes(tmp_path / 'set')) == 1
    for number, (first_ms, last_ms) in enumerate([(1000, 2000), (5000, 6000)]):
        stamps = [(step.stamp_ns - made.START_NS) / made.MS for step in data.steps(number)]
        assert first_ms - 100 <= stamps[0] < stamps[-1] <= last_ms


def test_without_marks_beside_marked_bags_it_ended_before_the_first_begin(tmp_path: Path) -> None:
    marked = made.write(tmp_path / 'marked', recording('bs')[1:])
    bag = cut(made.write(tmp_path / 'bag', recording('bs')), 0.15)
    for name, bags in (('together', [bag, marked]), ('after', [marked]), ('after', [bag])):
        data, results = imported(tmp_path / name, *bags)
    assert data.outcomes == ['succeeded']
    [told] = results[0].facts['left_out']
    assert 'got no marks, expected some as in the other bags' in told


@pytest.mark.parametrize('storage', KINDS)
@pytest.mark.parametrize('share', [0.3, 0.6, 0.9])
def test_all_that_is_whole_is_read(tmp_path: Path, storage: Any, share: float) -> None:
    bag = cut(made.write(tmp_path / 'bag', recording('', 3.0), storage), share)
    _, [result] = imported(tmp_path / 'set', bag)
    assert 28 * share - 4 <= result.steps <= 28 * share + 1
    assert result.facts['is_truncated']


@pytest.mark.parametrize('storage', KINDS)
@pytest.mark.parametrize(('share', 'grown'), [(0.4, 0.7), (0.4, 1.0), (0.98, 1.0)])
def test_a_bag_without_its_end_that_has_grown_is_refused(
    tmp_path: Path, storage: Any, share: float, grown: float
) -> None:
    bag = made.write(tmp_path / 'bag', recording('', 3.0), storage)
    [file] = bag.glob(f'*{BEHIND[storage]}')
    whole = file.read_bytes()
    cut(bag, share)
    imported(tmp_path / 'set', bag)
    file.write_bytes(whole[: round(grown * len(whole))])
    with pytest.raises(ConfigError, match='got another version of .*, which was imported before'):
        imported(tmp_path / 'set', bag)


@pytest.mark.parametrize('storage', KINDS)
def test_a_truncated_bag_whose_messages_were_not_counted_is_known_again(
    tmp_path: Path, storage: Any
) -> None:
    """Earlier imports took the count from the index, which is lost."""
    bag = cut(made.write(tmp_path / 'bag', recording('', 3.0), storage), 0.6)
    imported(tmp_path / 'set', bag)
    journal = tmp_path / 'set' / layout.JOURNAL
    content = json.loads(journal.read_text())
    content['sources'][0]['source']['messages'] = 0
    journal.write_text(json.dumps(content))
    other = made.write(tmp_path / 'other', recording('', 2.0)[9:])
    data, results = imported(tmp_path / 'set', bag, other)
    assert [item.is_new for item in results] == [False, True]
    assert len(data) == 2


def test_a_bag_that_gave_nothing_is_read_anew_once_it_has_grown(tmp_path: Path) -> None:
    bag = made.write(tmp_path / 'bag', recording('bs', 3.0))
    file = next(bag.glob('*.mcap'))
    whole = file.read_bytes()
    other = made.write(tmp_path / 'other', recording('', 2.0)[1:])
    _, [_, result, again] = imported(tmp_path / 'set', other, cut(bag, 0.4), bag)
    assert (result.steps, again.steps, again.is_new) == (0, 0, False)
    file.write_bytes(whole)
    data, [_, result] = imported(tmp_path / 'set', other, bag)
    assert result.is_new
    assert data.outcomes == ['not marked', 'succeeded']
    assert len(data.journal['sources']) == 2


@pytest.mark.parametrize('storage', KINDS)
def test_a_bag_that_only_lacks_its_index_is_the_same(tmp_path: Path, storage: Any) -> None:
    bag = made.write(tmp_path / 'bag', recording('bs', 3.0), storage)
    imported(tmp_path / 'set', bag)
    (bag / 'metadata.yaml').unlink()
    [file] = bag.glob(f'*{BEHIND[storage]}')
    if storage == StoragePlugin.MCAP:
        os.truncate(file, file.stat().st_size - 8)
    _, [result] = imported(tmp_path / 'set', bag)
    assert not result.is_new


def test_a_log_that_sqlite_left_is_the_missing_end(tmp_path: Path) -> None:
    bag = made.write(tmp_path / 'bag', recording('bs', 3.0), StoragePlugin.SQLITE3)
    with closing(sqlite3.connect(next(bag.glob('*.db3')))) as database:
        database.execute('PRAGMA journal_mode=WAL')
        database.execute('DELETE FROM messages WHERE id > 300')
        database.commit()
        _, [result] = imported(tmp_path / 'set', bag)
    assert result.facts['is_truncated']


def test_a_damaged_chunk_ends_what_is_read(tmp_path: Path) -> None:
    kind = {'fmt': CompressionFormat.ZSTD, 'mode': CompressionMode.STORAGE}
    bag = cut(made.write(tmp_path / 'bag', recording('bdb', 6.0), **kind), 0.9)
    file = next(bag.glob('*.mcap'))
    content = bytearray(file.read_bytes())
    place = round(0.7 * len(content))
    content[place : place + 99] = bytes(range(99))
    file.write_bytes(content)
    data, [result] = imported(tmp_path / 'set', bag)
    assert data.outcomes == ['never ended']
    assert 5 < result.steps < 15


def test_messages_written_a_little_late_do_not_end_the_bag(tmp_path: Path) -> None:
    """Several threads of a recorder write them."""
    rows = sorted(recording('', 3.0), key=lambda item: item[1])
    rows[40], rows[43] = rows[43], rows[40]
    bag = cut(made.write(tmp_path / 'bag', rows, is_sorted=False), 0.95)
    with BagMessages(bag) as found:
        times_ns = [item.log_ns for item in found.messages(list(found.topics))]
    assert len(times_ns) > 350
    assert times_ns == sorted(times_ns)


def test_behind_a_damaged_file_a_mark_judges_nothing_ahead_of_it(tmp_path: Path) -> None:
    """The fail of the first attempt, at 2 s, and the begin of the second are lost with its end."""
    rows = sorted(recording('bfbs'), key=lambda item: item[1])
    (tmp_path / 'bag').mkdir()
    for number, (first_ms, end_ms) in enumerate([(0, 3200), (3200, 9000)]):
        part = [item for item in rows if first_ms <= (item[1] - made.START_NS) / made.MS < end_ms]
        folder = made.write(tmp_path / f'part_{number}', part)
        next(folder.glob('*.mcap')).rename(tmp_path / 'bag' / f'bag_{number}.mcap')
    file = tmp_path / 'bag' / 'bag_0.mcap'
    os.truncate(file, round(0.55 * file.stat().st_size))
    data, [result] = imported(tmp_path / 'set', tmp_path / 'bag')
    assert data.outcomes == ['never ended']
    assert result.facts['marks']['ignored'] == 1
    assert result.facts['is_truncated']


def split(folder: Path, rows: list[tuple[str, int, Any]], storage: Any, **kind: Any) -> Path:
    """Write a bag in files of 3.5 s, with the metadata of rosbag2."""
    folder.mkdir()
    infos = list[dict[str, Any]]()
    for number in range(3):
        start_ns, end_ns = (made.START_NS + 3500 * made.MS * (number + more) for more in (0, 1))
        part = [item for item in rows if start_ns <= item[1] < end_ns]
        bag = made.write(folder.with_name(f'part_{number}'), part, storage, **kind)
        infos.append(yaml.safe_load((bag / 'metadata.yaml').read_text()))
        next(bag.glob(f'*{BEHIND[storage]}')).rename(folder / f'bag_{number}{BEHIND[storage]}')
    names = sorted(item.name for item in folder.iterdir())
    infos[0]['rosbag2_bagfile_information']['relative_file_paths'] = names
    (folder / 'metadata.yaml').write_text(yaml.safe_dump(infos[0]))
    return folder


@pytest.mark.parametrize('has_metadata', [True, False])
@pytest.mark.parametrize(
    ('storage', 'kind', 'size'),
    [
        (
            StoragePlugin.MCAP,
            {'fmt': CompressionFormat.ZSTD, 'mode': CompressionMode.STORAGE},
            99,
        ),
        (StoragePlugin.SQLITE3, {}, 20_000),
    ],
)
def test_behind_a_damaged_file_the_next_begin_counts(
    tmp_path: Path, storage: Any, kind: dict[str, Any], size: int, has_metadata: bool
) -> None:
    """The first file is damaged behind its first attempt; its index is whole."""
    bag = split(tmp_path / 'bag', recording('bsbfbsbs', 9.0), storage, **kind)
    file = bag / f'bag_0{BEHIND[storage]}'
    content = bytearray(file.read_bytes())
    place = round(0.75 * len(content))
    content[place : place + size] = bytes(size)
    file.write_bytes(content)
    if not has_metadata:
        (bag / 'metadata.yaml').unlink()
    data, [result] = imported(tmp_path / 'set', bag)
    results = [item for item in data.outcomes if item != 'never ended']
    assert results == ['succeeded', 'succeeded', 'succeeded']
    assert result.facts['marks']['ignored'] == 1
    assert result.facts['is_truncated']


@pytest.mark.parametrize('name', ['rec1.log', 'rec1.mcap', 'rec1.db3', 'rec1', 'rec1.bag'])
def test_a_file_that_is_no_bag_is_called_so(tmp_path: Path, capsys: Any, name: str) -> None:
    path = tmp_path / name
    path.write_text('[INFO] recording\n' * 9)
    command = ['data', 'import', 'bag', str(path), '--embodiment', 'sim_planar', '--out']
    assert main([*command, str(tmp_path / 'set')]) == 2
    said = capsys.readouterr().err
    assert f'{path}: got a file that begins as neither MCAP nor sqlite3, expected a' in said
    assert not (tmp_path / 'set').exists()


def test_a_bag_under_another_name_is_told_which(tmp_path: Path) -> None:
    bag = made.write(tmp_path / 'bag', recording('', 1.0))
    path = next(bag.glob('*.mcap')).rename(tmp_path / 'run.db3')
    with pytest.raises(ConfigError, match=r'run\.db3: got a file that begins as \.mcap'):
        BagMessages(path)


def test_what_breaks_off_at_once_is_an_error(tmp_path: Path) -> None:
    bag = cut(made.write(tmp_path / 'bag', recording('', 1.0), StoragePlugin.SQLITE3), 0.0005)
    with pytest.raises(ConfigError, match='expected a rosbag2 bag'):
        imported(tmp_path / 'set', bag)
