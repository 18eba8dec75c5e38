# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What Ctrl-C costs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def keeping_nothing(what: str) -> Iterator[None]:
    """Say on Ctrl-C that the work so far is lost; `what` it was for."""
    try:
        yield
    except KeyboardInterrupt:
        print(f'hma: interrupted; nothing is kept of {what}', file=sys.stderr)
        raise
