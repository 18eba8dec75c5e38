# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""``hma call`` stops and resumes a running executor without the ``ros2`` command."""

import subprocess
import sys
from typing import Any

import pytest

from hma_ros.cli.main import main

pytestmark = pytest.mark.ros


def call(*words: str) -> tuple[int, str]:
    command = [sys.executable, '-m', 'hma_ros.cli.main', 'call', 'robot:=ur5e', 'sim:=true']
    ended = subprocess.run([*command, *words], capture_output=True, text=True)
    return ended.returncode, ended.stdout + ended.stderr


def test_an_executor_is_stopped_and_resumed_and_a_refusal_is_said(system: Any) -> None:
    system.spawn('action_executor', embodiment='sim_ur5e', autostart=True)
    code, text = call('stop', '--timeout', '60')
    assert (code, text.partition(':')[0]) == (0, 'stop'), text
    code, text = call('approve', '--timeout', '60')
    assert code == 1
    assert text.startswith('approve: refused: ')
    assert call('resume', '--timeout', '60')[0] == 0


def test_without_a_node_it_says_where_to_look() -> None:
    code, text = call('namespace:=nowhere', 'stop', '--timeout', '0.2')
    assert code == 2
    assert 'action_executor/stop: expected the service, got none within 0.2 s' in text
    assert 'must be those of hma run predict' in text


def test_without_a_simulated_robot_reset_leaves_the_other_nodes_alone(system: Any) -> None:
    system.spawn('rollout_viewer', embodiment='sim_ur5e', autostart=True)
    system.until_logged('rollout_viewer', 'activated')
    code, text = call('reset', '--timeout', '3')
    assert code == 2
    assert 'sim_robot/reset: expected the service, got none within 3 s' in text
    assert system.state('rollout_viewer') == 'active'


@pytest.mark.parametrize(
    ('words', 'sentence'),
    [
        (['robot:=ur5e'], 'call: got no word, expected stop or resume or approve or reset'),
        (['robot:=ur5e', 'stop', 'resume'], 'call: got stop resume, expected'),
        (['robot:=ur5e', 'reset'], 'call: got reset of a real robot, expected sim:=true'),
        (['stop'], 'robot: got nothing'),
        (['robot:=ur5e', 'horizon:=2', 'stop'], "got 'horizon'"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['call', *words]) == 2
    assert sentence in capsys.readouterr().err
