# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Camera images as the model sees them, and images for people."""
