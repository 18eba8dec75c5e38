# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Output that never blocks the node.

A reader that stops reading fills the pipe behind stderr, and a terminal may be paused; logging
then blocks, in the control loop too. Here a thread forwards the output and may block instead. When
its pipe is full as well, further output is lost.
"""

import fcntl
import os
import threading

_CAPACITY = 1 << 20
_CHUNK = 1 << 16
_LAST_WORDS_S = 1.0


class LogRelay:
    """Carries stdout and stderr of this process until :meth:`close`."""

    def __init__(self) -> None:
        if os.isatty(2):
            # The loggers see a pipe from now on.
            os.environ.setdefault('RCUTILS_COLORIZED_OUTPUT', '1')
        self._streams = [_Stream(number) for number in (1, 2)]

    def close(self) -> None:
        """Restore the outputs; waits a moment for what is still under way."""
        for stream in self._streams:
            stream.close()


class _Stream:
    def __init__(self, number: int) -> None:
        self._number, self._original = number, os.dup(number)
        self._source, sink = os.pipe()
        _enlarge(sink)
        # This end only: the file behind the original may belong to others too.
        os.set_blocking(sink, False)
        os.dup2(sink, number)
        os.close(sink)
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # The pipe ends with its last writer; children that inherited it keep it open.
        os.dup2(self._original, self._number)
        self._thread.join(_LAST_WORDS_S)

    def _carry(self) -> None:
        while data := os.read(self._source, _CHUNK):
            try:
                while data:
                    data = data[os.write(self._original, data) :]
            except OSError:
                # No reader is left; output is still drained.
                continue


def _enlarge(pipe: int) -> None:
    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _CAPACITY)
    except (AttributeError, OSError):
        # Not known everywhere, and users have a quota: the default will do.
        return
