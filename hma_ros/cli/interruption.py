# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What Ctrl-C costs, and what SIGTERM leaves."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def keeping_nothing(what: str) -> Iterator[None]:
    """Say on Ctrl-C that the work so far is lost; `what` names it."""
    try:
        yield
    except KeyboardInterrupt:
        print(f'hma: interrupted; nothing is kept of {what}', file=sys.stderr)
        raise


@contextmanager
def tidy_when_ended() -> Iterator[None]:
    """On SIGTERM, leave as an error does: temporary folders go; for the main thread."""

    def leave(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
