# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Lets the tests of this folder share cases and mutations, and says how many cases ran."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cases import COUNTS, PROFILE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allow failures whose input is long."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings('ignore:Generating overly large repr'))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the count."""
    if not COUNTS:
        return
    terminalreporter.write_line(
        f'fuzz: {sum(COUNTS.values())} cases of {len(COUNTS)} kinds (profile {PROFILE}): '
        + ', '.join(f'{kind} {count}' for kind, count in sorted(COUNTS.items()))
    )
