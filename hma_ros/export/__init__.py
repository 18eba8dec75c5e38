# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""From a trained network to a bundle, with a parity check that both compute the same."""
