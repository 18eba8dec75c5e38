# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How good a bundle is: prediction, closed loop, images and reports. No ROS, no torch."""
