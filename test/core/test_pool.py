# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Units of work, shared by processes of this machine; for Ray see test/data/test_ray.py."""

import math
import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from benchmarks.faults.processes import DEADLINE_S, is_running
from hma_ros.cli.main import main
from hma_ros.core.errors import ConfigError
from hma_ros.core.pool import SERIAL, Pool


@pytest.mark.parametrize('pool', [SERIAL, Pool(2)])
def test_results_come_in_the_order_of_the_units(pool: Pool) -> None:
    assert list(pool.map(abs, [-3, 1, -2] * 5)) == [3, 1, 2] * 5


def test_few_units_are_taken_ahead() -> None:
    units = count()
    assert next(Pool(2).map(abs, units)) == 0
    assert next(units) < 20


def test_what_a_unit_raises_is_raised_here() -> None:
    done = Pool(2).map(math.sqrt, [4.0, -1.0])
    assert next(done) == 2.0
    with pytest.raises(ValueError):
        next(done)


def test_a_process_that_dies_ends_the_command() -> None:
    with pytest.raises(ConfigError, match='--workers: got 2 processes of which one died'):
        list(Pool(2).map(os._exit, [1]))


@pytest.mark.skipif(sys.platform != 'linux', reason='needs prctl')
@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_a_command_that_is_killed_leaves_no_workers(number: signal.Signals) -> None:
    code = """
import subprocess, time
from hma_ros.core.pool import Pool
# A shell tells which process started it: the worker.
for told in Pool(2).map(subprocess.getoutput, ['echo $PPID'] * 9):
    print(told, flush=True)
    time.sleep(0.2)
"""
    command = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    workers = {int(command.stdout.readline()) for _ in range(4)}
    command.send_signal(number)
    command.wait(timeout=DEADLINE_S)
    command.stdout.close()
    until_s = time.monotonic() + DEADLINE_S
    while any(map(is_running, workers)):
        assert time.monotonic() < until_s
        time.sleep(0.05)


INTERRUPTED = """\
import signal, sys, time
from pathlib import Path
from hma_ros.core.pool import Pool

def work(path):
    Path(path).write_text('begun')
    time.sleep({seconds})

if __name__ == '__main__':
    # A shell may have started the tests with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        list(Pool(2).map(work, [sys.argv[1], sys.argv[2]]))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize('reaches_workers', [False, True], ids=['kill', 'terminal'])
def test_ctrl_c_waits_for_no_unit_and_is_quiet(tmp_path: Path, reaches_workers: bool) -> None:
    script, begun = tmp_path / 'script.py', [tmp_path / 'a', tmp_path / 'b']
    script.write_text(INTERRUPTED.format(seconds=10 * DEADLINE_S))
    process = subprocess.Popen(
        [sys.executable, str(script), *map(str, begun)],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until_s = time.monotonic() + DEADLINE_S
    while not all(path.exists() for path in begun):
        assert time.monotonic() < until_s
        time.sleep(0.05)
    (os.killpg if reaches_workers else os.kill)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert errors == b''


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(ConfigError, match=r'--ray: .* pip install -r requirements/ray\.txt'):
        Pool(ray='auto').map(abs, [])


@pytest.mark.parametrize('address', ['127.0.0.1:1', '127.0.0.1:99999'])
def test_an_address_where_nothing_listens_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"--ray: got '127\.0\.0\.1:\d+' \(.*expected HOST:PORT"):
        Pool(ray=address).map(abs, [])


def test_at_least_one_process_works(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['data', 'import', 'bag', 'bags/run_1', '--out', 'x', '--workers', '0'])
    assert 'argument --workers: got 0, expected at least 1' in capsys.readouterr().err


def test_a_source_is_no_address(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['data', 'import', 'bag', '--out', 'x', '--ray', 'bags/run_1', 'bags/run_2'])
    assert "argument --ray: got 'bags/run_1', expected HOST:PORT" in capsys.readouterr().err
