# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Masked generation without a network: schedules, noise, positions, budgets."""
