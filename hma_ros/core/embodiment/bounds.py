# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The largest values an embodiment file may hold.

They are far beyond any robot: whatever lies outside is a slip of the keyboard, and would cost
memory or time before anything else noticed it.
"""

FILE_BYTES = 100_000
# Entries of the file, those of an alias counted wherever it is used.
NODES = 10_000
DEPTH = 20
NUMBER = 1e9
SMALLEST_POSITIVE = 1e-6
IMAGE_SIDE_PX = 10_000
# Smallest and largest side of the square that a model sees.
MODEL_SIDE_PX = (16, 1024)
# Lowest and highest frame_hz, control_hz and command_hz.
RATE_HZ = (0.01, 1_000.0)
STRIDE = 1_000
