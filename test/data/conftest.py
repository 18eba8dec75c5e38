# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Modules beside the tests of this folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
