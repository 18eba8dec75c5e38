# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writes the page of results from what was measured: ``python -m benchmarks report``."""
