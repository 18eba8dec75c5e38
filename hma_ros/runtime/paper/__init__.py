# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The paper's models at run time: past rows are kept, a new row is computed once."""
