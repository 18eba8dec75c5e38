# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the demonstration says of a machine that is too slow for it."""

import pytest

from hma_ros.cli.demo import slowness
from hma_ros.cli.main import main


def told(p95_ms: str, late: str) -> str:
    facts = {
        'world_model': {'image stamp to action p95 ms': p95_ms},
        'action_executor': {'late chunks': late},
    }
    return slowness(facts, step_s=0.1, factor=0.3)


def test_a_slow_machine_is_told_what_to_lower() -> None:
    assert told('131.400', '17') == (
        'this machine is too slow for 0.3 of real time: from image to action it took 131 ms '
        '(p95), a step lasts 100 ms, and 17 chunks came too late; try --real-time-factor 0.15'
    )


def test_late_chunks_alone_are_told() -> None:
    assert '9 chunks came too late' in told('80.0', '9')


def test_a_fast_machine_is_told_nothing() -> None:
    assert told('60.0', '1') == ''
    assert slowness({}, step_s=0.1, factor=0.3) == ''


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['run', 'demo', '--help'])
    assert 'hma run demo --real-time-factor' in capsys.readouterr().out
