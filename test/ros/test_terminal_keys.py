# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Without a terminal of its own a command has no keys, and goes on."""

import os
import subprocess
import sys

SCRIPT = 'from hma_ros.ros.terminal_keys import TerminalKeys\nprint(TerminalKeys().is_open)'


def test_the_terminal_of_another_session_has_no_keys() -> None:
    outer, inner = os.openpty()
    try:
        answer = subprocess.run(
            [sys.executable, '-c', SCRIPT],
            stdin=inner,
            capture_output=True,
            text=True,
            start_new_session=True,
        )
    finally:
        os.close(outer)
        os.close(inner)
    assert (answer.stdout, answer.returncode) == ('False\n', 0), answer.stderr
