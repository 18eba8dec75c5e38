# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The supervisor runs real processes.

Pinned: reverse order of stopping, each before the next; the dead are named with their exit code;
a process that ignores SIGTERM still ends; output keeps the name of its node.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.faults.processes import DEADLINE_S
from hma_ros.bringup import Bringup, Process
from hma_ros.cli import supervisor
from hma_ros.cli.supervisor import Supervisor, command_line, find_executable, supervise
from hma_ros.core.errors import ConfigError

MakeExecutable = Callable[[str, str], None]

# Says when it is ready and when it ends, on SIGTERM.
POLITE = """
import signal, sys, time
from pathlib import Path
name, journal = sys.argv[1], Path(sys.argv[2])
def stop(number, frame):
    time.sleep(0.2)
    with journal.open('a') as stream:
        stream.write(name + chr(10))
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print('ready', flush=True)
(journal.parent / (name + '.ready')).touch()
while True:
    time.sleep(0.05)
"""
STUBBORN = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
(Path(sys.argv[2]).parent / (sys.argv[1] + '.ready')).touch()
while True:
    time.sleep(0.05)
"""


def _process(executable: str, name: str, journal: Path) -> Process:
    return Process('tiny', executable, name, 'test', arguments=(name, str(journal)))


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not path.exists():
        assert time.monotonic() < deadline, f'{path.name} never came'
        time.sleep(0.01)


def test_processes_stop_in_reverse_order(
    make_executable: MakeExecutable, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_executable('polite', POLITE)
    journal = tmp_path / 'journal'
    names = ['robot', 'model', 'executor']
    processes = tuple(_process('polite', name, journal) for name in names)
    running = Supervisor(Bringup('', processes))
    running.start()
    for name in names:
        _wait_for(tmp_path / f'{name}.ready')
    running.stop()
    assert journal.read_text().split() == ['executor', 'model', 'robot']
    assert capfd.readouterr().out.splitlines().count('[executor] ready') == 1


def test_a_dead_process_is_named_and_stops_the_rest(
    make_executable: MakeExecutable, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_executable('polite', POLITE)
    make_executable('fragile', 'import sys; sys.exit(7)')
    journal = tmp_path / 'journal'
    processes = (_process('polite', 'robot', journal), _process('fragile', 'model', journal))
    assert supervise(Bringup('', processes)) == 1
    assert 'hma: model ended by itself: exit code 7' in capfd.readouterr().err


def test_the_rest_goes_on_without_a_viewer(
    make_executable: MakeExecutable, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_executable('polite', POLITE)
    make_executable('fragile', 'import sys; sys.exit(7)')
    viewer = replace(_process('fragile', 'viewer', tmp_path / 'x'), ends_all=False)
    robot = _process('polite', 'robot', tmp_path / 'journal')
    running = Supervisor(Bringup('', (viewer, robot)))
    running.start()
    stop: queue.SimpleQueue[int] = queue.SimpleQueue()
    waiter = threading.Thread(target=lambda: results.append(running.wait(stop)))
    results: list[bool] = []
    waiter.start()
    _wait_for(tmp_path / 'robot.ready')
    said = ''
    deadline = time.monotonic() + DEADLINE_S
    while 'hma: viewer ended by itself: exit code 7; the others continue' not in said:
        assert time.monotonic() < deadline, said
        said += capfd.readouterr().err
    assert waiter.is_alive()
    stop.put(signal.SIGINT)
    waiter.join(DEADLINE_S)
    running.stop()
    assert results == [True]
    assert (tmp_path / 'journal').read_text().split() == ['robot']


def test_a_process_that_ignores_sigterm_is_killed(
    make_executable: MakeExecutable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(supervisor, 'END_GRACE_S', 0.2)
    make_executable('stubborn', STUBBORN)
    running = Supervisor(Bringup('', (_process('stubborn', 'model', tmp_path / 'x'),)))
    running.start()
    _wait_for(tmp_path / 'model.ready')
    running.stop()
    assert 'model did not end, sending SIGKILL' in capfd.readouterr().err


def test_children_follow_a_killed_supervisor(
    make_executable: MakeExecutable, tmp_path: Path
) -> None:
    make_executable('polite', POLITE)
    journal = tmp_path / 'journal'
    script = (
        'from hma_ros.bringup import Bringup, Process\n'
        'from hma_ros.cli.supervisor import supervise\n'
        f'arguments = ("robot", {str(journal)!r})\n'
        'process = Process("tiny", "polite", "robot", "", arguments=arguments)\n'
        'supervise(Bringup("", (process,)))\n'
    )
    parent = subprocess.Popen([sys.executable, '-c', script], stdout=subprocess.DEVNULL)
    _wait_for(tmp_path / 'robot.ready')
    parent.send_signal(signal.SIGKILL)
    parent.wait(timeout=DEADLINE_S)
    _wait_for(journal)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_in_reverse_order_even_if_nobody_reads(
    make_executable: MakeExecutable, tmp_path: Path, number: signal.Signals
) -> None:
    make_executable('polite', POLITE)
    journal = tmp_path / 'journal'
    script = (
        'import sys\n'
        'from hma_ros.bringup import Bringup, Process\n'
        'from hma_ros.cli.supervisor import supervise\n'
        f'journal = {str(journal)!r}\n'
        'processes = tuple(Process("tiny", "polite", name, "", arguments=(name, journal))'
        ' for name in ("robot", "executor"))\n'
        'sys.exit(supervise(Bringup("", processes)))\n'
    )
    command = [sys.executable, '-c', script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        parent.stdout.close()
        parent.stderr.close()
        for name in ('robot', 'executor'):
            _wait_for(tmp_path / f'{name}.ready')
        parent.send_signal(number)
        parent.wait(timeout=DEADLINE_S)
    assert journal.read_text().split() == ['executor', 'robot']


def test_ros_arguments_keep_their_types(make_executable: MakeExecutable) -> None:
    make_executable('node', '')
    parameters = (('a', True), ('b', 2), ('c', 1.0), ('d', '7'))
    process = Process('tiny', 'node', 'x', '', parameters, remappings=(('in', 'out'),))
    assert command_line(process, '/left')[1:] == [
        '--ros-args',
        '-r',
        '__node:=x',
        '-r',
        '__ns:=/left',
        '-r',
        'in:=out',
        '-p',
        'a:=true',
        '-p',
        'b:=2',
        '-p',
        'c:=1.0',
        '-p',
        'd:="7"',
    ]


def test_a_missing_executable_says_how_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'nowhere_node: got no executable.*make setup'):
        find_executable('hma_ros', 'nowhere_node')


def test_a_program_that_no_wheel_has_says_where_it_comes_from() -> None:
    with pytest.raises(ConfigError, match=r'rviz9: got no executable.*apt-get.*rviz:=true') as no:
        find_executable('rviz9', 'rviz9')
    assert 'run `make setup`' not in str(no.value)


def test_our_executables_are_found() -> None:
    assert os.access(find_executable('hma_ros', 'action_executor_node'), os.X_OK)
