# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Benchmarks of a bundle: ``python -m benchmarks --help``."""
