# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Children follow a parent that ends without a word, if it asked for that."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hma_ros.core.parent_process import PARENT_VARIABLE, follow_parent, parent_environment

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='needs prctl and /proc')
DEADLINE_S = 30.0

CHILD = """
import os, signal, sys, time
from hma_ros.core.parent_process import follow_parent
folder = sys.argv[1]
def end(*_):
    open(folder + '/ended', 'w').close()
    sys.exit()
signal.signal(signal.SIGTERM, end)
follow_parent()
with open(folder + '/draft', 'w') as file:
    file.write(str(os.getpid()))
os.replace(folder + '/draft', folder + '/ready')
time.sleep(60)
"""
PARENT = """
import os, subprocess, sys
from hma_ros.core.parent_process import parent_environment
asked = parent_environment() if sys.argv[3] == 'ask' else {}
subprocess.run([sys.executable, '-c', sys.argv[1], sys.argv[2]], env={**os.environ, **asked})
"""


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_a_child_follows_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    parent, _ = _start(tmp_path, 'ask')
    parent.send_signal(number)
    parent.wait(timeout=DEADLINE_S)
    _wait_for(tmp_path / 'ended')


def test_a_child_that_was_not_asked_goes_on(tmp_path: Path) -> None:
    parent, child = _start(tmp_path, 'leave')
    parent.kill()
    parent.wait(timeout=DEADLINE_S)
    time.sleep(0.3)
    assert not (tmp_path / 'ended').exists()
    os.kill(child, signal.SIGTERM)
    _wait_for(tmp_path / 'ended')


def test_a_parent_that_has_ended_before_is_followed(tmp_path: Path) -> None:
    # Nobody asks for its exit code before the child looks.
    gone = subprocess.Popen([sys.executable, '-c', ''])
    os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
    environment = {**os.environ, PARENT_VARIABLE: str(gone.pid)}
    command = [sys.executable, '-c', CHILD, str(tmp_path)]
    assert subprocess.run(command, env=environment, timeout=DEADLINE_S).returncode == 0
    assert (tmp_path / 'ended').exists()
    assert not (tmp_path / 'ready').exists()
    gone.wait()
    # A program in between, from where that process cannot be seen: as in a container.
    environment = {PARENT_VARIABLE: str(gone.pid)}
    follow_parent(environment)
    assert not environment


def test_a_program_in_between_changes_nothing() -> None:
    environment = {**parent_environment(), 'HOME': '/home'}
    # This process is not its own parent, but it runs.
    follow_parent(environment)
    assert environment == {'HOME': '/home'}


@pytest.mark.parametrize('text', ['', 'me', '-1', '¹'])
def test_a_variable_that_is_no_process_changes_nothing(text: str) -> None:
    follow_parent({PARENT_VARIABLE: text})


def _start(folder: Path, asks: str) -> tuple['subprocess.Popen[bytes]', int]:
    command = [sys.executable, '-c', PARENT, CHILD, str(folder), asks]
    parent = subprocess.Popen(command)
    return parent, int(_wait_for(folder / 'ready').read_text())


def _wait_for(path: Path) -> Path:
    deadline = time.monotonic() + DEADLINE_S
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)
    return path
