# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Data sets from simulators that nobody here wrote: ``python -m benchmarks.external_data``."""
