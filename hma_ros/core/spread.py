# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Evenly spread indices."""

import numpy as np


def evenly_spread(count: int, most: int) -> list[int]:
    """Return up to ``most`` of the numbers 0 to ``count - 1``, the first and last among them."""
    places: list[int] = np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
    return places
