# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a gripper that takes goals can do to an executor; its server is a process of its own."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial

from diagnostic_msgs.msg import DiagnosticArray

from benchmarks.faults.catalogue import Fault
from benchmarks.faults.gripper_process import GripperProcess
from benchmarks.faults.rig import Rig
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.msg import ActionChunk

_WAIT_S = 60.0
_DIAGNOSTICS, _EXECUTED = '/diagnostics', 'action_executor/executed'
_FAULTS, _UNSTALLED = 'expected it to be carried out', 'without a stall'
_UNKNOWN_REPORTS = 5
_COMMANDS = 100


def fails(rig: Rig, behaviour: str, text: str) -> None:
    """It ends goals badly: an error, and unknown to the model."""
    gripper = _ready(rig)
    gripper.behave(behaviour)
    _expect_fault(rig, text)
    _expect_unknown(rig)


def stalls(rig: Rig) -> None:
    """It holds something: a grasp, and no error."""
    gripper = _ready(rig)
    gripper.behave('stall')
    _until(rig, lambda: len(gripper.positions('stalled')) >= 2, 'two grasps')
    rig.system.last.pop(_DIAGNOSTICS, None)
    _until(rig, lambda: _DIAGNOSTICS in rig.system.last, 'diagnostics')
    if _UNSTALLED in _message(rig):
        rig.stale.append(f'a grasp is an error: {_message(rig)[:200]}')


def dies(rig: Rig, number: signal.Signals) -> None:
    """It ends, or is killed, before the goal does."""
    gripper = _ready(rig)
    _goal_under_way(rig, gripper)
    gripper.send_signal(number)
    _until(rig, lambda: gripper.has_ended, 'its end')
    _expect_fault(rig, 'the goal ')
    _expect_unknown(rig)


def hangs(rig: Rig) -> None:
    """It is suspended: goals are not answered, the arm goes on, and a stop is obeyed."""
    gripper = _ready(rig)
    _until(rig, lambda: gripper.positions('succeeded'), 'a goal')
    gripper.send_signal(signal.SIGSTOP)
    _expect_fault(rig, 'got no answer')
    before = rig.wire.count
    _until(rig, lambda: rig.wire.count > before + _COMMANDS, 'commands beside it')
    rig.stop()
    rig.expect_silence()


def never_ends(rig: Rig) -> None:
    """It accepts a goal and never ends it."""
    gripper = _ready(rig)
    _goal_under_way(rig, gripper)
    rig.has_policy = False
    _expect_fault(rig, 'got no result')


def other_type(rig: Rig) -> None:
    """Another gripper is served under the name."""
    gripper = _ready(rig)
    assert rig.spec.gripper is not None  # noqa: S101
    gripper.end()
    is_parallel = rig.spec.gripper.interface == 'parallel_gripper_command'
    gripper.start('gripper_command' if is_parallel else 'parallel_gripper_command')
    _expect_message(rig, 'got an action server of control_msgs/action/')
    heard = len(gripper.events)
    before = rig.wire.count
    _until(rig, lambda: rig.wire.count > before + _COMMANDS, 'commands beside it')
    if len(gripper.events) > heard:
        rig.stale.append('a goal to a server of another type')
    gripper.end()


def superseded(rig: Rig) -> None:
    """It is so slow that each goal replaces the one before: no error."""
    gripper = _ready(rig)
    gripper.behave('creep')
    before = len(gripper.positions('superseded'))
    _until(rig, lambda: len(gripper.positions('superseded')) > before + 2, 'replaced goals')
    if _UNSTALLED in _message(rig):
        rig.stale.append(f'a goal that was replaced is an error: {_message(rig)[:200]}')


def stop_during_goal(rig: Rig) -> None:
    """A stop cancels the goal, and no other follows."""
    gripper = _ready(rig)
    _goal_under_way(rig, gripper)
    before = len(gripper.positions('canceled'))
    rig.stop()
    _until(rig, lambda: len(gripper.positions('canceled')) > before, 'the cancelled goal')
    sent = len(gripper.positions('goal', 'refused'))
    rig.expect_silence(1.5)
    rig.stale += ['a goal after a stop'] * (len(gripper.positions('goal', 'refused')) - sent)


def configured_during_goal(rig: Rig) -> None:
    """Configured anew: the goal is cancelled, and the interval counts on."""
    gripper = _ready(rig)
    _goal_under_way(rig, gripper)
    before = len(gripper.positions('canceled'))
    rig.deactivate()
    rig.reconfigure()
    rig.activate()
    _until(rig, lambda: len(gripper.positions('canceled')) > before, 'the cancelled goal')
    _goal_under_way(rig, gripper)


def _ready(rig: Rig) -> GripperProcess:
    """Have the robot move and its gripper be commanded, whatever the phase was."""
    assert rig.gripper is not None  # noqa: S101
    if _EXECUTED not in rig.system.counts:
        rig.system.watch(DiagnosticArray, _DIAGNOSTICS)
        rig.system.watch(ActionChunk, _EXECUTED)
        rig.system.counts[_EXECUTED] = 0
    rig.recover()
    done = len(rig.gripper.positions('succeeded'))
    gripper = rig.gripper
    _until(rig, lambda: len(gripper.positions('succeeded')) > done, 'a goal that is reached')
    return gripper


def _goal_under_way(rig: Rig, gripper: GripperProcess) -> None:
    gripper.behave('creep')
    before = len(gripper.positions('superseded', 'goal'))
    _until(rig, lambda: len(gripper.positions('superseded', 'goal')) > before + 1, 'a slow goal')


def _message(rig: Rig) -> str:
    message = rig.system.last.get(_DIAGNOSTICS)
    return str(message.status[0].message) if message else ''


def _expect_message(rig: Rig, text: str) -> None:
    _until(rig, lambda: text in _message(rig), f'diagnostics: {text}')


def _expect_fault(rig: Rig, text: str) -> None:
    _until(rig, lambda: text in _message(rig) and _FAULTS in _message(rig), f'the error: {text}')


def _expect_unknown(rig: Rig) -> None:
    """Judge that the model is not told that the gripper opened or closed."""
    begin_ns, seen = rig.now_ns(), set[int]()

    def has_reports() -> bool:
        report = rig.system.last.get(_EXECUTED)
        stamp = 0 if report is None else stamp_ns(report.header.stamp)
        if stamp > begin_ns and stamp not in seen:
            seen.add(stamp)
            if report is not None and report.horizon:
                rig.stale.append('the model was told of a goal that failed')
        return len(seen) >= _UNKNOWN_REPORTS

    _until(rig, has_reports, 'reports of what was executed')


def _until(rig: Rig, condition: Callable[[], object], what: str) -> None:
    end_s = time.monotonic() + _WAIT_S
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError(f'{what}: not within {_WAIT_S:g} s')
        rig.run(0.05)


_aborts = partial(fails, behaviour='abort', text=_UNSTALLED)
_refuses = partial(fails, behaviour='refuse', text='was refused')
GRIPPER_FAULTS: dict[str, Fault] = {
    'gripper aborts': Fault('gripper', _aborts),
    'gripper refuses': Fault('gripper', _refuses),
    'gripper stalls': Fault('gripper', stalls),
    'gripper ends before the goal': Fault('gripper', partial(dies, number=signal.SIGTERM)),
    'gripper is killed': Fault('gripper', partial(dies, number=signal.SIGKILL)),
    'gripper is suspended': Fault('gripper', hangs),
    'gripper never ends a goal': Fault('gripper', never_ends),
    'gripper of another type': Fault('gripper', other_type),
    'gripper goals replace each other': Fault('gripper', superseded),
    'stop during a gripper goal': Fault('gripper', stop_during_goal),
    'configured anew during a gripper goal': Fault('gripper', configured_during_goal),
}
