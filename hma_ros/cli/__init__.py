# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The ``hma`` command: one module per sub-command, with heavy imports inside ``run``."""
