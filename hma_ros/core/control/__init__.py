# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a robot measures of itself, and what it is commanded."""
