# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Every change of state is logged once at once; to and fro does not flood the log."""

from types import SimpleNamespace

import pytest

from hma_ros.core.control.decision import Decision, State
from hma_ros.ros import state_log
from hma_ros.ros.state_log import StateLog

WAITING, TRACKING = Decision(State.WAITING, None), Decision(State.TRACKING, None)
HOLDING, STOPPED = Decision(State.HOLDING, None), Decision(State.STOPPED, None, ('a stop',))


def lost(age_s: float = 0.102) -> Decision:
    return Decision(State.LOST, None, (f'stale measured pose: got {age_s:.3f} s old',))


class Rig:
    """A log and its clock."""

    def __init__(self, is_shadow: bool = True) -> None:
        self.now_s, self.lines = 100.0, list[str]()
        self.warnings: list[str] = []
        logger = SimpleNamespace(info=self.lines.append, warning=self.warnings.append)
        self.log = StateLog(SimpleNamespace(get_logger=lambda: logger), WAITING, is_shadow)

    def note(self, *decisions: Decision, after_s: float = 0.1) -> None:
        for decision in decisions:
            self.now_s += after_s
            self.log.note(decision)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    made: list[Rig] = []
    monkeypatch.setattr(
        state_log, 'time', SimpleNamespace(monotonic=lambda: made[0].now_s if made else 100.0)
    )
    made.append(Rig())
    return made[0]


def test_each_change_is_logged_at_once_with_its_reasons(rig: Rig) -> None:
    rig.note(HOLDING, TRACKING, lost(), lost(0.2), WAITING)
    assert rig.lines == ['holding', 'lost: stale measured pose: got 0.102 s old', 'waiting']


def test_a_loss_is_a_warning_where_the_robot_follows() -> None:
    rig = Rig(is_shadow=False)
    rig.note(lost())
    assert rig.warnings == ['lost: stale measured pose: got 0.102 s old']


def test_to_and_fro_is_counted_and_told_every_five_seconds(rig: Rig) -> None:
    rig.note(HOLDING, after_s=5.0)
    for index in range(30):
        rig.note(lost(0.1 + index * 1e-3), HOLDING)
    assert rig.lines == [
        'holding',
        'lost: stale measured pose: got 0.100 s old',
        'holding',
        'lost: stale measured pose: got 0.126 s old (50 such changes not logged)',
        'holding',
    ]


def test_another_reason_is_logged_at_once_amid_to_and_fro(rig: Rig) -> None:
    rig.note(HOLDING, lost(), HOLDING, lost(), HOLDING)
    rig.note(Decision(State.LOST, None, ('no gripper',)))
    assert rig.lines[-1] == 'lost: no gripper (2 such changes not logged)'


def test_the_state_in_which_it_ends_is_logged(rig: Rig) -> None:
    rig.note(HOLDING, lost(), HOLDING, lost())
    rig.log.settle()
    assert rig.lines[-1] == 'holding'
    rig.now_s += 1.0
    rig.log.settle()
    rig.log.settle()
    assert rig.lines[3:] == [
        'lost: stale measured pose: got 0.102 s old (1 such change not logged)'
    ]


def test_after_a_stop_the_state_is_logged_at_once(rig: Rig) -> None:
    rig.note(lost(), HOLDING, lost(), STOPPED)
    rig.now_s += 1.0
    # The stop is logged by whoever stopped: what was before it is of no interest any more.
    rig.log.settle()
    assert len(rig.lines) == 3
    rig.note(HOLDING)
    assert rig.lines[-1].startswith('holding')
