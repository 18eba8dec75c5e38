# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The nodes: what connects topics to the layers below."""

import os

# Before numpy is imported: its matrices are small here, and waiting threads of its linear algebra
# spin on the cores that camera and controller need.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
