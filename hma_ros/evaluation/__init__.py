# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How good it is: predictions, policies in closed loop, pictures and reports."""
