# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Single keys of the terminal, without Enter."""

import os
import select
import sys
import termios
import tty


class TerminalKeys:
    """
    Reads keys until :meth:`close`, which restores the terminal.

    Where the input is no terminal, or that of another job, there are no keys.
    """

    def __init__(self) -> None:
        self._number = sys.stdin.fileno()
        self._before: list[object] | None = None
        if os.isatty(self._number) and _is_in_foreground(self._number):
            self._before = termios.tcgetattr(self._number)
            tty.setcbreak(self._number)

    @property
    def is_open(self) -> bool:
        """Whether there are keys."""
        return self._before is not None

    def pressed(self) -> str:
        """Return the keys pressed since the last call, in order; never waits."""
        if not self.is_open or not select.select([self._number], [], [], 0)[0]:
            return ''
        return os.read(self._number, 64).decode(errors='replace')

    def close(self) -> None:
        """Restore the terminal."""
        before, self._before = self._before, None
        if before is not None:
            termios.tcsetattr(self._number, termios.TCSANOW, before)  # type: ignore[arg-type]


def _is_in_foreground(terminal: int) -> bool:
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # not the terminal of this session, e.g. after setsid
        return False
