# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Injects faults around the executor and checks every command."""
