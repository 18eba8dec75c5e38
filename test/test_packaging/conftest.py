# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Fixtures of the packaging tests."""

from pathlib import Path

import pytest


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a folder that the bringup takes for a bundle."""
    (tmp_path / 'manifest.json').write_text('{}')
    return tmp_path
