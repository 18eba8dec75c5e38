# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The day's bookkeeping, and its robot."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.the_day import __main__ as the_day
from hma_ros.cli.main import main


def test_its_robot_passes_the_check(capsys: Any) -> None:
    assert main(['check', str(the_day.ROBOT)]) == 0
    assert '0 WARN, 0 FAIL' in capsys.readouterr().out


def test_a_step_that_is_repeated_takes_the_place_of_its_first_run(tmp_path: Path) -> None:
    path = tmp_path / 'the_day.json'
    for step, seconds in (('import', 2.0), ('record', 9.0), ('import', 3.0)):
        facts = {'name': 'the_day', 'step': step, 'seconds': seconds}
        the_day.keep(path, facts, 'python -m benchmarks.the_day')
    results = json.loads(path.read_text())['results']
    assert [(item['step'], item['seconds']) for item in results] == [('record', 9), ('import', 3)]


def test_what_ignores_ctrl_c_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes on moving a robot after the step that started it."""
    monkeypatch.setattr(the_day, '_END_S', 0.5)
    text = (
        'import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print("x", flush=True)\n'
        'signal.pause()'
    )
    children, popen = [], subprocess.Popen
    monkeypatch.setattr(
        subprocess,
        'Popen',
        lambda *args, **rest: children.append(popen(*args, **rest)) or children[-1],
    )
    log = tmp_path / 'log'
    ended = the_day._process([sys.executable, '-c', text], log)
    ended.__enter__()
    while not log.read_text():
        assert children[0].poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        ended.__exit__(None, None, None)
    assert children[0].wait(60) != 0
