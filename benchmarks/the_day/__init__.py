# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""From a robot of others to a policy, the same day: ``python -m benchmarks.the_day``."""
