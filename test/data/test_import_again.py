# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""An import that is corrected and repeated: what it leaves, what it goes on with, what differs."""

from pathlib import Path
from typing import Any

import bag_of_steps as made
import pytest
import yaml

from hma_ros.cli.main import main
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.topics import EMBODIMENT_KEY
from hma_ros.data import lerobot_layout as layout
from hma_ros.data.lerobot_reader import LeRobotData

TEXT = Path(load_embodiment('sim_planar').path).read_text(encoding='utf-8')
ENCODINGS, VELOCITY = 'encodings: [rgb8]', 'velocity: [0.5, 0.5]'


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.write(tmp_path_factory.mktemp('bags') / 'one', list(made.messages(2.0)))


@pytest.fixture(scope='module')
def another(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.write(tmp_path_factory.mktemp('bags') / 'two', list(made.messages(2.0))[9:])


def run(folder: Path, bag: Path, text: str, *options: str) -> int:
    file = folder / 'sim_planar.yaml'
    file.write_text(text, encoding='utf-8')
    command = ['data', 'import', 'bag', str(bag), '--embodiment', str(file), *options]
    return main([*command, '--out', str(folder / 'set')])


def changed(before: str, after: str) -> str:
    assert before in TEXT
    return TEXT.replace(before, after, 1)


def test_an_import_without_steps_leaves_nothing(tmp_path: Path, bag: Path, capsys: Any) -> None:
    assert run(tmp_path, bag, changed(ENCODINGS, 'encodings: [bgr8]')) == 1
    assert "got 'rgb8'" in capsys.readouterr().out
    assert not (tmp_path / 'set').exists()
    assert run(tmp_path, bag, TEXT) == 0
    assert LeRobotData(tmp_path / 'set').journal['embodiment'] == TEXT


def test_a_folder_that_was_there_stays(tmp_path: Path, bag: Path) -> None:
    (tmp_path / 'set').mkdir()
    assert run(tmp_path, bag, changed(ENCODINGS, 'encodings: [bgr8]')) == 1
    assert list((tmp_path / 'set').iterdir()) == []


def test_an_import_in_another_unit_leaves_nothing(tmp_path: Path) -> None:
    """Its joints are in mm."""
    recording = [
        (topic, at, made.joints(at - made.MS, 1000 * made.place(at - made.MS)))
        if topic == '/joint_states'
        else (topic, at, message)
        for topic, at, message in made.messages(2.0)
    ]
    assert run(tmp_path, made.write(tmp_path / 'bag', recording), TEXT) == 1
    assert not (tmp_path / 'set').exists()


@pytest.mark.parametrize(
    ('text', 'keys'),
    [
        (f'# A comment.\n{TEXT}\n\n', ''),
        (changed(VELOCITY, 'velocity: [0.6, 0.5]'), 'limits.velocity'),
        (changed(ENCODINGS, 'encodings: [rgb8, bgr8]'), 'camera.encodings'),
    ],
)
def test_what_does_not_change_the_data_does_not_matter(
    tmp_path: Path, bag: Path, another: Path, capsys: Any, text: str, keys: str
) -> None:
    assert run(tmp_path, bag, TEXT) == 0
    assert run(tmp_path, another, text) == 0
    said = capsys.readouterr().out
    kept = 'keeps the embodiment file of the first import, which differs in '
    assert (kept in said) == bool(keys)
    assert not keys or f'{kept}{keys}\n' in said
    data = LeRobotData(tmp_path / 'set')
    assert len(data) == 2
    assert layout.embodiment_file(tmp_path / 'set', 'sim_planar').read_text() == TEXT


@pytest.mark.parametrize(
    ('before', 'after', 'told'),
    [
        (
            'topic: camera/color/image_raw',
            'topic: camera/color/image',
            "camera.topic: got 'camera/color/image', expected 'camera/color/image_raw' as in",
        ),
        (
            'resize: [128, 128]',
            'resize: [64, 64]',
            'camera.resize: got (64, 64), expected (128, 128) as in',
        ),
    ],
)
def test_a_key_that_changes_the_data_is_named(
    tmp_path: Path, bag: Path, another: Path, capsys: Any, before: str, after: str, told: str
) -> None:
    assert run(tmp_path, bag, TEXT) == 0
    assert run(tmp_path, another, changed(before, after)) == 2
    assert told in capsys.readouterr().err
    assert len(LeRobotData(tmp_path / 'set')) == 1


def test_another_task_is_named(tmp_path: Path, bag: Path, another: Path, capsys: Any) -> None:
    assert run(tmp_path, bag, TEXT, '--task', 'push') == 0
    assert run(tmp_path, another, TEXT, '--task', 'pull') == 2
    assert "task: got 'pull', expected 'push' as in the import before" in capsys.readouterr().err


def test_what_differs_between_the_files_in_the_bags_of_a_command_is_named(
    tmp_path: Path, capsys: Any
) -> None:
    texts = [TEXT, f'# A comment.\n{TEXT}', changed(VELOCITY, 'velocity: [0.6, 0.5]')]
    bags = list[str]()
    for number, text in enumerate(texts):
        bag = made.write(tmp_path / f'bag_{number}', list(made.messages(1.0))[9 * number :])
        metadata = yaml.safe_load((bag / 'metadata.yaml').read_text())
        metadata['rosbag2_bagfile_information']['custom_data'] = {EMBODIMENT_KEY: text}
        (bag / 'metadata.yaml').write_text(yaml.safe_dump(metadata))
        bags.append(str(bag))
    told = ': its embodiment file is used for all bags; the others differ in '
    for count, keys in ((2, ''), (3, 'limits.velocity\n')):
        out = str(tmp_path / f'set_{count}')
        assert main(['data', 'import', 'bag', *bags[:count], '--out', out]) == 0
        said = capsys.readouterr().out
        assert (told in said) == bool(keys)
        assert not keys or f'{bags[0]}{told}{keys}' in said
        assert layout.embodiment_file(Path(out), 'sim_planar').read_text() == TEXT
