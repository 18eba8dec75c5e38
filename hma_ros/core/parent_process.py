# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A process that ends with the one that started it, however that one ends."""

import ctypes
import os
import signal
import sys
from collections.abc import MutableMapping
from pathlib import Path

PARENT_VARIABLE = 'HMA_ROS_PARENT'
_PR_SET_PDEATHSIG = 1
# Loaded before any fork.
_LIBC = ctypes.CDLL(None)
# Who takes over children whose parent has ended.
_INIT = 1


def parent_environment() -> dict[str, str]:
    """Return the variable with which children end when this process does."""
    return {PARENT_VARIABLE: str(os.getpid())}


def end_with_parent() -> None:
    """Get SIGTERM when the thread that started this process ends; Linux alone."""
    if sys.platform == 'linux':
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def follow_parent(environment: MutableMapping[str, str] = os.environ) -> None:
    """
    Arrange for SIGTERM when the process of :func:`parent_environment` ends; for the main thread.

    Without the variable, or with a program in between such as a debugger, nothing changes.

    :param environment: the variable is removed from it, so that own children do not inherit it.
    """
    text = environment.pop(PARENT_VARIABLE, '')
    if not (text.isascii() and text.isdigit()) or sys.platform != 'linux':
        return
    parent, present = int(text), os.getppid()
    if present == parent:
        end_with_parent()
    # The parent may have ended already. One hidden by a program in between may still run.
    if _has_ended(parent, is_seen=present in (parent, _INIT)):
        os.kill(os.getpid(), signal.SIGTERM)


def _has_ended(process: int, is_seen: bool) -> bool:
    try:
        stat = Path(f'/proc/{process}/stat').read_text()
    except OSError:
        return is_seen
    # The name before the state may contain anything. Z: ended, exit code not yet collected.
    return stat.rpartition(')')[2].split()[0] in ('Z', 'X')
