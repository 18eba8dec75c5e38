# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a library says through the root logger."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def without_advice(package: str) -> Iterator[None]:
    """
    Leave out what a package logs below an error; all else is logged as before.

    :param package: name of the folder that holds its modules.
    """
    root = logging.getLogger()
    # Without any handler, the first record would add one to the root logger for good.
    added = [] if root.handlers or logging.lastResort is None else [logging.lastResort]

    def is_wanted(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or package not in Path(record.pathname).parts

    root.addFilter(is_wanted)
    for handler in added:
        root.addHandler(handler)
    try:
        yield
    finally:
        root.removeFilter(is_wanted)
        for handler in added:
            root.removeHandler(handler)
