# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where files go that can be made again."""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return our folder in the user's cache (XDG base directory specification)."""
    return Path(environment.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'hma_ros'
