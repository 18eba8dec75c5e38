# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writes the page of results from files of measurements: ``python -m benchmarks report``."""
