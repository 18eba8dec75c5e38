# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Nobody but one executor may command the robot, and /clock has one source that runs."""

from types import SimpleNamespace
from typing import Any

import pytest

from hma_ros.cli.checks.finding import Level
from hma_ros.cli.checks.graph import judge_clock, judge_command_publishers


def node(*names: str, clocks: int = 0) -> Any:
    publishers = [SimpleNamespace(node_name=name, node_namespace='/') for name in names]
    return SimpleNamespace(
        get_publishers_info_by_topic=lambda topic: publishers,
        count_publishers=lambda topic: clocks,
    )


@pytest.mark.parametrize('names', [[], ['action_executor']])
def test_our_executor_alone_is_well(names: list[str]) -> None:
    assert judge_command_publishers(node(*names), '/commands', executes=True) == []


@pytest.mark.parametrize(
    ('names', 'executes', 'level', 'text'),
    [
        (['teleop'], False, Level.WARN, 'got commands from /teleop'),
        (['teleop'], True, Level.FAIL, 'got commands from /teleop'),
        (['action_executor', 'teleop'], True, Level.FAIL, 'got commands from /teleop'),
        (['action_executor', 'action_executor'], False, Level.FAIL, 'got 2 executors'),
    ],
)
def test_another_commander_is_named(
    names: list[str], executes: bool, level: Level, text: str
) -> None:
    (finding,) = judge_command_publishers(node(*names), '/commands', executes)
    assert finding.level is level
    assert text in finding.text


@pytest.mark.parametrize(
    ('clocks', 'simulated', 'is_running', 'level'),
    [
        (1, False, True, Level.OK),
        (1, False, False, Level.FAIL),
        (2, True, True, Level.FAIL),
        (0, False, False, Level.FAIL),
        (0, True, False, Level.WARN),
    ],
)
def test_the_clock(clocks: int, simulated: bool, is_running: bool, level: Level) -> None:
    assert judge_clock(node(clocks=clocks), simulated, is_running).level is level
