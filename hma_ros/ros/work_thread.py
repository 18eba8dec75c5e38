# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Slow work beside the executor, which goes on receiving meanwhile."""

import threading
import traceback
from collections.abc import Callable


class WorkThread:
    """
    Calls a function whenever it is woken, and at least once in every period.

    A thread of its own rather than a second thread of the executor: rclpy's MultiThreadedExecutor
    hands out a callback that has not begun yet again and again, which blocks a busy node for
    seconds.

    ``failure`` is the traceback of what ended the thread, None while it runs.

    :param work: what to do; it has the thread to itself.
    :param period_s: the longest time between two calls.
    """

    def __init__(self, work: Callable[[], None], period_s: float) -> None:
        self._work, self._period_s = work, period_s
        self._is_woken, self._is_closed = threading.Event(), False
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have the function called, or called again if it is running."""
        self._is_woken.set()

    @property
    def is_running(self) -> bool:
        """Whether the thread is still running."""
        return self._thread.is_alive()

    def close(self, timeout_s: float) -> bool:
        """End the thread after the present call; returns whether it ended in time."""
        self._is_closed = True
        self._is_woken.set()
        self._thread.join(timeout_s)
        return not self.is_running

    def _run(self) -> None:
        try:
            while not self._is_closed:
                self._work()
                self._is_woken.wait(self._period_s)
                self._is_woken.clear()
        except Exception:
            # Nobody waits for this thread: whoever runs the node looks here.
            self.failure = traceback.format_exc()
