# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Between ROS messages and arrays: conversions, lifecycle, parameters, diagnostics. No model."""
