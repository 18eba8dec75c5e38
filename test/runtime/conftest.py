# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The shipped bundle."""

from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def bundle():
    return Path(__file__).parents[2] / 'models' / 'hma_sim'
