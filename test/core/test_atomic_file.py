# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Files are written whole or not at all; a folder belongs to one process at a time."""

import subprocess
import sys

import pytest

from hma_ros.core.atomic_file import locked, replacing, write_text

HOLD = """
import sys
from pathlib import Path
from hma_ros.core.atomic_file import locked
with locked(Path(sys.argv[1])):
    print('held', flush=True)
    sys.stdin.readline()
    (Path(sys.argv[1]) / 'done').touch()
"""


def test_a_file_takes_the_place_of_another(tmp_path):
    path = tmp_path / 'new' / 'config.json'
    for text in ('first', 'zweite Größe'):
        write_text(path, text)
        assert path.read_text(encoding='utf-8') == text
    assert [item.name for item in path.parent.iterdir()] == ['config.json']


def test_what_a_killed_process_left_is_removed(tmp_path):
    kill = (
        'import os, sys; from pathlib import Path\n'
        'from hma_ros.core.atomic_file import replacing\n'
        'with replacing(Path(sys.argv[1])) as part: part.touch(); os.kill(os.getpid(), 9)'
    )
    path = tmp_path / 'state[1]'
    subprocess.run([sys.executable, '-c', kill, path], check=False)
    (left,) = tmp_path.iterdir()
    assert left.suffix == '.part'
    other = tmp_path / 'state[1].another-machine.1.part'
    other.touch()
    write_text(path, 'new')
    assert sorted(tmp_path.iterdir()) == [path, other]


def test_a_file_stays_as_it_was_when_writing_fails(tmp_path):
    path = tmp_path / 'state'
    path.write_bytes(b'before')

    def fail():
        with replacing(path) as part:
            part.write_bytes(b'half')
            raise OSError('disk full')

    with pytest.raises(OSError, match='disk full'):
        fail()
    assert path.read_bytes() == b'before'
    assert list(tmp_path.iterdir()) == [path]


def test_a_locked_folder_is_waited_for(tmp_path):
    folder = tmp_path / 'journal'
    command = (sys.executable, '-c', HOLD, str(folder))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b'held\n'

        def let_go():
            assert not (folder / 'done').exists()
            other.stdin.close()

        with locked(folder, let_go):
            assert (folder / 'done').exists()
