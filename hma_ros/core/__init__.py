# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What needs neither ROS nor a neural network: embodiments, images, plans, limits."""
