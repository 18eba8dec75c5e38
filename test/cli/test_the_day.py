# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The day's bookkeeping, and its robot."""

import json
from pathlib import Path
from typing import Any

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
