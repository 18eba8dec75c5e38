# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The nodes: what connects topics to the layers below."""
