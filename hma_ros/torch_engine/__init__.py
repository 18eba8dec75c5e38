# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""HMA on torch; loaded by name when ``provider:=torch-cuda`` asks for it."""
