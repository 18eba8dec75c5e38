# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether this package computes what the published research code computes, array by array."""
