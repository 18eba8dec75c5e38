# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Lanes: parts of the tokens of a row that cores compute side by side."""

# How many: see :mod:`hma_ros.network.paper.lanes`.
LANES = 2
