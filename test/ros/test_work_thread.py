# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Work beside the executor: woken, repeated, ended with its present call, and never lost."""

import queue
import threading

from benchmarks.faults.processes import DEADLINE_S
from hma_ros.ros.work_thread import WorkThread


def test_works_when_woken_also_while_it_works() -> None:
    begun: queue.SimpleQueue[int] = queue.SimpleQueue()
    go_on = threading.Event()

    def work() -> None:
        begun.put(threading.get_ident())
        go_on.wait(DEADLINE_S)

    thread = WorkThread(work, period_s=1e6)
    first = begun.get(timeout=DEADLINE_S)
    assert first != threading.get_ident()
    thread.wake()
    assert begun.empty()
    go_on.set()
    assert begun.get(timeout=DEADLINE_S) == first
    thread.close(DEADLINE_S)


def test_works_once_in_every_period_without_being_woken() -> None:
    calls: queue.SimpleQueue[None] = queue.SimpleQueue()
    thread = WorkThread(lambda: calls.put(None), period_s=1e-3)
    for _ in range(3):
        calls.get(timeout=DEADLINE_S)
    thread.close(DEADLINE_S)


def test_close_waits_for_the_present_call_and_no_other_follows() -> None:
    has_begun, go_on, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        has_begun.set()
        go_on.wait(DEADLINE_S)
        ended.append(True)

    thread = WorkThread(work, period_s=1e6)
    has_begun.wait(DEADLINE_S)
    threading.Timer(0.05, go_on.set).start()
    assert thread.close(DEADLINE_S)
    assert ended == [True]
    thread.wake()
    assert ended == [True]


def test_what_ends_it_is_told() -> None:
    has_begun = threading.Event()

    def fail() -> None:
        has_begun.set()
        raise IndexError

    thread = WorkThread(fail, period_s=1e6)
    # Closed before it began it would have nothing to tell.
    has_begun.wait(DEADLINE_S)
    thread.close(DEADLINE_S)
    assert thread.failure is not None
    assert 'IndexError' in thread.failure


def test_close_leaves_a_call_that_does_not_end() -> None:
    has_begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        has_begun.set()
        go_on.wait(DEADLINE_S)

    thread = WorkThread(work, period_s=1e6)
    has_begun.wait(DEADLINE_S)
    assert not thread.close(0.01)
    assert thread.is_running
    go_on.set()
    assert thread.close(DEADLINE_S)
