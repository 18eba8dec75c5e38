# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Faults injected around the executor, and every command judged."""
