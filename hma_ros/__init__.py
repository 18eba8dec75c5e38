# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""HMA, a robot world model and policy, on the robot."""
