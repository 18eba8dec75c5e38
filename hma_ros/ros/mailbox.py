# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The newest messages, undecoded: the callback that receives them does nothing else."""

import threading
from collections import OrderedDict
from typing import Any


class Mailbox:
    """
    Keeps the last messages by stamp; safe to use from several threads.

    :param size: how many are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._messages: OrderedDict[int, tuple[Any, float]] = OrderedDict()

    def put(self, stamp_ns: int, message: Any, receipt_s: float) -> None:
        """Keep a message; the oldest one makes room."""
        with self._lock:
            self._messages[stamp_ns] = (message, receipt_s)
            while len(self._messages) > self._size:
                self._messages.popitem(last=False)

    def take(self, stamp_ns: int) -> tuple[Any, float] | None:
        """Return the message of a stamp and its receipt, and drop it; None if it is gone."""
        with self._lock:
            return self._messages.pop(stamp_ns, None)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._messages.clear()
