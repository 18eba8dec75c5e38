# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What runs on the robot: bundle, onnxruntime sessions and the world model. No ROS, no torch."""
