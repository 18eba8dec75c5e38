# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Lets the tests of this folder share the simulated wire."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
