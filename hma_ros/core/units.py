# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Units of time: stamps are integer nanoseconds, durations are seconds."""

NS_PER_S = 1_000_000_000
