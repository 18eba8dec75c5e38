# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""From action chunks to commands: plan, guard and state machine of the executor, without ROS."""
