# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Recorded and generated episodes, on disk and as training windows."""
