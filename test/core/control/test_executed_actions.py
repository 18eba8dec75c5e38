# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A report comes first, a measurement stands in, and nothing is made up."""

import numpy as np
import pytest

from hma_ros.core.control.executed_actions import ExecutedActions
from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment import load_embodiment

MS = 1_000_000
START = 5_000 * MS
UR5E = load_embodiment('sim_ur5e')
REPORT = np.full((2, 6), 0.5)
EMPTY = np.zeros((0, 6))


@pytest.fixture
def measured() -> StateHistory:
    return StateHistory(UR5E)


def move(measured: StateHistory, until_ms: int) -> None:
    for offset in range(0, until_ms + 1, 10):
        measured.add_joints(0, START + offset * MS, UR5E.state.joints, np.full(6, offset / 1000))


def test_a_report_comes_first(measured: StateHistory) -> None:
    executed = ExecutedActions(UR5E, measured)
    move(measured, 300)
    assert executed.may_come(START, has_reporter=True)
    executed.report(START, REPORT)
    assert not executed.may_come(START, has_reporter=True)
    actions, origin = executed.find(START)
    np.testing.assert_array_equal(actions, REPORT)
    assert origin == 'reported'


@pytest.mark.parametrize('reports', [[], [EMPTY], [REPORT[:1]]])
def test_without_a_usable_report_the_measurement_stands_in(
    measured: StateHistory, reports: list[np.ndarray]
) -> None:
    executed = ExecutedActions(UR5E, measured)
    for report in reports:
        executed.report(START, report)
    move(measured, 190)
    has_reporter = bool(reports)
    assert executed.may_come(START, has_reporter)
    assert executed.find(START) == (None, 'unknown')
    move(measured, 200)
    assert not executed.may_come(START, has_reporter)
    actions, origin = executed.find(START)
    np.testing.assert_allclose(actions, np.full((2, 6), 0.1))
    assert origin == 'measured'


def test_a_silent_robot_is_not_waited_for(measured: StateHistory) -> None:
    executed = ExecutedActions(UR5E, measured)
    assert not executed.may_come(START, has_reporter=False)
    assert executed.find(START) == (None, 'unknown')


def test_old_reports_are_forgotten(measured: StateHistory) -> None:
    executed = ExecutedActions(UR5E, measured)
    for index in range(40):
        executed.report(START + index, REPORT)
    assert executed.find(START)[1] == 'unknown'
    assert executed.find(START + 39)[1] == 'reported'
