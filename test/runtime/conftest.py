# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The shipped bundle, and a model that tests share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope='session')
def bundle():
    return Path(__file__).parents[2] / 'models' / 'hma_sim'
