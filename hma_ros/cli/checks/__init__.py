# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What ``hma doctor`` and ``hma check`` look at, one kind per module."""
